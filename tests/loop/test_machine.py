"""The state machine: verdicts, interrupted runs, and what the observer is told."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kreis.actions.run import run_circle
from kreis.clock import SimulatedClock
from kreis.declarations import Declared
from kreis.errors import ProjectError, ServiceError
from kreis.ledger import alerts, audit, runs
from kreis.ledger.records import Alert, Run
from kreis.loop.verdicts import Advance, SendBack
from kreis.workspace import Workspace

T0 = datetime(2025, 8, 15, tzinfo=UTC)


@pytest.fixture
def workspace(shop):
    made = Workspace(shop.folder, clock=SimulatedClock(T0))
    yield made
    made.ledger.close()


def runs_in(workspace):
    with workspace.ledger.read() as connection:
        assert audit.verify(connection).problems == []
        return runs.list_runs(connection)


class Told(list):
    """An observer that notes all it is told."""

    def begin(self, discipline):
        self.append(("begin", discipline))

    def working(self, step):
        self.append(("working", step))

    def done(self, step):
        self.append(("done", step.name))

    def conclude(self, discipline, verdict):
        self.append((type(verdict).__name__, discipline))

    def go_back(self, number, verdict):
        self.append(("round", number, verdict.to))

    def note(self, text):
        self.append(("note", text))


def test_walks_as_far_as_it_is_told_and_says_so(workspace):
    told = Told()
    result = run_circle(workspace.load_project(), workspace, as_of=T0, until="collection", observer=told)
    assert told == [
        ("begin", "requirements"),
        ("Advance", "requirements"),
        ("begin", "collection"),
        ("working", "orders"),
        ("done", "orders"),
        ("working", "settlements"),
        ("done", "settlements"),
        ("Advance", "collection"),
    ]
    assert (result.status, result.computed) == ("advanced", 2)
    assert isinstance(result.last, Advance)
    (run,) = runs_in(workspace)
    assert (run.status, run.as_of, run.trigger, run.pins["seed"]) == ("advanced", T0, "manual", 7)


@pytest.mark.parametrize("given", [{"until": "trainning"}, {"start_at": "monitoring"}])
def test_an_unknown_discipline_is_refused_before_anything_is_recorded(workspace, given):
    with pytest.raises(ProjectError, match="unknown discipline"):
        run_circle(workspace.load_project(), workspace, as_of=T0, **given)
    assert runs_in(workspace) == []


def test_a_source_that_cannot_be_read_fails_the_run_and_the_next_goes_on(workspace, shop):
    (shop.folder / "data" / "orders.csv").rename(shop.folder / "data" / "away.csv")
    project = workspace.load_project()
    with pytest.raises(ProjectError, match=r"source 'orders', .*orders\.csv: there is no such file"):
        run_circle(project, workspace, as_of=T0, until="collection")
    (run,) = runs_in(workspace)
    assert run.status == "failed"
    with workspace.ledger.read() as connection:
        last = runs.verdicts_of(connection, run.id)[-1]
    assert (last.discipline, last.kind) == ("collection", "fail")
    (shop.folder / "data" / "away.csv").rename(shop.folder / "data" / "orders.csv")
    assert run_circle(project, workspace, as_of=T0, until="collection").status == "advanced"


def test_an_interrupted_run_is_closed_by_the_next_and_a_held_one_stays_held(workspace):
    project = workspace.load_project()
    for name, status in (("0run-cut-off", "running"), ("0run-held", "held")):
        with workspace.ledger.record(event="run.started", subject=name, actor="ann", reason="test") as tx:
            run = Run(id=name, project="returns", as_of=T0, status="running", trigger="manual", started_at=T0, goal="g")
            runs.start_run(tx, run)
            if status != "running":
                runs.finish_run(tx, name, status, T0)
    leftovers = [
        workspace.artifacts._root / ".0123.tmp",
        workspace.lake_folder / "bronze" / "orders" / "00000000-0123456789abcdef.parquet",
    ]
    for path in leftovers:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    run_circle(project, workspace, as_of=T0, until="requirements")
    found = {run.id: run.status for run in runs_in(workspace)}
    assert found.pop("0run-held") == "held"
    assert found.pop("0run-cut-off") not in ("running", "advanced")
    assert list(found.values()) == ["advanced"]
    assert [path for path in leftovers if path.exists()] == []


def test_an_empty_spine_sends_the_work_back(workspace):
    early = datetime(2024, 6, 1, tzinfo=UTC)
    result = run_circle(workspace.load_project(), workspace, as_of=early)
    assert result.status == "sent_back"
    assert isinstance(result.last, SendBack)
    assert result.last.to == "collection"


def test_a_run_answers_the_alert_that_started_it(workspace):
    with workspace.ledger.record(event="alert.raised", subject="drift", actor="ann", reason="test") as tx:
        alert = Alert(
            id="alert1",
            project="returns",
            monitor="drift",
            level="warning",
            summary="s",
            detail={},
            to="collection",
            at=T0,
        )
        alerts.add_alert(tx, alert)
    project = workspace.load_project()
    orders = project.sources["orders"]
    broken = dataclasses.replace(orders, read=lambda window: 1 / 0)
    project._sources._declared["orders"] = Declared(broken, "here")
    with pytest.raises(ServiceError):  # a run that fails answers nothing
        run_circle(project, workspace, as_of=T0, trigger="alert1")
    project._sources._declared["orders"] = Declared(orders, "here")
    with workspace.ledger.read() as connection:
        assert [each.run for each in alerts.list_alerts(connection, waiting_only=True)] == [None]
    result = run_circle(project, workspace, as_of=T0, until="requirements", trigger="alert1")
    with workspace.ledger.read() as connection:
        assert alerts.list_alerts(connection, waiting_only=True) == []
        assert [each.run for each in alerts.list_alerts(connection)] == [result.run]


def test_pins_the_commit_and_the_lock_file(workspace, shop):
    import subprocess

    git = ["git", "-c", "user.name=ann", "-c", "user.email=ann@example.org"]
    for command in (["init", "-q"], ["add", "project.py"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *command], cwd=shop.folder, check=True)
    Path(shop.folder / "requirements.txt").write_text("polars==2.1\n")
    run_circle(workspace.load_project(), workspace, as_of=T0, until="requirements")
    (run,) = runs_in(workspace)
    assert len(run.pins["git_commit"]) == 40
    assert list(run.pins["dependency_lock"]) == ["requirements.txt"]
