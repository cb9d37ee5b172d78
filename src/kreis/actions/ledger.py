"""The ledger: a copy of it, the way back from a copy, and what is known elsewhere of one that was lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from kreis.deployment.pointer import read_pointer
from kreis.deployment.signing import load_trusted
from kreis.errors import KreisError, StoreError
from kreis.lake.layout import TableFolder, commits_in, tables_in
from kreis.ledger import audit, backup
from kreis.ledger.people import login, person_of
from kreis.ledger.releases import current_release
from kreis.ledger.store import Ledger, open_ledger
from kreis.ledger.tables import latest_version
from kreis.workspace import Workspace

__all__ = ["Accepted", "Beyond", "LedgerRestored", "accept_loss", "back_up_ledger", "beyond", "restore_ledger"]


class LedgerRestored(backup.Restored, frozen=True, kw_only=True):
    """What a restore did, and what is not in the record although it happened."""

    lost: list[str]


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """From where on a ledger goes on that lost its end."""

    entries: int
    lost: list[str]
    """What is not in the record although it happened."""


class Beyond(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger does not know, though it must have known it once."""

    release: int | None = None
    """Number of the release that the service answers by."""
    tables: dict[str, list[int]] = {}
    """Versions in the lake's logs after the last that the ledger knows. Those that are whole are adopted when their
    table is read next."""

    def lines(self) -> list[str]:
        """In words, one line each."""
        said = [] if self.release is None else [f"the service answers by release {self.release}"]
        for table, numbers in self.tables.items():
            span = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
            said.append(f"{table} has version {span} in the lake")
        return said


def beyond(workspace: Workspace, ledger: Ledger) -> Beyond:
    """Compare the ledger with the service's pointer and the lake's logs. Changes nothing."""
    release = None
    tables: dict[str, list[int]] = {}
    with ledger.read() as connection:
        try:
            pointer = read_pointer(workspace.pointer, load_trusted(workspace.trusted_keys))
        except (KreisError, OSError):
            pointer = None
        if pointer is not None:
            current = current_release(connection, pointer.release.project)
            if current is None or current.number < pointer.release.number:
                release = pointer.release.number
        for name in tables_in(workspace.lake_storage):
            known = latest_version(connection, name)
            newest = -1 if known is None else known.version
            entries = TableFolder(workspace.lake_storage, name).log_entries(newest)
            numbers = sorted(number for number in commits_in(entries) if number > newest)
            if numbers:
                tables[name] = numbers
    return Beyond(release=release, tables=tables)


def back_up_ledger(workspace: Workspace, path: Path) -> backup.Backup:
    """A verified copy of the ledger in a file of its own.

    Raises:
        ProjectError: the file exists.
        CorruptionError: the ledger is damaged.
        StoreError: the disk refused.
    """
    return backup.back_up(workspace.ledger, path)


def restore_ledger(workspace: Workspace, path: Path, *, reason: str) -> LedgerRestored:
    """Put a backup in the place of a ledger that is gone or damaged, and say what happened after it was made.

    Raises:
        StoreError: the ledger is whole: there is nothing to restore.
        CorruptionError: the backup is damaged.
    """
    _refuse_if_whole(workspace, "to go back all the same, move the ledger away first")
    found: list[Beyond] = []

    def after(ledger: Ledger) -> dict[str, Any]:
        found.append(beyond(workspace, ledger))
        return msgspec.structs.asdict(found[0])

    done = backup.restore(
        workspace.ledger_place,
        path,
        clock=workspace.clock,
        head_at=workspace.head_path,
        actor=_who(workspace),
        reason=reason,
        after=after,
    )
    lost = _lost(done.backup.entries, done.held) + found[0].lines()
    return LedgerRestored(**msgspec.structs.asdict(done), lost=lost)


def accept_loss(workspace: Workspace, *, reason: str) -> Accepted:
    """Go on from what is left of a ledger that lost its end and has no backup, on record.

    Raises:
        StoreError: the ledger lacks nothing.
    """
    _refuse_if_whole(workspace, "see `kreis doctor`")
    with open_ledger(
        workspace.ledger_place, clock=workspace.clock, create=False, head_at=workspace.head_path, heed_head=False
    ) as ledger:
        found = beyond(workspace, ledger)
        noted = msgspec.structs.asdict(found)
        last, held = backup.accept_loss(ledger, actor=_who(workspace), reason=reason, after=lambda _: noted)
    return Accepted(entries=last, lost=_lost(last, held) + found.lines())


def _refuse_if_whole(workspace: Workspace, hint: str) -> None:
    try:
        with Workspace(workspace.folder, settings=workspace.settings, clock=workspace.clock).ledger as ledger:
            with ledger.read() as connection:
                ok = audit.verify(connection).ok
            lost = beyond(workspace, ledger).lines()
    except StoreError:
        return
    if ok and not lost:
        raise StoreError(
            "the ledger is whole: nothing that was acknowledged is missing",
            where=f"ledger {workspace.ledger_place}",
            hint=hint,
        )


def _who(workspace: Workspace) -> str:
    """By the login alone: the people's keys stand in the ledger that is lost."""
    return person_of(login(), workspace.settings.people.users)


def _lost(last: int, held: tuple[int, str] | None) -> list[str]:
    if held is None or held[0] <= last:
        return []
    return [f"entries {last + 1} to {held[0]} of the record are lost"]
