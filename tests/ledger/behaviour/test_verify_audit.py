"""What verification says of an untouched ledger, and of one that somebody laid hands on."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import msgspec
import pytest
from sqlalchemy import BigInteger, Connection, Double, create_engine, delete, insert, make_url, select, text, update
from sqlalchemy.exc import IntegrityError

from kreis.errors import CorruptionError
from kreis.ledger import audit, chain, runs, schema
from kreis.ledger.records import AuditEntry
from kreis.ledger.rows import row_digest
from kreis.ledger.store import Ledger, Transaction

Write = Callable[..., AbstractContextManager[Transaction]]


@pytest.fixture
def behind(place: str, filled: Ledger) -> Iterator[Connection]:
    """A connection past the ledger, without foreign keys; what it does is rolled back at the end."""
    url = make_url(place).set(drivername="postgresql+psycopg") if "://" in place else f"sqlite:///{place}"
    engine = create_engine(url)
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SET session_replication_role = replica"))
        yield connection
    engine.dispose()


def test_untouched_ledger_has_no_problems(filled: Ledger) -> None:
    with filled.read() as connection:
        report = audit.verify(connection)
        assert report.ok
        assert report.entries == 15
        assert report.head == audit.head(connection)
        for entry in audit.entries(connection):
            assert audit.verify(connection, head=entry.hash).ok


def test_empty_ledger_has_no_problems(ledger: Ledger) -> None:
    with ledger.read() as connection:
        assert audit.verify(connection) == audit.AuditReport(entries=0, head="0" * 64, problems=[])
        assert audit.verify(connection, head="0" * 64).ok


def test_head_held_before_later_entries_still_counts(filled: Ledger, make) -> None:
    with filled.read() as connection:
        held = audit.head(connection)
    with filled.record(event="e", subject="s", actor="a", reason="r") as tx:
        runs.start_run(tx, make.run())
    with filled.read() as connection:
        assert audit.verify(connection, head=held).ok


def test_head_of_another_ledger_is_reported(filled: Ledger) -> None:
    with filled.read() as connection:
        (problem,) = audit.verify(connection, head="ab" * 32).problems
    assert "cut off or rewritten" in problem.what


def test_a_chain_is_verified_without_the_ledger(filled: Ledger) -> None:
    with filled.read() as connection:
        entries = list(audit.entries(connection))
        head = audit.head(connection)
    assert audit.check_chain(entries, head=head).ok
    assert audit.check_chain(entries[:-1]).ok
    assert not audit.check_chain(entries[:-1], head=head).ok
    assert not audit.check_chain([*entries[:5], *entries[6:]]).ok
    assert not audit.check_chain([msgspec.structs.replace(entries[0], actor="eve"), *entries[1:]]).ok


def test_edited_row_is_refused_when_read(behind: Connection) -> None:
    behind.execute(update(schema.runs).values(project="other"))
    with pytest.raises(CorruptionError, match="not what was written"):
        runs.list_runs(behind)


def test_report_names_what_was_edited_deleted_and_added(behind: Connection) -> None:
    first = behind.execute(select(schema.models)).mappings().first()
    behind.execute(update(schema.models).where(schema.models.c.digest == first["digest"]).values(candidate="x"))
    behind.execute(delete(schema.alerts))
    behind.execute(insert(schema.documents), {"digest": "d", "kind": "k", "name": "n", "body": "b", "sha256": "s"})
    said = [problem.what for problem in audit.verify(behind).problems]
    assert f'models: row ["{first["digest"]}"] was edited' in said
    assert sum("alerts: row" in what and "was deleted" in what for what in said) == 3
    assert 'documents: row ["d"] was added outside the ledger' in said
    assert len(said) == 5


def test_report_names_a_table_that_was_added(behind: Connection) -> None:
    behind.execute(text("CREATE TABLE notes (id INTEGER)"))
    (problem,) = audit.verify(behind).problems
    assert problem.what == "notes: the table was added outside the ledger"


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (["CREATE VIEW pretty AS SELECT id FROM runs"], "pretty: the view was added outside the ledger"),
        (["DROP INDEX ix_runs_project_id"], "runs: index (project, id) was dropped or changed outside the ledger"),
        (["CREATE INDEX mine ON runs (goal)"], "runs: index (goal) was added or changed outside the ledger"),
        (["ALTER TABLE runs ADD COLUMN note TEXT"], "runs: column note was added or changed outside the ledger"),
    ],
)
def test_changed_schema_is_reported(behind: Connection, statements: list[str], said: str) -> None:
    for statement in statements:
        behind.execute(text(statement))
    assert said in [problem.what for problem in audit.verify(behind).problems]


def test_trigger_is_reported(behind: Connection) -> None:
    if behind.dialect.name == "sqlite":
        behind.execute(text("CREATE TRIGGER quiet AFTER INSERT ON runs BEGIN DELETE FROM audit; END"))
    else:
        body = "BEGIN DELETE FROM audit; RETURN NULL; END"
        behind.execute(text(f"CREATE FUNCTION quiet() RETURNS trigger LANGUAGE plpgsql AS '{body}'"))
        behind.execute(text("CREATE TRIGGER quiet AFTER INSERT ON runs EXECUTE FUNCTION quiet()"))
    (problem,) = audit.verify(behind).problems
    assert problem.what == "trigger quiet on runs was added outside the ledger"


def test_report_names_the_entry_that_was_edited(behind: Connection) -> None:
    behind.execute(update(schema.audit).where(schema.audit.c.position == 7).values(actor="eve"))
    (problem,) = audit.verify(behind).problems
    assert (problem.position, problem.what) == (7, "entry 7 was edited")


def test_recorded_edit_of_a_row_that_is_written_once_is_reported(filled: Ledger) -> None:
    """Even with everything recomputed, an entry cannot excuse the rewriting of a release."""
    with filled.record(event="e", subject="s", actor="a", reason="r") as tx:
        row = dict(tx.connection.execute(select(schema.releases)).mappings().first() or {})
        row["reason"] = "another"
        row["sha256"] = row_digest(schema.releases, row)
        tx.connection.execute(update(schema.releases).where(schema.releases.c.id == row["id"]).values(row))
        tx.wrote("releases", f'["{row["id"]}"]', row["sha256"])
    with filled.read() as connection:
        (problem,) = audit.verify(connection).problems
    assert problem.position == 16
    assert "rewrote releases" in problem.what


class Tamperer:
    """Does one random thing to a ledger that nobody may do; each leaves a trace for who holds the head."""

    def __init__(self, connection: Connection, seed: int) -> None:
        self.connection = connection
        self.random = random.Random(seed)
        kinds = [name for name in dir(self) if name.startswith("do_")]
        self.kind = kinds[seed % len(kinds)]

    def run(self) -> None:
        getattr(self, self.kind)()

    def do_edit_a_row(self) -> None:
        table, row, same = self._row()
        column = self.random.choice([each for each in table.columns if not each.primary_key])
        self._update(table, same, {column.name: self._other(row[column.name], column)})

    def do_edit_a_row_and_its_digest(self) -> None:
        table, row, same = self._row()
        column = self.random.choice([each for each in table.columns if not each.primary_key and each.name != "sha256"])
        row[column.name] = self._other(row[column.name], column)
        self._update(table, same, {column.name: row[column.name], "sha256": row_digest(table, row)})

    def do_delete_a_row(self) -> None:
        table, _, same = self._row()
        self.connection.execute(delete(table).where(*same))

    def do_add_a_row(self) -> None:
        table, row, _ = self._row()
        for column in table.columns:
            if column.primary_key or "number" in column.name or (table is schema.models and column.name == "version"):
                row[column.name] = self._other(row[column.name], column)
        row["sha256"] = row_digest(table, row)
        self.connection.execute(insert(table), row)

    def do_swap_two_rows(self) -> None:
        table = schema.models
        a, b = self.random.sample(self._all(table), 2)
        for mine, other in ((a, b), (b, a)):
            values = {"candidate": other["candidate"], "sha256": other["sha256"]}
            self._update(table, [table.c.digest == mine["digest"]], values)

    def do_edit_an_entry(self) -> None:
        row = self.random.choice(self._all(schema.audit))
        column = self.random.choice(
            [each for each in schema.audit.columns if each.name not in {"position", "previous"}]
        )
        self._update(schema.audit, [self._at(row)], {column.name: self._other(row[column.name], column)})

    def do_edit_an_entry_and_its_hash(self) -> None:
        row = self.random.choice(self._all(schema.audit)[:-1])
        entry = msgspec.structs.replace(chain.entry_of(row), actor="eve")
        self._update(schema.audit, [self._at(row)], {"actor": "eve", "hash": chain.entry_hash(entry)})

    def do_write_an_entry_differently(self) -> None:
        row = self.random.choice(self._all(schema.audit))
        column = self.random.choice(["inputs", "outputs", "rows"])
        self._update(schema.audit, [self._at(row)], {column: row[column].replace("{", "{ ", 1)})

    def do_delete_an_entry(self) -> None:
        row = self.random.choice(self._all(schema.audit))
        self.connection.execute(delete(schema.audit).where(self._at(row)))

    def do_delete_an_entry_and_close_the_gap(self) -> None:
        gone = self.random.randint(1, 15)
        self._write_chain([entry for entry in self._chain() if entry.position != gone])

    def do_swap_two_entries(self) -> None:
        entries = self._chain()
        a, b = self.random.sample(range(len(entries)), 2)
        entries[a], entries[b] = entries[b], entries[a]
        self._write(entries, [entry.hash for entry in entries])

    def do_cut_the_end_off(self) -> None:
        self.connection.execute(delete(schema.audit).where(schema.audit.c.position > self.random.randint(0, 14)))

    def do_rewrite_everything_from_an_entry_on(self) -> None:
        entries = self._chain()
        at = self.random.randrange(len(entries))
        entries[at] = msgspec.structs.replace(entries[at], reason="as if it had been so")
        self._write_chain(entries)

    def do_undo_the_last_change_altogether(self) -> None:
        """The last entry finished a run; take it back, rows and digests and all."""
        last = self._all(schema.audit)[-1]
        self.connection.execute(delete(schema.audit).where(self._at(last)))
        for table in (schema.runs, schema.alerts):
            row = self._all(table)[-1]
            undone = {"status": "running", "finished_at": None} if table is schema.runs else {"run": None}
            row.update(undone)
            self._update(table, [table.c.id == row["id"]], {**undone, "sha256": row_digest(table, row)})

    def _row(self):
        table = self.random.choice([each for each in schema.metadata.sorted_tables if each is not schema.audit])
        row = self.random.choice(self._all(table))
        return table, row, [column == row[column.name] for column in table.primary_key]

    def _all(self, table):
        key = list(table.primary_key)
        return [dict(row) for row in self.connection.execute(select(table).order_by(*key)).mappings()]

    def _at(self, row):
        return schema.audit.c.position == row["position"]

    def _update(self, table, same, values) -> None:
        self.connection.execute(update(table).where(*same).values(values))

    def _other(self, value, column):
        if column.nullable and value is not None and self.random.random() < 0.3:
            return None
        if isinstance(column.type, BigInteger):
            return (value or 0) + self.random.choice([-1, 1, 1000])
        if isinstance(column.type, Double):
            return value * (1 + 2**-50)
        text_now = value or ""
        at = self.random.randint(0, len(text_now))
        return text_now[:at] + self.random.choice("aé0 ") + text_now[at:]

    def _chain(self) -> list[AuditEntry]:
        return [chain.entry_of(row) for row in self._all(schema.audit)]

    def _write_chain(self, entries: list[AuditEntry]) -> None:
        """A chain that is sound in itself."""
        sound: list[AuditEntry] = []
        previous = chain.GENESIS
        for position, entry in enumerate(entries, start=1):
            moved = msgspec.structs.replace(entry, position=position, previous=previous)
            sound.append(msgspec.structs.replace(moved, hash=chain.entry_hash(moved)))
            previous = sound[-1].hash
        self._write(sound, [entry.hash for entry in sound])

    def _write(self, entries: list[AuditEntry], hashes: list[str]) -> None:
        rows = {row["hash"]: row for row in self._all(schema.audit)}
        known = list(rows.values())
        self.connection.execute(delete(schema.audit))
        for position, (entry, new) in enumerate(zip(entries, hashes, strict=True), start=1):
            row = rows.get(entry.hash) or dict(known[position - 1])
            fields = {name: getattr(entry, name) for name in ("actor", "event", "subject", "reason")}
            texts = {name: chain.to_json(getattr(entry, name)) for name in ("inputs", "outputs", "rows")}
            moved = {**row, **fields, **texts, "position": position, "previous": entry.previous, "hash": new}
            self.connection.execute(insert(schema.audit), {**moved, "at": chain.microseconds(entry.at)})


@pytest.mark.parametrize("start", [0, pytest.param(1000, marks=pytest.mark.slow)])
def test_every_tampering_is_caught_by_who_holds_the_head(behind: Connection, start: int) -> None:
    head = audit.head(behind)
    attempts = 70 if start == 0 else 1000
    uncaught, refused = [], 0
    for seed in range(start, start + attempts):
        with behind.begin_nested() as savepoint:
            tamperer = Tamperer(behind, seed)
            try:
                tamperer.run()
            except IntegrityError:
                refused += 1
            else:
                if audit.verify(behind, head=head).ok:
                    uncaught.append((seed, tamperer.kind))
            savepoint.rollback()
    assert uncaught == []
    assert refused < attempts / 20
    assert audit.verify(behind, head=head).ok


def test_verify_reports_an_unreadable_time(behind: Connection) -> None:
    behind.execute(update(schema.audit).where(schema.audit.c.position == 3).values(at=2**62))
    problems = audit.verify(behind).problems
    assert problems[0].position == 3
    assert "cannot be read" in problems[0].what
