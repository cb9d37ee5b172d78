"""What a judged candidate is asked after the run stands on record, is remembered, and is shown with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.evaluation.examinations.half import Half

from kreis.actions.examine import examine_candidate
from kreis.actions.run import run_circle
from kreis.errors import ProjectError
from kreis.evaluation.examinations.kinds import EXAMINATIONS
from kreis.governance.pages.candidate import candidate_page
from kreis.governance.pages.examined import examinations_page
from kreis.governance.pages.model import model_page
from kreis.governance.views.candidate import candidate_view
from kreis.governance.views.examined import examinations_view
from kreis.governance.views.model import model_view
from kreis.governance.views.run import run_view
from kreis.ledger import steps
from kreis.notebook import open_project
from kreis.workspace import Workspace

OWN = "\nfrom tests.evaluation.examinations.half import Half\nfrom kreis import Gate\n"


@pytest.fixture
def half(monkeypatch: pytest.MonkeyPatch) -> None:
    """An examination that no run asks by itself."""
    monkeypatch.setitem(EXAMINATIONS, "half", Half())  # type: ignore[arg-type]  # it is a dict


@pytest.fixture
def workspace(released: Any, half: None) -> Any:
    found = Workspace(released.folder)
    yield found
    found.ledger.close()


def judged(folder: Path, *, more: str) -> Any:
    """The evaluation of a project that declares more."""
    file = folder / "project.py"
    file.write_text(file.read_text() + OWN + more)
    workspace = Workspace(folder)
    try:
        project = workspace.load_project()
        result = run_circle(project, workspace, as_of=workspace.moment(""), until="evaluation")
        return result, result.state.judged.report
    finally:
        workspace.ledger.close()


def test_a_question_is_asked_once_and_shown_with_the_candidate(workspace: Workspace) -> None:
    said: list[str] = []
    asked = examine_candidate(workspace, ["half"], say=said.append)
    assert asked.candidate == candidate_view(workspace, "").name
    assert any("half" in each for each in said)
    again: list[str] = []
    assert examine_candidate(workspace, ["half"], say=again.append).found == asked.found
    assert again == [], "it is remembered"
    with workspace.ledger.read() as connection:
        (step,) = steps.steps_beginning(connection, "evaluation", "examination ")
        assert steps.computed_in(connection, step.key) is None, "a run that has ended stays as it was"
    kept = {each.name: each.step for each in run_view(workspace, asked.run).logged.artefacts}
    assert kept["counted.txt"] == "examination half", "what it kept stands beside the run"
    for view, page in (
        (candidate_view(workspace, "").evaluation, candidate_page(candidate_view(workspace, ""))),
        (model_view(workspace, "").evaluation, model_page(model_view(workspace, ""))),
    ):
        assert view is not None
        shown = next(each for each in view.examined if each.examination == "half")
        assert shown.later
        assert shown.asks == Half.asks
        assert shown.findings[0].said in str(page)


def test_what_is_asked_later_is_judged_at_the_level_of_the_run(released: Any, half: None) -> None:
    def asked(workspace: Workspace, **which: str) -> list[float]:
        found = examine_candidate(workspace, ["half", "calibration"], **which).found
        return sorted({each.estimate.level for part in found for each in part.findings if each.estimate is not None})

    workspace = Workspace(released.folder)
    assert asked(workspace) == [0.95]
    before = candidate_view(workspace, "").name
    gbdt, logistic = (f'project.candidate("{name}"' for name in ("gbdt", "logistic"))
    released.edit(*((logistic, f"0 and {logistic}") if before == "logistic" else (gbdt, f"0 and {gbdt}")))
    run_circle(workspace.load_project(), workspace, as_of=workspace.moment(""), until="evaluation")
    assert candidate_view(workspace, "").name != before
    assert asked(workspace) == [0.9875], "the second model on the same rows"
    assert asked(workspace, candidate="rule") == [0.9875]
    workspace.ledger.close()


def test_another_candidate_is_asked_for_itself(workspace: Workspace) -> None:
    chosen = candidate_view(workspace, "").name
    other = "gbdt" if chosen == "logistic" else "logistic"
    found = examine_candidate(workspace, ["half"], candidate=other).found[0].findings[0].estimate
    assert found is not None
    assert found.value != examine_candidate(workspace, ["half"]).found[0].findings[0].estimate.value
    shown = candidate_view(workspace, other).evaluation
    assert shown is not None
    assert shown.examined[-1].findings[0].estimate.value == found.value


def test_examinations_are_listed_with_what_was_asked(workspace: Workspace) -> None:
    before = {each.name: each for each in examinations_view(workspace).examinations}["half"]
    assert (before.each_run, before.asked, before.measures) == (False, "", ["share_of_yes"])
    examine_candidate(workspace, ["half"])
    view = examinations_view(workspace)
    after = {each.name: each for each in view.examinations}["half"]
    assert after.asked == "later"
    assert Half.asks in str(examinations_page(view))


def test_a_notebook_asks_too(released: Any, half: None) -> None:
    project = open_project(released.folder)
    assert "half" in str(project.examine())
    assert project.examine("half").candidate in ("gbdt", "logistic")
    project.workspace.ledger.close()


def test_what_is_not_there_is_refused_with_the_nearest(workspace: Workspace) -> None:
    with pytest.raises(ProjectError, match="half"):
        examine_candidate(workspace, ["halv"])
    with pytest.raises(ProjectError, match="gbdt"):
        examine_candidate(workspace, ["half"], candidate="gbtd")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("better_than_baseline=50", "better_than_baseline=51", "goal has changed"),
        ('TimeSplit(test="45d")', 'TimeSplit(test="30d")', "rows that judge have changed"),
    ],
)
def test_other_rows_than_those_that_judged_are_refused(released: Any, half: None, old: str, new: str, why: str) -> None:
    released.edit(old, new)
    workspace = Workspace(released.folder)
    with pytest.raises(ProjectError, match=why):
        examine_candidate(workspace, ["half"])
    workspace.ledger.close()


def test_command_asks_a_declared_examination(evaluated: Any) -> None:
    evaluated.edit("project.split(", OWN + "project.examine(Half(worth_a_look=0.0))\nproject.split(")
    environment = {"PYTHONPATH": str(Path(__file__).parents[2])}
    evaluated.environment = lambda actor="ann", **more: {**type(evaluated).environment(evaluated, actor), **environment}
    listed = evaluated.document("examine")["examinations"]
    assert next(each for each in listed if each["name"] == "half")["each_run"]
    found = evaluated.document("examine", "half")["examined"][0]["findings"]
    assert found[0]["serious"]
    assert found[0]["said"] in evaluated.kreis("examine", "half")
    assert "share of yes" not in json.dumps(found)


def test_gate_brings_its_examination_in_and_passes(evaluated: Any, half: None) -> None:
    result, report = judged(evaluated.folder, more='project.gates(Gate("share_of_yes", at_most=0.9))\n')
    gate = report.gates[-1]
    assert [each.examination for each in report.examined][-1:] == ["half"]
    assert (gate.name, gate.outcome) == ("share_of_yes", "pass"), gate.explanation
    assert result.status == "advanced"


@pytest.mark.parametrize(
    ("bound", "outcome", "to"), [("at_least=0.9", "fail", "training"), ("at_most={value}", "undecided", "collection")]
)
def test_gate_that_is_not_met_sends_the_work_back(
    evaluated: Any, half: None, bound: str, outcome: str, to: str
) -> None:
    workspace = Workspace(evaluated.folder)
    found = examine_candidate(workspace, ["half"]).found[0].findings[0].estimate
    workspace.ledger.close()
    assert found is not None
    written = bound.format(value=(found.value + found.high) / 2)
    result, report = judged(evaluated.folder, more=f'project.gates(Gate("share_of_yes", {written}))\n')
    assert report.gates[-1].outcome == outcome, report.gates[-1].explanation
    assert result.status == "sent_back"
    assert to in result.reason or "share_of_yes" in result.reason


def test_serious_finding_is_a_warning_of_the_run(evaluated: Any, half: None) -> None:
    result, report = judged(evaluated.folder, more="project.examine(Half(worth_a_look=0.0))\n")
    serious = next(each for each in report.examined if each.examination == "half").serious
    assert serious
    assert set(serious) <= set(result.last.detail["warnings"])


@pytest.mark.parametrize(
    ("declared", "why"),
    [
        ('project.gates(Gate("share_of_yess", at_most=0.9))', "did you mean 'share_of_yes'"),
        ('project.gates(Gate("recall", at_most=0.9))', "is a metric of the goal"),
        ('project.gates(Gate("disparate_impact", at_least=0.8, by="sex"))', "is a metric of the goal"),
        ('project.gates(*[Gate("share_of_yes", at_most=each) for each in (0.5, 0.9)])', "two gates called"),
        ('project.gates(Gate("share_of_yes"))', "either at_least or at_most"),
    ],
)
def test_a_gate_that_cannot_be_is_refused_at_its_line(evaluated: Any, half: None, declared: str, why: str) -> None:
    file = evaluated.folder / "project.py"
    file.write_text(file.read_text() + OWN + declared + "\n")
    workspace = Workspace(evaluated.folder)
    with pytest.raises(ProjectError) as refused:
        workspace.load_project()
    workspace.ledger.close()
    assert why in str(refused.value)
    if "either" not in why:
        assert f"project.py:{len(file.read_text().splitlines())}" in str(refused.value)
