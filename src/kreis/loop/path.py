"""The disciplines that a run performs, by name."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kreis.disciplines import DISCIPLINES, Discipline, up_to
from kreis.errors import ProjectError
from kreis.loop.way import Way
from kreis.workspace import Workspace

__all__ = ["check_moment", "discipline_named", "path_of", "recomputed"]


def discipline_named(way: Way[Any], name: str) -> Discipline:
    """A discipline that a way walks, by name.

    Raises:
        ProjectError: there is none of this name, or it is left to `kreis watch`.
    """
    for discipline in way.performs:
        if discipline == name:
            return discipline
    raise ProjectError.unknown_name("discipline", name, way.performs)


def path_of(way: Way[Any], until: str, start_at: str) -> tuple[list[Discipline], Discipline | None]:
    """What a run performs up to a discipline, and the one that it starts at, if one is named.

    Raises:
        ProjectError: there is none of a name, or it would start behind its end.
    """
    last = up_to(discipline_named(way, until))
    path = [each for each in way.performs if each in last]
    first = discipline_named(way, start_at) if start_at else None
    if first is not None and first not in path:
        raise ProjectError(f"it would start at {first}, which comes after {until}", where="--start-at, --until")
    return path, first


def recomputed(first: Discipline | None) -> frozenset[str]:
    """The disciplines whose steps are computed whatever is known."""
    return frozenset() if first is None else frozenset(DISCIPLINES[DISCIPLINES.index(first) :])


def check_moment(workspace: Workspace, as_of: datetime) -> None:
    """Refuse a moment that has not come.

    Raises:
        ProjectError: it is in the future.
    """
    if as_of > workspace.clock.now():
        raise ProjectError(
            f"{as_of:%Y-%m-%d %H:%M} UTC is in the future",
            where="--as-of, or as_of in kreis.toml",
            hint="choose a moment that has passed",
        )
