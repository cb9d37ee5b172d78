"""What only PostgreSQL can suffer: a lock held by another session, a server that goes away."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, text

from kreis.clock import SimulatedClock
from kreis.errors import StoreError
from kreis.ledger import audit, runs
from kreis.ledger.backends import postgres
from kreis.ledger.store import open_ledger


def test_lock_held_too_long_is_said(
    postgres_server: Any, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch, make
) -> None:
    place = postgres_server.empty_schema()
    with open_ledger(place, clock=clock) as ledger, open_ledger(place, clock=clock) as other:
        monkeypatch.setattr(postgres, "BUSY_SECONDS", 1)
        with other.record(event="e", subject="s", actor="a", reason="r"):
            said = {"event": "e", "subject": "s", "actor": "a", "reason": "r"}
            with pytest.raises(StoreError, match="held the write lock"), ledger.record(**said) as tx:
                runs.start_run(tx, make.run())
        with ledger.read() as connection:
            assert audit.verify(connection).entries == 1


def test_ledgers_in_two_schemas_do_not_wait_for_each_other(
    postgres_server: Any, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "BUSY_SECONDS", 1)
    said = {"event": "e", "subject": "s", "actor": "a", "reason": "r"}
    with (
        open_ledger(postgres_server.empty_schema(), clock=clock) as one,
        open_ledger(postgres_server.empty_schema(), clock=clock) as two,
        one.record(**said),
        two.record(**said),
    ):
        pass


def test_lost_connection_is_replaced(postgres_server: Any, clock: SimulatedClock, make) -> None:
    place = postgres_server.empty_schema()
    with open_ledger(place, clock=clock) as ledger:
        with ledger.record(event="e", subject="s", actor="a", reason="r") as tx:
            runs.start_run(tx, make.run())
        engine = create_engine(make_url(postgres_server.url).set(drivername="postgresql+psycopg"))
        with engine.connect() as connection:
            others = "FROM pg_stat_activity WHERE usename = 'kreis' AND pid != pg_backend_pid()"
            connection.execute(text(f"SELECT pg_terminate_backend(pid) {others}"))
        engine.dispose()
        with ledger.read() as connection:
            assert len(runs.list_runs(connection)) == 1


def test_connection_lost_inside_a_record_leaves_nothing(postgres_server: Any, clock: SimulatedClock, make) -> None:
    place = postgres_server.empty_schema()
    with open_ledger(place, clock=clock) as ledger:
        said = {"event": "e", "subject": "s", "actor": "a", "reason": "r"}
        with pytest.raises(StoreError, match="does not answer"), ledger.record(**said) as tx:  # noqa: PT012
            runs.start_run(tx, make.run())
            tx.connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        with ledger.read() as connection:
            assert runs.list_runs(connection) == []
            assert audit.verify(connection).entries == 0
