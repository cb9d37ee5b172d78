"""`kreis migrate`: bring a project folder of an earlier kreis up to date, with a backup first."""

from __future__ import annotations

from pathlib import Path

import msgspec

from kreis.errors import ProjectError
from kreis.lake.belonging import settle_belonging
from kreis.ledger import runs
from kreis.ledger.backup import back_up
from kreis.ledger.identity import identity_of
from kreis.ledger.revision import HEAD
from kreis.ledger.store import Ledger
from kreis.workspace import Workspace

__all__ = ["Migrated", "migrate"]


class Migrated(msgspec.Struct, frozen=True, kw_only=True):
    """What was done; nothing of it where the folder was up to date."""

    before: str
    """The ledger's schema before."""
    after: str = HEAD
    backup: str | None = None
    """The copy of the ledger as it was; None where its schema was today's."""
    project: str | None = None
    """The project that the ledger was given to; None where that was settled, or nothing has run yet."""


def migrate(workspace: Workspace, *, project: str = "") -> Migrated:
    """Bring the ledger to today's schema, and say whose it is.

    The service reads no ledger, so it may go on answering. `kreis run` waits its turn; a `kreis watch` of the earlier
    version has to be stopped first.

    Args:
        workspace: The project's folder.
        project: Whose ledger it is, where it holds runs of several projects.

    Raises:
        StoreError: another run is at work; the backup or the database failed (the ledger is then as it was).
        ProjectError: the ledger holds runs of several projects and none is named.
    """
    with workspace.only_run():
        ledger = workspace.ledger
        done = Migrated(before=ledger.older or HEAD)
        owner = _owner(ledger, project)
        if ledger.is_older():
            done = msgspec.structs.replace(done, backup=str(_migrate(workspace, ledger, done.before)))
        if owner is not None:
            with ledger.read() as connection:
                settled = identity_of(connection) is not None
            settle_belonging(ledger, workspace.lake_storage, owner, actor=workspace.actor, alone=False)
            done = msgspec.structs.replace(done, project=None if settled else owner)
        return done


def _migrate(workspace: Workspace, ledger: Ledger, before: str) -> Path:
    now = ledger.clock.now()
    backup = workspace.state / "backups" / f"ledger-{before}-{now:%Y%m%dT%H%M%S.%f}.db"
    made = back_up(ledger, backup)
    ledger.migrate(
        actor=workspace.actor,
        reason=f"schema {before} to {HEAD}",
        inputs={"before": before, "backup": backup.name, "sha256": made.sha256},
    )
    return backup


def _owner(ledger: Ledger, project: str) -> str | None:
    with ledger.read() as connection:
        identity = identity_of(connection)
        known = runs.projects(connection)
    if identity is not None and not project:
        return identity.project
    if project or not known:
        return project or None
    if len(known) > 1:
        raise ProjectError(
            f"the ledger holds runs of several projects: {', '.join(sorted(known))}",
            where=ledger.where,
            hint="from this version on, a ledger serves one project: say whose it is with --project, and begin the"
            " others in folders and ledgers of their own",
        )
    return known.pop()
