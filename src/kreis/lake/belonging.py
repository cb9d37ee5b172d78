"""One ledger, one project, one lake: says so when something of another is opened.

The ledger holds its own id, the project's name and the lake's id; the lake's mark and the service's pointer hold the
ledger's id. Checked when a folder's ledger is opened, and settled by the first run (or by `kreis migrate`, for a folder
of kreis 0.1.0, which knew no such ids).
"""

from __future__ import annotations

from sqlalchemy import Connection

from kreis.digests import digest_of
from kreis.errors import StoreError
from kreis.lake.layout import TableFolder
from kreis.lake.mark import LakeMark, read_mark, write_mark
from kreis.lake.storage import LakeStorage
from kreis.ledger import runs, tables
from kreis.ledger.identity import identify, identity_of
from kreis.ledger.records import Identity
from kreis.ledger.store import Ledger

__all__ = ["check_belonging", "settle_belonging"]


def check_belonging(ledger: Ledger, lake: LakeStorage) -> None:
    """Refuse a ledger and a lake that do not belong together.

    Raises:
        StoreError: the lake is another ledger's, or is not the ledger's lake.
    """
    mark = read_mark(lake)
    with ledger.read() as connection:
        identity = identity_of(connection)
        if mark is None and identity is not None and not _may_be_its_lake(connection, lake):
            raise StoreError(
                f"belongs to project {identity.project!r} and its lake, which is not in {lake.place('')}",
                where=ledger.where,
                hint="one ledger serves one project folder: give this one a ledger of its own ([ledger] url in"
                " kreis.toml), or put the lake back ([lake] url)",
            )
        if mark is not None and identity is None and not _records(connection, lake):
            raise StoreError(
                f"is new, but the lake in {lake.place('')} belongs to a ledger of project {mark.project!r}"
                f" (id {mark.ledger})",
                where=ledger.where,
                hint="if that ledger was lost: `kreis ledger restore BACKUP --reason …`; if it is elsewhere, name it"
                " ([ledger] url in kreis.toml); for a new project, begin in another folder",
            )
    if mark is not None and identity is not None and (mark.ledger, mark.lake) != (identity.ledger, identity.lake):
        raise StoreError(
            f"belongs to project {identity.project!r} (id {identity.ledger}), but the lake in {lake.place('')} belongs"
            f" to another ledger, of project {mark.project!r} (id {mark.ledger})",
            where=ledger.where,
            hint="set [ledger] url and [lake] url in kreis.toml to a pair that belongs together",
        )


def settle_belonging(ledger: Ledger, lake: LakeStorage, project: str, *, actor: str, alone: bool = True) -> Identity:
    """Say whose ledger and lake these are, where nobody has yet; refuse another project.

    Args:
        ledger: The ledger.
        lake: Where the lake's bytes are.
        project: The project's name.
        actor: Who acts.
        alone: Refuse a ledger that holds runs of other projects.

    Raises:
        StoreError: the ledger belongs to another project, or holds runs of several.
    """
    mark = read_mark(lake)
    with ledger.read() as connection:
        identity = identity_of(connection)
        others = runs.projects(connection) - {project}
    if identity is None:
        if alone and others:
            raise StoreError(
                f"holds runs of other projects: {', '.join(sorted(others))}",
                where=ledger.where,
                hint=f"one ledger serves one project: `kreis migrate --project {project}` gives it to this one; begin"
                " the others in folders and ledgers of their own",
            )
        with ledger.record(
            event="ledger.identified", subject=project, actor=actor, reason="one ledger, one project, one lake"
        ) as tx:
            identity = identify(
                tx, project, lake="" if mark is None else mark.lake, ledger="" if mark is None else mark.ledger
            )
    elif identity.project != project:
        raise StoreError(
            f"belongs to project {identity.project!r}, not {project!r}",
            where=ledger.where,
            hint=f"give {project!r} a folder and a ledger of its own ([ledger] url in kreis.toml); if you renamed the"
            f" project, write Project({identity.project!r}) again",
        )
    if mark is None:
        write_mark(lake, LakeMark(lake=identity.lake, ledger=identity.ledger, project=identity.project))
    return identity


def _may_be_its_lake(connection: Connection, lake: LakeStorage) -> bool:
    """Whether an unmarked folder may be the ledger's lake: it holds a recorded commit, or none was ever recorded."""
    return not tables.list_tables(connection) or _records(connection, lake)


def _records(connection: Connection, lake: LakeStorage) -> bool:
    """Whether the lake holds the newest commit that the ledger records of one of its tables."""
    for table in tables.list_tables(connection):
        newest = tables.latest_version(connection, table)
        if newest is None:
            continue
        try:
            commit = lake.get(TableFolder(lake, table).commit(newest.version))
        except OSError:
            continue
        if digest_of(commit) == newest.commit_sha256:
            return True
    return False
