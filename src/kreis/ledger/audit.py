"""The audit of the ledger: read it, export it, prove it.

What `verify` catches by itself: an entry edited, inserted, deleted or moved; a row of any table edited, added or
deleted behind the ledger's back; a trigger, a view or a column added, an index or a constraint dropped; a damaged
file. Against someone who rewrites the whole chain, or cuts its end off, it needs a `head` that an outsider wrote down
before: the held head must still be in the chain.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
from sqlalchemy import Connection, Table, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from kreis.ledger import chain, schema, structure
from kreis.ledger.records import AuditEntry
from kreis.ledger.rows import is_as_written, row_key, stored_rows

__all__ = ["AuditReport", "Problem", "check_chain", "entries", "head", "verify"]

_Digests = dict[str, dict[str, str]]

_EDITABLE = {"runs", "alerts", "watchers", "checkpoints"}
"""Tables whose rows are updated: a run ends, an alert is answered, a watcher looks, a checkpoint follows another.
All others are written once."""


class Problem(msgspec.Struct, frozen=True):
    """Something that is not as it was recorded; `position` names the audit entry, where it is about one."""

    what: str
    position: int | None = None


class AuditReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a verification found."""

    entries: int
    head: str
    """Hash of the newest entry: write it down where the ledger's keeper cannot reach."""
    problems: list[Problem]
    gone: list[str] = []
    """Versions and files of the lake that left on record, and why: no problem."""

    @property
    def ok(self) -> bool:
        """Nothing is wrong."""
        return not self.problems


def head(connection: Connection) -> str:
    """Hash of the newest entry; 64 zeros before the first."""
    last = chain.last(connection)
    return chain.GENESIS if last is None else last[1]


def entries(connection: Connection, *, after: int = 0, limit: int | None = None) -> Iterator[AuditEntry]:
    """Audit entries in order, from the one after a position."""
    statement = select(schema.audit).where(schema.audit.c.position > after).order_by(schema.audit.c.position)
    for row in stored_rows(connection, statement.limit(limit)):
        yield chain.entry_of(row)


def check_chain(chained: Iterable[AuditEntry], *, head: str | None = None) -> AuditReport:
    """Recompute a chain of entries."""
    problems: list[Problem] = []
    position, previous = 0, chain.GENESIS
    found = head in {None, chain.GENESIS}
    for entry in chained:
        problems += _breaks(entry, position + 1, previous)
        position, previous = entry.position, entry.hash
        found = found or entry.hash == head
    if not found:
        problems.append(Problem(f"the held head {head} is not in the chain: it was cut off or rewritten"))
    return AuditReport(entries=position, head=previous, problems=problems)


def verify(connection: Connection, head: str | None = None) -> AuditReport:
    """Check the file, the chain, and every row of every table against the last entry that wrote it.

    Args:
        connection: an open snapshot (`Ledger.read`).
        head: the hash of an entry, written down earlier outside the ledger.
    """
    problems = _file_problems(connection)
    recorded: _Digests = {}
    report = check_chain(_readable_entries(connection, recorded, problems), head=head)
    problems += report.problems
    problems += _schema_problems(connection)
    for table in schema.metadata.sorted_tables:
        if table is not schema.audit:
            problems += _row_problems(connection, table, recorded.pop(table.name, {}))
    problems += [Problem(f"the audit names a table that does not exist: {name}") for name in sorted(recorded)]
    return msgspec.structs.replace(report, problems=problems)


def _breaks(entry: AuditEntry, position: int, previous: str) -> Iterator[Problem]:
    if entry.position != position:
        yield Problem(f"entry {entry.position} stands where {position} should", entry.position)
    if entry.previous != previous:
        yield Problem(f"entry {entry.position} does not follow on the one before it", entry.position)
    if chain.entry_hash(entry) != entry.hash:
        yield Problem(f"entry {entry.position} was edited", entry.position)


def _readable_entries(connection: Connection, recorded: _Digests, problems: list[Problem]) -> Iterator[AuditEntry]:
    """The entries that can be read, noting in `recorded` what they say of rows; the others are problems."""
    statement = select(schema.audit).order_by(schema.audit.c.position)
    try:
        for row in stored_rows(connection, statement):
            try:
                entry = chain.entry_of(row)
                problems += _note(entry, recorded)
            except (ValueError, TypeError, AttributeError) as error:
                problems.append(Problem(f"entry {row['position']} cannot be read ({error})", row["position"]))
            else:
                yield entry
    except SQLAlchemyError as error:
        problems.append(Problem(f"the audit cannot be read to its end ({_short(error)})"))


def _note(entry: AuditEntry, recorded: _Digests) -> list[Problem]:
    """Add what an entry says of rows to `recorded`; rows that were written once may not be written again."""
    again: list[Problem] = []
    for table, written in entry.rows.items():
        known = recorded.setdefault(table, {})
        if table not in _EDITABLE:
            where = f"entry {entry.position}"
            again += [
                Problem(f"{where} rewrote {table} {key}", entry.position) for key in written.keys() & known.keys()
            ]
        known.update(written)
    return again


def _row_problems(connection: Connection, table: Table, recorded: dict[str, str]) -> Iterator[Problem]:
    """Compare each row with what the audit says was written last, and the other way round."""
    seen: set[str] = set()
    try:
        for row in stored_rows(connection, select(table)):
            key = row_key(table, row)
            seen.add(key)
            if key not in recorded:
                yield Problem(f"{table.name}: row {key} was added outside the ledger")
            elif row["sha256"] != recorded[key] or not is_as_written(table, row):
                yield Problem(f"{table.name}: row {key} was edited")
    except SQLAlchemyError as error:
        yield Problem(f"{table.name}: cannot be read to its end ({_short(error)})")
        return
    for key in sorted(recorded.keys() - seen):
        yield Problem(f"{table.name}: row {key} was deleted")


def _schema_problems(connection: Connection) -> list[Problem]:
    try:
        return [Problem(line) for line in structure.differences(connection)]
    except SQLAlchemyError as error:
        return [Problem(f"the schema cannot be read ({_short(error)})")]


def _file_problems(connection: Connection) -> list[Problem]:
    """SQLite's own check of pages, indexes and types. PostgreSQL keeps page checksums itself."""
    if connection.dialect.name != "sqlite":
        return []
    try:
        said = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
    except SQLAlchemyError as error:
        return [Problem(f"the file cannot be checked ({_short(error)})")]
    return [Problem(f"the file is damaged: {line}") for line in said if line != "ok"]


def _short(error: SQLAlchemyError) -> str:
    return str(error.orig if isinstance(error, DBAPIError) else error)
