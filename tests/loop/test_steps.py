"""Remembered steps: a key that has finished is never computed again, and remembers what was computed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kreis.clock import SimulatedClock
from kreis.code import Code
from kreis.ledger import audit, runs, steps
from kreis.ledger.records import Run
from kreis.ledger.store import Ledger, open_ledger
from kreis.loop import steps as loop_steps
from kreis.loop.steps import Memory, StepOutput, step_key
from kreis.ways.tabular.way import LIBRARIES

T0 = datetime(2025, 8, 15, tzinfo=UTC)
_COUNT = itertools.count()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with open_ledger(tmp_path / "ledger.db", clock=SimulatedClock(T0)) as opened:
        yield opened


def begin(ledger: Ledger, name: str, **given: Any) -> Memory:
    with ledger.record(event="run.started", subject=name, actor="ann", reason="test") as tx:
        run = Run(id=name, project="p", as_of=T0, status="running", trigger="manual", started_at=T0, goal="0" * 64)
        runs.start_run(tx, run)
    return Memory(ledger, run=name, actor="ann", libraries=LIBRARIES, **given)


class Answer(StepOutput, frozen=True, kw_only=True):
    answer: Any = 42


class Work:
    """Counts how often it is done."""

    def __init__(self, answer: Any = 42) -> None:
        self.done = 0
        self.answer = answer

    def __call__(self, key: str) -> Answer:
        self.done += 1
        return Answer(answer=self.answer)


def step(memory: Memory, work: Work, name: str = "orders", discipline: str = "collection", **changes: Any) -> Any:
    given = {"code": Code(digest="c"), "parameters": {"until": "2025"}, "inputs": {"raw": "1"}, **changes}
    return memory.step(discipline, name, result=Answer, compute=work, **given)


def test_computes_once_and_then_remembers(ledger):
    work = Work()
    first = step(begin(ledger, "run1"), work)
    second = step(begin(ledger, "run2"), work)
    assert (first.remembered, second.remembered, work.done) == (False, True, 1)
    assert first.output == second.output == Answer()
    assert first.key == second.key
    assert second.seconds == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"code": Code(digest="d")},
        {"code": Code(digest="c", files={"rates.csv": "1"})},
        {"parameters": {"until": "2026"}},
        {"inputs": {"raw": "2"}},
        {"name": "o"},
        {"discipline": "training"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_computes_again_what_has_changed(ledger, changes):
    work = Work()
    step(begin(ledger, "run1"), work)
    assert not step(begin(ledger, "run2"), work, **changes).remembered
    assert work.done == 2


def test_computes_in_every_run_what_reaches_something_that_cannot_be_followed(ledger):
    work, code = Work(), Code(digest="c", unknown=("helper is of socket.socket",))
    for run in ("run1", "run2"):
        done = step(begin(ledger, run), work, code=code)
        assert not done.remembered
        assert done.unknown == code.unknown
    with ledger.read() as connection:
        (_, recorded), *_ = steps.steps_of(connection, "run2")
    assert recorded.inputs["unknown"] == ["helper is of socket.socket"]
    assert work.done == 2


def test_another_version_of_a_library_computes_again_what_it_computes(monkeypatch):
    given = {"code": "", "parameters": {}, "inputs": {}}
    before = {each: step_key(each, "x", libraries=LIBRARIES[each], **given) for each in ("collection", "training")}
    whole = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "99" if name == "lightgbm" else whole(name))
    loop_steps._versions.cache_clear()
    after = {each: step_key(each, "x", libraries=LIBRARIES[each], **given) for each in before}
    loop_steps._versions.cache_clear()
    assert after["collection"] == before["collection"]
    assert after["training"] != before["training"]


def test_what_an_unfinished_step_notes_is_found_by_a_later_run_and_belongs_to_none(ledger):
    what, found = {"candidate": {"leaves": 7}}, {"loss": 0.1 + 0.2, "reports": [[1, 2.0]]}
    begin(ledger, "one").notes("key", "gbdt").keep(what, found)
    notes = begin(ledger, "two").notes("key", "gbdt")
    assert notes.recall(what) == found
    assert notes.recall({"candidate": {"leaves": 8}}) is None
    assert begin(ledger, "three").notes("other key", "gbdt").recall(what) is None
    with ledger.read() as connection:
        assert steps.steps_of(connection, "one") == steps.steps_of(connection, "two") == []
        assert audit.verify(connection).ok


def test_a_step_that_fails_is_not_remembered(ledger):
    def fail(key: str) -> Any:
        raise RuntimeError

    memory = begin(ledger, "run1")
    with pytest.raises(RuntimeError):
        step(memory, fail)
    work = Work()
    with pytest.raises(RuntimeError):  # nor tried again in the same run
        step(memory, work)
    assert not step(begin(ledger, "run2"), work).remembered
    assert work.done == 1


def test_recompute_computes_whatever_is_known_and_leaves_the_known_alone(ledger):
    work = Work()
    first = step(begin(ledger, "run1"), work)
    memory = begin(ledger, "run2", recompute=frozenset({"collection"}))
    assert memory.recomputes("collection")
    second = step(memory, work)
    assert (second.remembered, second.key != first.key, work.done) == (False, True, 2)
    third = step(begin(ledger, "run3"), work)
    assert third.remembered
    assert third.key == first.key


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(answer=JSON)
def test_an_output_is_the_same_computed_or_remembered(ledger, answer):
    number = next(_COUNT)
    work, parameters = Work(answer), {"number": number}
    computed = step(begin(ledger, f"run{number}a"), work, parameters=parameters)
    remembered = step(begin(ledger, f"run{number}b"), work, parameters=parameters)
    assert (computed.remembered, remembered.remembered) == (False, True)
    assert repr(computed.output) == repr(remembered.output)  # the order of keys, too
    assert computed.output == Answer(answer=answer)


class Later(Answer, frozen=True, kw_only=True):
    more: list[int] = msgspec.field(default_factory=list)


def test_a_field_that_came_later_has_its_default_in_what_was_remembered_before(ledger):
    step(begin(ledger, "run1"), Work(7))
    given = {"code": Code(digest="c"), "parameters": {"until": "2025"}, "inputs": {"raw": "1"}, "compute": Work()}
    later = begin(ledger, "run2").step("collection", "orders", result=Later, **given)
    assert (later.remembered, later.output) == (True, Later(answer=7))
    assert later.document == {"answer": 7}


def test_remembered_steps_reach_the_record_with_the_next_write(ledger):
    work = Work()
    step(begin(ledger, "run1"), work, "a")
    memory = begin(ledger, "run2")
    step(memory, work, "a")
    assert [use.name for use in read(ledger, "run2")] == []
    step(memory, work, "b")
    assert [use.name for use in read(ledger, "run2")] == ["a", "b"]
    step(memory, work, "b")
    with ledger.record(event="x", subject="x", actor="ann", reason="x") as tx:
        memory.write_pending(tx)
    assert memory.pending == []
    with ledger.read() as connection:
        assert audit.verify(connection).ok


def read(ledger: Ledger, run: str) -> list[Any]:
    with ledger.read() as connection:
        return [found for _, found in steps.steps_of(connection, run)]


def test_tells_what_is_worked_on_and_what_is_done(ledger):
    memory = begin(ledger, "run1")
    told: list[Any] = []
    memory.on_working = lambda name: told.append(name)
    memory.on_done = lambda result: told.append((result.name, result.remembered))
    step(memory, Work())
    memory.progress("orders")("fit", 0, 1)
    memory.progress("orders")("trial", 2, 20)
    step(memory, Work())
    assert told == ["orders", ("orders", False), "orders: fit", "orders: trial 3 of 20", ("orders", True)]
