"""A release: which models answer which share of the traffic, and the releases before it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from kreis.deployment.coverage_levels import in_service_since
from kreis.errors import ProjectError
from kreis.ledger import levels, models, releases, runs
from kreis.ledger.records import LevelMove, Model, Release, Route
from kreis.workspace import Workspace

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["FormerRelease", "ReleaseView", "RouteView", "project_of", "release_view", "routes_of"]

_HISTORY = 10


class RouteView(Route, frozen=True, kw_only=True):
    """A route, and what its model is called."""

    candidate: str
    version: int


class FormerRelease(msgspec.Struct, frozen=True, kw_only=True):
    """A release in the list of the last ones."""

    number: int
    kind: str
    at: datetime
    actor: str
    reason: str


class ReleaseView(Release, frozen=True, kw_only=True):
    """A release, with what its models are called and the releases up to now."""

    routes: list[RouteView]  # type: ignore[assignment]  # a list is read only here
    fallback_candidate: str | None = None
    fallback_version: int | None = None
    history: list[FormerRelease]
    moves: list[LevelMove]
    """The last moves of the levels at which its models' coverage is said, the newest first; of the current release."""


def release_view(workspace: Workspace, name: str) -> ReleaseView:
    """A release by number or identifier; the current one without a name.

    Raises:
        ProjectError: no such release, or none yet.
    """
    with workspace.ledger.read() as connection:
        project = project_of(connection, workspace)
        if name:
            release = releases.get_release(connection, int(name) if name.isdecimal() else name, project=project)
        else:
            current = releases.current_release(connection, project)
            if current is None:
                raise ProjectError("nothing is in service yet", where=str(workspace.folder), hint="kreis run")
            release = current
        known = {model.digest: model for model in models.list_models(connection, project)}
        every = releases.list_releases(connection, project)
        moves = _moves(connection, release, every)
    history = every[:_HISTORY]
    fallback = known.get(release.fallback or "")
    return ReleaseView(
        **{**msgspec.structs.asdict(release), "routes": routes_of(release, known)},
        fallback_candidate=None if fallback is None else fallback.candidate,
        fallback_version=None if fallback is None else fallback.version,
        history=msgspec.convert(history, list[FormerRelease], from_attributes=True),
        moves=moves,
    )


def _moves(connection: Connection, release: Release, history: list[Release]) -> list[LevelMove]:
    """Of the models that a release routes to, since they came into service; none where another one is current."""
    found: list[LevelMove] = []
    for model in {route.model for route in release.routes} if release.number == history[0].number else ():
        since = in_service_since(history, model)
        moves = levels.moves_of(connection, model, limit=_HISTORY) if since is not None else []
        found += [each for each in moves if since is not None and each.release == since.number]
    return sorted(found, key=lambda each: -each.number)[:_HISTORY]


def routes_of(release: Release, known: dict[str, Model]) -> list[RouteView]:
    """A release's routes, with what their models are called."""
    return [
        RouteView(
            **msgspec.structs.asdict(route), candidate=known[route.model].candidate, version=known[route.model].version
        )
        for route in release.routes
    ]


def project_of(connection: Connection, workspace: Workspace) -> str:
    """The project whose runs the ledger holds.

    Raises:
        ProjectError: nothing has run yet.
    """
    last = runs.list_runs(connection, limit=1)
    if not last:
        raise ProjectError("nothing has run yet", where=str(workspace.folder), hint="kreis run")
    return last[0].project
