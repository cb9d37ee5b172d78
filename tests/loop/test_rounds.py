"""A toy way outside the package walks the circle: work that is sent back is done again, within bounds."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.loop import toy
from tests.loop.toy import Words

from kreis.clock import SimulatedClock
from kreis.code import Code
from kreis.disciplines import DISCIPLINES, Discipline
from kreis.errors import ProjectError
from kreis.ledger import audit, runs, steps
from kreis.ledger.records import Run
from kreis.ledger.records import Verdict as VerdictRecord
from kreis.loop import machine
from kreis.loop.machine import RunResult, walk
from kreis.loop.observer import Lines
from kreis.loop.plan import plan
from kreis.loop.transitions import TRANSITIONS, next_of
from kreis.loop.verdicts import Advance, Fail, Hold, Kind, SendBack, Verdict
from kreis.workspace import Workspace

T0 = datetime(2025, 8, 15, tzinfo=UTC)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    (tmp_path / "kreis.toml").write_text("")
    (tmp_path / "words.txt").write_text("one two three")
    made = Workspace(tmp_path, clock=SimulatedClock(T0))
    yield made
    made.ledger.close()


@pytest.fixture
def way(workspace: Workspace) -> Words:
    return Words(workspace.folder / "words.txt")


def on_record(workspace: Workspace, result: RunResult[Any]) -> tuple[Run, list[VerdictRecord]]:
    with workspace.ledger.read() as connection:
        assert audit.verify(connection).ok
        return runs.get_run(connection, result.run), runs.verdicts_of(connection, result.run)


def rounds(verdicts: list[VerdictRecord]) -> list[tuple[int, str, str]]:
    return [(each.round, each.discipline, each.kind) for each in verdicts]


def run(way: Words, workspace: Workspace, **given: Any) -> RunResult[Any]:
    return walk(way, workspace, until="evaluation", **{"as_of": T0, **given})


def test_a_toy_way_walks_and_is_remembered(way, workspace):
    first, second = run(way, workspace), run(way, workspace)
    assert (first.status, first.computed, first.state.gathered.output.words) == ("advanced", 2, ["one", "two", "three"])
    assert (second.status, second.computed, way.done) == ("advanced", 0, ["gather", "judge"])


def test_work_that_is_sent_back_is_done_again_and_ends_where_nothing_has_changed(way, workspace):
    way.file.write_text("one")
    said: list[str] = []
    result = run(way, workspace, observer=Lines("words", said.append))
    assert result.status == "sent_back"
    assert result.reason == (
        "evaluation: 1 words are too few; stopped in round 2: nothing has changed since evaluation sent the work back"
        " to preparation; what would: other tables or features, or new data"
    )
    assert isinstance(result.last, SendBack)
    found, verdicts = on_record(workspace, result)
    assert found.ended == result.reason
    assert rounds(verdicts) == [
        (1, "preparation", "advance"),
        (1, "evaluation", "send_back"),
        (2, "preparation", "advance"),
    ]
    assert (result.computed, len(result.steps), way.done) == (2, 2, ["gather", "judge"])
    assert "round 2, from preparation" in said
    assert said[-1].strip().startswith("stopped in round 2: nothing has changed")


def test_what_changed_outside_meanwhile_makes_the_next_round_compute(way, workspace):
    way.file.write_text("one")
    way.meanwhile = lambda: way.file.write_text("one two three four")
    result = run(way, workspace)
    assert result.status == "advanced"
    _, verdicts = on_record(workspace, result)
    assert rounds(verdicts)[2:] == [(2, "preparation", "advance"), (2, "evaluation", "advance")]
    assert way.done == ["gather", "judge"] * 2


def test_rounds_are_bounded_and_the_bound_is_said(way, workspace):
    way.file.write_text("one")
    way.enough = 99
    way.meanwhile = lambda: way.file.write_text(way.file.read_text() + " more")
    result = run(way, workspace)
    assert result.status == "sent_back"
    assert result.reason.endswith("3 words are too few; stopped after round 3, the last ([loop] rounds = 3)")
    assert way.done == ["gather", "judge"] * 3


def test_rounds_are_bounded_in_time(way, workspace, monkeypatch):
    way.file.write_text("one")
    way.meanwhile = lambda: way.file.write_text(way.file.read_text() + " more")
    ticks = itertools.count(0, 1801)
    monkeypatch.setattr(machine, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    way.enough = 99
    result = run(way, workspace)
    assert result.reason.endswith('stopped after round 2, its time is over ([loop] within = "1h")')


def test_a_discipline_that_sends_back_to_itself_is_tried_again_only_where_something_changed(way, workspace):
    way.file.write_text("illegible")
    result = run(way, workspace)
    assert (result.status, way.done) == ("sent_back", ["gather"])
    assert "nothing has changed since preparation sent the work back to preparation" in result.reason
    way.meanwhile = lambda: way.file.write_text("one two three")
    result = run(way, workspace)
    assert result.status == "advanced"
    _, verdicts = on_record(workspace, result)
    assert [each.round for each in verdicts] == [1, 2, 2]


def test_a_way_can_do_better_with_the_verdict_that_sent_the_work_back(way, workspace):
    seen: list[tuple[int, str]] = []

    class Reacts(Words):
        def gather(self, state):
            if state.context.sent_back is not None:
                seen.append((state.context.round, state.context.sent_back.reason))
                self.file.write_text(self.file.read_text() * 3)
            return super().gather(state)

    way.file.write_text("one ")
    result = run(Reacts(way.file), workspace)
    assert (result.status, seen) == ("advanced", [(2, "1 words are too few")])


def test_a_verdict_that_leads_nowhere_is_an_error_that_names_its_discipline(way, workspace):
    way.verdict = SendBack(to="deployment", reason="wrong")
    with pytest.raises(ProjectError, match="evaluation sends the work to 'deployment'"):
        run(way, workspace)
    with workspace.ledger.read() as connection:
        (found,) = runs.list_runs(connection)
        assert runs.verdicts_of(connection, found.id)[-1].kind == "fail"
    assert found.status == "failed"


@pytest.mark.parametrize(
    ("verdict", "status"), [(Hold(needs="ann", reason="look"), "held"), (Fail(reason="no"), "failed")]
)
def test_a_hold_and_a_failure_end_the_run(way, workspace, verdict, status):
    way.verdict = verdict
    result = run(way, workspace)
    assert (result.status, result.last) == (status, verdict)
    assert on_record(workspace, result)[0].status == status


def test_starts_at_a_discipline_on_what_an_earlier_run_left(way, workspace):
    before = run(way, workspace)
    said: list[str] = []
    result = run(way, workspace, start_at="evaluation", observer=Lines("words", said.append))
    assert way.done == ["gather", "judge", "judge"]
    assert f"taken over from run {before.run}" in said[1]
    _, verdicts = on_record(workspace, result)
    assert [(each.discipline, each.detail.get("taken_over_from")) for each in verdicts] == [
        ("preparation", before.run),
        ("evaluation", None),
    ]
    with workspace.ledger.read() as connection:
        used = [(step.name, use.remembered) for use, step in steps.steps_of(connection, result.run)]
    assert used == [("words", True), ("count", False)]


def test_walks_from_the_beginning_where_what_was_left_is_not_what_the_project_declares(way, workspace):
    before = run(way, workspace)
    way.file.write_text("another text altogether")
    said: list[str] = []
    run(way, workspace, start_at="evaluation", observer=Lines("words", said.append))
    assert said[1].startswith(f"  words is not what it was in run {before.run} (input file: ")
    assert way.done == ["gather", "judge"] * 2


def test_walks_from_the_beginning_where_the_last_run_was_of_another_declaration(way, workspace):
    run(way, workspace)
    text = way.file.read_text()
    way.file.write_text("another text altogether and more")
    other = run(way, workspace)
    way.file.write_text(text)
    said: list[str] = []
    result = run(way, workspace, start_at="evaluation", observer=Lines("words", said.append))
    assert f"words is not what it was in run {other.run} (input file: " in said[1]
    assert result.state.gathered.output.words == text.split()


def test_walks_from_the_beginning_where_what_is_computed_in_every_run_was_of_other_inputs(way, workspace, monkeypatch):
    monkeypatch.setattr(toy, "CODE", Code(digest="c" * 64, unknown=("a lambda",)))
    run(way, workspace)
    run(way, workspace, start_at="evaluation")
    assert way.done == ["gather", "judge", "judge"], "the same inputs: taken over"
    way.file.write_text("another text altogether and more")
    result = run(way, workspace, start_at="evaluation")
    assert result.state.gathered.output.words == ["another", "text", "altogether", "and", "more"]


def test_walks_from_the_beginning_where_no_run_is_of_that_moment(way, workspace):
    run(way, workspace)
    said: list[str] = []
    earlier = T0 - timedelta(days=1)
    result = run(way, workspace, as_of=earlier, start_at="evaluation", observer=Lines("words", said.append))
    assert "no run as of 2025-08-14 00:00 got as far as evaluation: all before it is walked" in said[1]
    _, verdicts = on_record(workspace, result)
    assert rounds(verdicts) == [(1, "preparation", "advance"), (1, "evaluation", "advance")]
    assert way.done == ["gather", "judge", "judge"]


def test_starting_behind_the_end_is_refused(way, workspace):
    with pytest.raises(ProjectError, match="evaluation, which comes after preparation"):
        walk(way, workspace, as_of=T0, until="preparation", start_at="evaluation")


def test_work_sent_back_before_the_start_is_walked(way, workspace):
    run(way, workspace)
    way.enough = 4
    way.meanwhile = lambda: way.file.write_text("one two three four")
    result = run(way, workspace, start_at="evaluation")
    _, verdicts = on_record(workspace, result)
    assert rounds(verdicts)[1:] == [
        (1, "evaluation", "send_back"),
        (2, "preparation", "advance"),
        (2, "evaluation", "advance"),
    ]


class Scripted:
    """A way through all seven disciplines; each advances, but for one verdict."""

    project, goal, libraries, announces = "words", Words.goal, {}, {}

    def __init__(self, discipline: Discipline, verdict: Verdict) -> None:
        self._sender, self._verdict = discipline, verdict
        self.walked: list[Discipline] = []

    @property
    def performs(self):
        return {each: lambda state, each=each: self._perform(state, each) for each in DISCIPLINES}

    def _perform(self, state, discipline):
        self.walked.append(discipline)
        if discipline == self._sender and state.round == 1:
            return self._verdict
        return Advance(summary=f"round {state.round}")

    def begin(self, context):
        return context

    def restore(self, context, before, steps):
        return context


def cases() -> Iterator[tuple[Discipline, Kind, Verdict, tuple[Discipline, ...] | str]]:
    for (discipline, kind), found in TRANSITIONS.items():
        if kind == "send_back":
            for to in found:
                yield discipline, kind, SendBack(to=to, reason="better"), (to,)
        elif kind == "advance":
            yield discipline, kind, Advance(summary="done"), found
        else:
            yield discipline, kind, Hold(needs="ann", reason="look") if kind == "hold" else Fail(reason="no"), found


def test_each_transition_of_the_table_leads_where_it_says(workspace):
    for sender, kind, verdict, found in cases():
        way = Scripted(sender, verdict)
        result = walk(way, workspace, as_of=T0, until="monitoring")
        place = way.walked.index(sender)
        follows = way.walked[place + 1 : place + 2]
        what = f"{sender} {kind} {found}"
        if isinstance(found, str):
            assert (follows, result.status) == ([], found), what
        elif kind == "advance" and sender == "monitoring":
            assert (follows, result.status) == ([], "advanced"), what
        else:
            assert (follows, result.status) == ([found[0]], "advanced"), what
        if kind == "send_back":
            expected = [*DISCIPLINES[: place + 1], *DISCIPLINES[DISCIPLINES.index(found[0]) :]]
            assert way.walked == expected, what


def test_the_next_of_a_way_that_leaves_disciplines_out_is_the_next_that_it_performs():
    path: list[Discipline] = ["collection", "evaluation"]
    assert next_of("collection", Advance(summary=""), path) == "evaluation"
    assert next_of("evaluation", Advance(summary=""), path) == "advanced"


def fates(workspace: Workspace, way: Words, **given: Any) -> list[tuple[str, str, list[str]]]:
    found = plan(way, workspace, until="evaluation", **{"as_of": T0, **given})
    return [(each.name, each.fate, each.why) for each in found.steps]


def test_a_plan_says_what_would_be_computed_and_why_and_does_nothing(way, workspace):
    found = plan(way, workspace, as_of=T0, until="evaluation")
    assert [(each.name, each.why) for each in found.steps] == [("words", ["never computed"])]
    assert found.unforeseen == ["preparation", "evaluation"]
    run(way, workspace)
    with workspace.ledger.read() as connection:
        head = audit.head(connection)
    assert fates(workspace, way) == [("words", "remembered", []), ("count", "remembered", [])]
    way.enough = 2
    assert fates(workspace, way)[1] == ("count", "computed", ["parameter enough changed"])
    way.enough = 3
    way.file.write_text("one two three four")
    words, count = fates(workspace, way)
    assert words[1] == "computed"
    assert words[2][0].startswith("input file: ")
    assert count == ("count", "depends", ["words"])
    way.file.write_text("one two three")
    assert fates(workspace, way, start_at="evaluation") == [("count", "computed", ["asked for"])]
    assert way.done == ["gather", "judge"]
    with workspace.ledger.read() as connection:
        assert audit.head(connection) == head
        assert len(runs.list_runs(connection)) == 1


def test_a_plan_says_which_verdict_would_end_the_run_where_nothing_has_changed(way, workspace):
    way.file.write_text("one")
    run(way, workspace)
    found = plan(way, workspace, as_of=T0, until="evaluation")
    assert found.ends == "evaluation: back to preparation: 1 words are too few"
