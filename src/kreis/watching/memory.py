"""What `kreis watch` remembers from one look to the next. It is kept in the ledger, in the look's own transaction."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec

from kreis.errors import CorruptionError
from kreis.ledger import watchers
from kreis.ledger.records import WatcherMemory
from kreis.ledger.transaction import Transaction
from kreis.workspace import Workspace

__all__ = ["CoverageWatched", "WatchMemory", "WatchedBy", "forget_file", "load_memory", "save_memory"]

_FILE = "watch.json"
"""Where it was kept before it was on the record; taken over once."""


class WatchedBy(msgspec.Struct, kw_only=True):
    """How far one monitor has come."""

    next_day: date | None = None
    """The first day that it has not taken in; None before its first day."""
    champion: str = ""
    """The model in service on the last day that it has taken in."""
    state: dict[str, Any] | None = None


class CoverageWatched(msgspec.Struct, kw_only=True):
    """How far the levels of a model's coverage have come."""

    release: int
    """The number of the release with which it came into service."""
    next_day: date
    """The first day whose outcomes they have not taken in."""


class WatchMemory(msgspec.Struct, kw_only=True):
    """What is kept between looks."""

    monitors: dict[str, WatchedBy] = {}
    coverage: dict[str, CoverageWatched] = {}
    """By digest of each model in service whose coverage adapts."""
    looked_at: datetime | None = None
    collected_at: datetime | None = None
    """When new data were last collected, or this was tried."""
    quiet_until: datetime | None = None
    """Until when no monitor may send the work back again."""
    failures: int = 0
    """Circles for the alert that waits that have failed, one after the other."""
    retry_at: datetime | None = None
    """When such a circle is tried again."""

    def copy(self) -> WatchMemory:
        """One to change, while this one stays as it is on the record."""
        return msgspec.convert(self.to_document(), type=WatchMemory)

    def to_document(self) -> dict[str, Any]:
        """As a plain JSON document."""
        document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return document


class _Before(msgspec.Struct, kw_only=True):
    """What `watch.json` held; which alert waits is on the record."""

    champion: str = ""
    next_day: date | None = None
    states: dict[str, dict[str, Any] | None] = {}
    quiet_until: datetime | None = None


def load_memory(workspace: Workspace, project: str) -> tuple[WatchMemory, bool]:
    """The memory, and whether it stands on the record already.

    Raises:
        CorruptionError: the record or the file of an earlier version cannot be read.
    """
    with workspace.ledger.read() as connection:
        kept = watchers.recall(connection, project)
    if kept is not None:
        try:
            return msgspec.convert(kept.document, type=WatchMemory), True
        except msgspec.ValidationError as error:
            raise CorruptionError(
                f"what watching remembers is of a form that this version does not read: {error}",
                where=f"{workspace.ledger.where}, watchers {project!r}",
                hint="watch with the version of kreis that wrote it",
            ) from error
    path = workspace.state / _FILE
    if not path.exists():
        return WatchMemory(), False
    return _taken_over(path), False


def save_memory(tx: Transaction, project: str, memory: WatchMemory) -> None:
    """Keep a memory."""
    watchers.remember(tx, WatcherMemory(project=project, document=memory.to_document(), at=tx.now))


def forget_file(workspace: Workspace) -> None:
    """Remove the file of an earlier version, once what it held is on the record."""
    (workspace.state / _FILE).unlink(missing_ok=True)


def _taken_over(path: Path) -> WatchMemory:
    try:
        if not path.is_file():
            raise OSError("it is not a regular file")
        before = msgspec.json.decode(path.read_bytes(), type=_Before)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CorruptionError(
            f"what watching remembered cannot be read: {error}",
            where=str(path),
            hint="restore it, or move it away: the monitors then begin with the present version's first day",
        ) from error
    return WatchMemory(
        monitors={
            name: WatchedBy(next_day=before.next_day, champion=before.champion, state=state)
            for name, state in before.states.items()
        },
        quiet_until=before.quiet_until,
    )
