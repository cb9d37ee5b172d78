"""At which levels the answers of a release are said: as they were fitted, or as outcomes have moved them, on record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from kreis.ledger.levels import last_move
from kreis.ledger.records import LevelMove, Release
from kreis.models.answer_parts.levels import Levels

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from kreis.evaluation.coverage.adapting import WalkedLevels

__all__ = ["in_service_since", "levels_in_service", "move_in_service", "walked_of"]


def in_service_since(history: Sequence[Release], model: str) -> Release | None:
    """The release with which a model came into service, and has stayed since; None where it is not.

    Args:
        history: A project's releases.
        model: Its digest.
    """
    since = None
    for release in sorted(history, key=lambda each: each.number, reverse=True):
        if model not in [route.model for route in release.routes if route.mode == "live"]:
            break
        since = release
    return since


def move_in_service(connection: Connection, history: Sequence[Release], model: str) -> LevelMove | None:
    """The last move of a model's levels since it came into service; None where it answers as it was fitted.

    Raises:
        CorruptionError: it was put there by something else than kreis.
    """
    move, since = last_move(connection, model), in_service_since(history, model)
    return move if move is not None and since is not None and move.release == since.number else None


def levels_in_service(connection: Connection, history: Sequence[Release], model: str) -> Levels | None:
    """The levels at which a model's answers are said; None where as they were fitted.

    Raises:
        CorruptionError: they were put there by something else than kreis.
    """
    move = move_in_service(connection, history, model)
    return None if move is None else walked_of(move).served


def walked_of(move: LevelMove) -> WalkedLevels:
    """How far levels have come by a move."""
    from kreis.evaluation.coverage.adapting import WalkedLevels

    return msgspec.convert(move.levels, WalkedLevels)
