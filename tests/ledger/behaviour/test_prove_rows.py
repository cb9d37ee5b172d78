"""A row that no audit entry covers is not believed, whatever digest it carries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from sqlalchemy import create_engine, insert, make_url, text, update

from kreis.clock import microseconds
from kreis.digests import digest_of
from kreis.errors import CorruptionError
from kreis.ledger import chain, models, releases, runs, schema
from kreis.ledger.records import AuditEntry
from kreis.ledger.rows import row_digest, to_json, to_row
from kreis.ledger.store import Ledger

NOT_COVERED = "no audit entry covers the"


@pytest.fixture
def forge(place: str, filled: Ledger) -> Iterator[Callable[[Any, dict[str, Any]], dict[str, Any]]]:
    """Puts a row with a right digest of its own into a table, past the ledger."""
    url = make_url(place).set(drivername="postgresql+psycopg") if "://" in place else f"sqlite:///{place}"
    engine = create_engine(url)

    def put(table: Any, row: dict[str, Any]) -> dict[str, Any]:
        row["sha256"] = row_digest(table, row)
        with engine.begin() as connection:
            connection.execute(insert(table), row)
        return row

    yield put
    engine.dispose()


def forged_release(filled: Ledger) -> dict[str, Any]:
    with filled.read() as connection:
        first = releases.get_release(connection, 1, project="flights")
    return to_row(msgspec.structs.replace(first, id="forged", number=99))


def test_rows_of_the_ledger_are_believed(filled: Ledger) -> None:
    with filled.read() as connection:
        newest = releases.current_release(connection, "flights")
        assert newest is not None
        for model in models.list_models(connection, "flights"):
            assert models.find_model(connection, model.digest) == model
            assert len(models.approvals_of(connection, model.digest)) == 1


def test_release_by_sql_is_not_believed(filled: Ledger, forge) -> None:
    forge(schema.releases, forged_release(filled))
    with filled.read() as connection:
        with pytest.raises(CorruptionError, match=NOT_COVERED):
            releases.current_release(connection, "flights")
        with pytest.raises(CorruptionError, match=NOT_COVERED):
            releases.get_release(connection, 99, project="flights")
        with pytest.raises(CorruptionError, match=NOT_COVERED):
            releases.get_release(connection, "forged")
        assert releases.get_release(connection, 1, project="flights").number == 1


def test_approval_and_model_by_sql_are_not_believed(filled: Ledger, forge, make) -> None:
    with filled.read() as connection:
        model = models.list_models(connection, "flights")[0]
    forge(schema.approvals, to_row(make.approval(model, actor="bob")))
    forge(schema.models, to_row(msgspec.structs.replace(model, digest="f" * 64, version=99)))
    with filled.read() as connection:
        with pytest.raises(CorruptionError, match=NOT_COVERED):
            models.approvals_of(connection, model.digest)
        with pytest.raises(CorruptionError, match=NOT_COVERED):
            models.find_model(connection, "f" * 64)
        with pytest.raises(CorruptionError, match=NOT_COVERED):
            models.get_model(connection, 99, project="flights")


@pytest.mark.parametrize("broken", [{"previous": "e" * 64}, {"hash": "e" * 64}, {"actor": "carl"}])
def test_entry_that_is_not_a_link_of_the_chain_proves_nothing(filled: Ledger, forge, broken: dict[str, str]) -> None:
    row = forge(schema.releases, forged_release(filled))
    with filled.read() as connection:
        position, previous = chain.last(connection) or (0, "")
    said = {"actor": "bob", "event": "release", "subject": "s", "reason": "r", "inputs": {}, "outputs": {}}
    link = AuditEntry(
        **said,
        position=position + 1,
        at=filled.clock.now(),
        rows={"releases": {'["forged"]': row["sha256"]}},
        previous=previous,
        hash="",
    )
    link = msgspec.structs.replace(link, hash=chain.entry_hash(link))
    _append(filled, msgspec.structs.replace(link, **broken))
    with filled.read() as connection, pytest.raises(CorruptionError, match=NOT_COVERED):
        releases.current_release(connection, "flights")
    _drop(filled, link)
    _append(filled, link)
    with filled.read() as connection:
        assert releases.current_release(connection, "flights").id == "forged", (
            "whoever can write all is not caught here"
        )


def _append(ledger: Ledger, entry: AuditEntry) -> None:
    fields = {name: getattr(entry, name) for name in entry.__struct_fields__}
    documents = {name: to_json(fields[name]) for name in ("inputs", "outputs", "rows")}
    row = {**fields, **documents, "at": microseconds(entry.at)}
    with ledger._connected() as connection, connection.begin():
        ledger._backend.begin_write(connection)
        connection.execute(insert(schema.audit), row)


def _drop(ledger: Ledger, entry: AuditEntry) -> None:
    with ledger._connected() as connection, connection.begin():
        ledger._backend.begin_write(connection)
        connection.execute(schema.audit.delete().where(schema.audit.c.position == entry.position))


def test_edited_entry_proves_nothing(filled: Ledger) -> None:
    with filled._connected() as connection, connection.begin():
        filled._backend.begin_write(connection)
        connection.execute(update(schema.audit).where(schema.audit.c.event == "released").values(actor="bob"))
    with filled.read() as connection, pytest.raises(CorruptionError, match=NOT_COVERED):
        releases.current_release(connection, "flights")


def test_row_of_the_transaction_going_on_is_believed_until_it_fails(filled: Ledger, write, make) -> None:
    run = make.run()

    def fail() -> None:
        with write() as tx:
            runs.start_run(tx, run)
            model = make.model(tx, run, "another")
            assert models.find_model(tx.connection, model.digest) == model
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with filled.read() as connection:
        assert models.find_model(connection, digest_of(b"another")) is None
        assert connection.execute(text("SELECT 1")).scalar() == 1
