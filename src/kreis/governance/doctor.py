"""Looks at all of a project's folder, also where it does not open, and says what is wrong, where and what next."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import select

from kreis.clock import Clock, SystemClock, moment
from kreis.deployment.signing import check_keys
from kreis.durable import disk_of
from kreis.errors import KreisError, MissingLibraryError
from kreis.governance.damage import PARTS, Finding
from kreis.ledger import audit, chain, releases, runs, schema
from kreis.places import folder_if_any
from kreis.settings import Settings, load_settings
from kreis.workspace import Workspace

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["DoctorView", "examine"]

_LITTLE = 200 * 1024**2
"""Free bytes below which a disk is named."""


class DoctorView(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a project's folder."""

    folder: str
    findings: list[Finding]


def examine(folder: Path, clock: Clock | None = None) -> Iterator[Finding]:
    """Everything that is wrong with a project's folder. Changes nothing but what opening a ledger mends.

    Args:
        folder: the project's folder, which holds `kreis.toml`.
        clock: says what time it is.
    """
    said: set[tuple[str, str]] = set()
    for finding in _examine(folder, clock):  # several parts meet the same file; the first knows it best
        if (finding.where, finding.what) not in said:
            said.add((finding.where, finding.what))
            yield finding


def _examine(folder: Path, clock: Clock | None) -> Iterator[Finding]:
    try:
        settings = load_settings(folder)
    except KreisError as error:
        yield _told(error, str(folder / "kreis.toml"))
        settings = Settings()
    workspace = Workspace(folder, settings=settings, clock=clock or SystemClock())
    for look in (_project, _disk, _permissions, _keys):
        yield from _safely(look, workspace)
    try:
        workspace.ledger  # noqa: B018 (whether it opens)
    except KreisError as error:
        yield _told(error, f"ledger {workspace.ledger_place}")
        yield from _safely(PARTS["server settings"], workspace)
        yield from _safely(PARTS["prediction log"], workspace)
        return
    for part in (_ledger, _clock, *PARTS.values(), _features):
        yield from _safely(part, workspace)


def _safely(look: Callable[[Workspace], Iterator[Finding]], workspace: Workspace) -> Iterator[Finding]:
    try:
        yield from look(workspace)
    except KreisError as error:
        yield _told(error, str(workspace.folder))
    except OSError as error:
        yield Finding(where=str(error.filename or workspace.folder), what=error.strerror or str(error))
    except Exception as error:  # one part that fails must not keep the others from being looked at
        if missing := MissingLibraryError.of(error):
            yield _told(missing, f"{look.__name__.strip('_')} in {workspace.folder}")
            return
        what = f"could not be looked at ({type(error).__name__}: {error})"
        yield Finding(where=f"{look.__name__.strip('_')} in {workspace.folder}", what=what)


def _told(error: KreisError, where: str) -> Finding:
    return Finding(where=error.where or where, what=error.message, next=error.hint or "")


def _project(workspace: Workspace) -> Iterator[Finding]:
    path = workspace.folder / workspace.settings.project.file
    if not path.is_file():
        yield Finding(where=str(path), what="the project's file is gone", next="restore it, or set file in [project]")


def _disk(workspace: Workspace) -> Iterator[Finding]:
    for folder in sorted({_nearest(each) for each in _places(workspace).values()}):
        if os.statvfs(folder).f_flag & os.ST_RDONLY or not os.access(folder, os.W_OK):
            next_ = "reading works; to change anything, write access is needed"
            yield Finding(where=str(folder), what=disk_of(folder), next=next_, level="warning")
        elif (free := shutil.disk_usage(folder).free) < _LITTLE:
            what = f"{free // 1024**2:,} MiB are free on the disk that holds it"
            yield Finding(where=str(folder), what=what, next="free some space", level="warning")


def _places(workspace: Workspace) -> dict[str, Path]:
    """The folders that hold what nobody else should read, by what they hold."""
    settings = workspace.settings
    urls = {
        "tables": settings.lake.url,
        "artifacts": settings.artifacts.url,
        "features": settings.online.url,
        "predictions": settings.service.url,
    }
    folders = {what: folder_if_any(url, workspace.folder) for what, url in urls.items()}
    return {"the record": workspace.state} | {what: folder for what, folder in folders.items() if folder is not None}


def _nearest(path: Path) -> Path:
    return path if path.is_dir() else _nearest(path.parent)


def _permissions(workspace: Workspace) -> Iterator[Finding]:
    """A folder closed to others closes all below it."""
    open_to_all: dict[Path, list[str]] = {}
    for what, folder in _places(workspace).items():
        above = [each for each in (folder, *folder.parents) if each.is_relative_to(workspace.state)] or [folder]
        if folder.is_dir() and all(stat.S_IMODE(each.stat().st_mode) & stat.S_IRWXO for each in above):
            open_to_all.setdefault(above[-1], []).append(what)
    for folder, held in open_to_all.items():
        what = f"every user of this machine may look into it; it holds {', '.join(held)}"
        yield Finding(where=str(folder), what=what, next=f"chmod o-rwx {folder}", level="warning")


def _keys(workspace: Workspace) -> Iterator[Finding]:
    folder = workspace.trusted_keys.parent
    if folder.exists() or workspace.service_folder.exists():
        for path, what in check_keys(folder):
            signs = "`kreis keys renew --reason …` makes a new key and signs again"
            yield Finding(where=str(path), what=what, next=signs)


def _ledger(workspace: Workspace) -> Iterator[Finding]:
    with workspace.ledger.read() as connection:
        report = audit.verify(connection)
    for problem in report.problems:
        yield Finding(where=workspace.ledger.where, what=problem.what, next="`kreis ledger restore BACKUP --reason …`")


def _clock(workspace: Workspace) -> Iterator[Finding]:
    with workspace.ledger.read() as connection:
        last = chain.last(connection)
        at = None if last is None else _moment_of(connection, last[0])
    now = workspace.clock.now()
    if at is not None and now < at:
        yield Finding(
            where="the clock",
            what=f"it says {now:%Y-%m-%d %H:%M} UTC, but the newest entry of the record is of {at:%Y-%m-%d %H:%M}",
            next="set the clock, or wait",
            level="warning",
        )


def _moment_of(connection: Connection, position: int) -> datetime:
    at: int = connection.execute(select(schema.audit.c.at).where(schema.audit.c.position == position)).scalar_one()
    return moment(at)


def _features(workspace: Workspace) -> Iterator[Finding]:
    """A service whose models read stored features does not start without a store, as after an erasure."""
    if workspace.online.exists():
        return
    with workspace.ledger.read() as connection:
        last = runs.list_runs(connection, limit=1)
        release = releases.current_release(connection, last[0].project) if last else None
    if release is not None and any(workspace.open_model(route.model).manifest.views for route in release.routes):
        what = f"there is no online store, and release {release.number} reads it: a service that starts does not answer"
        yield Finding(where=str(workspace.online), what=what, next="`kreis run` feeds it again from the tables")
