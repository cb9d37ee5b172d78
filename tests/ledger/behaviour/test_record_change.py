"""A record is one transaction and one audit entry."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from sqlalchemy import text

from kreis.clock import SimulatedClock
from kreis.errors import ProjectError, StoreError
from kreis.ledger import audit, runs
from kreis.ledger.store import Ledger, Transaction, open_ledger

Write = Callable[..., AbstractContextManager[Transaction]]


def test_record_writes_what_was_done_and_one_entry(ledger: Ledger, write: Write, make) -> None:
    run = make.run()
    with write(event="run.started", subject=run.id, inputs={"as_of": "2013-05-01"}) as tx:
        runs.start_run(tx, run)
        tx.set_outputs({"id": run.id})
    with ledger.read() as connection:
        assert runs.get_run(connection, run.id) == run
        (entry,) = audit.entries(connection)
    assert (entry.position, entry.event, entry.subject, entry.actor) == (1, "run.started", run.id, "anna")
    assert (entry.inputs, entry.outputs) == ({"as_of": "2013-05-01"}, {"id": run.id})
    assert list(entry.rows) == ["runs"]


def test_record_takes_the_time_from_the_clock(ledger: Ledger, write: Write, clock: SimulatedClock) -> None:
    with write() as tx:
        assert tx.now == clock.now()
    with ledger.read() as connection:
        assert next(audit.entries(connection)).at == clock.now()


def test_record_leaves_nothing_when_the_block_fails(ledger: Ledger, write: Write, make) -> None:
    with contextlib.suppress(ZeroDivisionError), write() as tx:
        runs.start_run(tx, make.run())
        _ = 1 / 0
    with ledger.read() as connection:
        assert runs.list_runs(connection) == []
        assert audit.head(connection) == "0" * 64


def test_record_goes_on_after_a_failed_one(ledger: Ledger, write: Write, make) -> None:
    with pytest.raises(ZeroDivisionError), write():
        _ = 1 / 0
    with write() as tx:
        runs.start_run(tx, make.run())
    with ledger.read() as connection:
        assert len(runs.list_runs(connection)) == 1


@pytest.mark.parametrize("blank", ["event", "subject", "actor", "reason"])
def test_record_refuses_a_blank(write: Write, blank: str) -> None:
    with pytest.raises(ProjectError, match=f"needs {blank}"), write(**{blank: " "}):
        pass


def test_record_inside_a_record_is_refused_at_once(write: Write) -> None:
    with write(), pytest.raises(StoreError, match="inside another"), write():
        pass


def test_record_keeps_what_json_can_say_of_the_inputs(ledger: Ledger, write: Write) -> None:
    odd = {"nan": float("nan"), "tuple": (1, 2), "text": "naïve \u0000 \U0001f6eb", "big": 2**62, "float": 0.1 + 0.2}
    with write(inputs=odd):
        pass
    with ledger.read() as connection:
        (entry,) = audit.entries(connection)
        assert audit.verify(connection).ok
    assert entry.inputs == {**odd, "nan": None, "tuple": [1, 2]}


def test_record_refuses_a_row_that_refers_to_nothing(write: Write, make) -> None:
    with pytest.raises(StoreError, match="contradicts"), write() as tx:
        runs.add_verdict(tx, make.verdict(make.run()))


def test_read_sees_one_state(ledger: Ledger, write: Write, make) -> None:
    with ledger.read() as connection:
        assert runs.list_runs(connection) == []
        with write() as tx:
            runs.start_run(tx, make.run())
        assert runs.list_runs(connection) == []
    with ledger.read() as connection:
        assert len(runs.list_runs(connection)) == 1


def test_read_refuses_a_write_that_would_pass_the_audit_by(ledger: Ledger, write: Write, make) -> None:
    with write() as tx:
        runs.start_run(tx, make.run())
    with pytest.raises(StoreError), ledger.read() as connection:
        connection.execute(text("DELETE FROM runs"))
    with ledger.read() as connection:
        assert len(runs.list_runs(connection)) == 1


def test_reopened_ledger_holds_what_was_recorded(place: str, clock: SimulatedClock, make) -> None:
    run = make.run()
    with open_ledger(place, clock=clock) as first, first.record(event="e", subject="s", actor="a", reason="r") as tx:
        runs.start_run(tx, run)
    with open_ledger(place, clock=clock, create=False) as second, second.read() as connection:
        assert runs.get_run(connection, run.id) == run
        assert audit.verify(connection).ok
