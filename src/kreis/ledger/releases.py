"""Releases: which models answer which share of the traffic. Added, never edited."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, select

from kreis.errors import ProjectError
from kreis.identifiers import new_id
from kreis.ledger import schema
from kreis.ledger.chain import LOSSES
from kreis.ledger.models import find_model
from kreis.ledger.proof import covered
from kreis.ledger.records import Release, Route
from kreis.ledger.rows import Records
from kreis.ledger.transaction import Transaction

__all__ = ["add_release", "current_release", "get_release", "list_releases"]

_RELEASES = Records(schema.releases, Release, called="release")
_releases = schema.releases.c


def add_release(
    tx: Transaction,
    *,
    project: str,
    routes: Sequence[Route],
    fallback: str | None = None,
    kind: Literal["release", "canary", "promotion", "rollback"] = "release",
    run: str | None = None,
    detail: dict[str, Any] | None = None,
) -> Release:
    """Make a release the project's current one and give it the next number.

    Its actor and reason are the transaction's, its `previous` the release that was current.

    Raises:
        ProjectError: a route or the fallback names a model that the project has not registered, or the
            shares of the live routes do not add up to 1.
    """
    _check(tx.connection, project, routes, fallback)
    previous = current_release(tx.connection, project)
    release = Release(
        id=new_id(tx.now),
        project=project,
        number=1 + max(0 if previous is None else previous.number, _number_before_a_loss(tx.connection)),
        routes=list(routes),
        fallback=fallback,
        previous=None if previous is None else previous.id,
        kind=kind,
        run=run,
        actor=tx.actor,
        reason=tx.reason,
        detail=detail,
        at=tx.now,
    )
    _RELEASES.insert(tx, release)
    return release


def _number_before_a_loss(connection: Connection) -> int:
    """The highest number that was in service when the ledger forgot it: a service never goes back to a lower one."""
    noted = select(schema.audit.c.outputs).where(schema.audit.c.event.in_(LOSSES))
    said = [msgspec.json.decode(text).get("release") for text in connection.execute(noted).scalars()]
    return max((number for number in said if isinstance(number, int)), default=0)


def current_release(connection: Connection, project: str) -> Release | None:
    """The project's newest release, or None before the first.

    Raises:
        CorruptionError: it was put there by something else than kreis.
    """
    newest = _RELEASES.first(connection, _releases.project == project, order=[_releases.number.desc()])
    covered(connection, _RELEASES, newest)
    return newest


def get_release(connection: Connection, release: str | int, *, project: str | None = None) -> Release:
    """A release by id, by the beginning of one, or (in a project) by number.

    Raises:
        ProjectError: there is none, or several.
        CorruptionError: it was put there by something else than kreis.
    """
    within = [] if project is None else [_releases.project == project]
    found = _RELEASES.named(
        connection, release, *within, numbers=_releases.number, number="release", none="nothing is released yet"
    )
    covered(connection, _RELEASES, found)
    return found


def list_releases(connection: Connection, project: str | None = None, *, limit: int | None = None) -> list[Release]:
    """Releases, the newest first."""
    within = [] if project is None else [_releases.project == project]
    return _RELEASES.find(connection, *within, order=[_releases.project, _releases.number.desc()], limit=limit)


def _check(connection: Connection, project: str, routes: Sequence[Route], fallback: str | None) -> None:
    where = f"release of {project!r}"
    for digest in [*(route.model for route in routes), *([fallback] if fallback else [])]:
        model = find_model(connection, digest)
        if model is None or model.project != project:
            raise ProjectError(f"model {digest[:12]} is not registered here", where=where, hint="register it first")
    shares = [route.share for route in routes if route.mode == "live"]
    if any(not 0 < route.share <= 1 for route in routes) or not math.isclose(math.fsum(shares), 1, abs_tol=1e-9):
        raise ProjectError(
            f"the live routes' shares are {shares}", where=where, hint="each above 0, and adding up to 1"
        )
