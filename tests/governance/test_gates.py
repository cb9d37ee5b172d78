"""`kreis gate explain` says what was decided, on which rows, and what would change it."""

from __future__ import annotations

from typing import Any

import pytest

from kreis.evaluation.evaluate import EvaluationReport
from kreis.evaluation.examinations.examination import Examined, Finding
from kreis.evaluation.examinations.gate import Gate, judge_gate
from kreis.evaluation.intervals import Estimate
from kreis.governance.pages.gates import gates_page
from kreis.governance.views.candidate import candidate_view
from kreis.governance.views.gates import explained, gates_view
from kreis.ledger.runs import list_runs, verdicts_of
from kreis.ways.results import Judged
from kreis.workspace import Workspace


@pytest.fixture
def workspace(evaluated: Any) -> Any:
    found = Workspace(evaluated.folder)
    yield found
    found.ledger.close()


@pytest.fixture
def report(workspace: Workspace) -> EvaluationReport:
    from kreis.actions.examine import judged_run

    return Judged.from_document(judged_run(workspace)[1].outputs).report


def in_words(report: EvaluationReport, low: float, high: float, value: float, **bound: float) -> Any:
    """A gate over one number."""
    number = Estimate(value=value, low=low, high=high, n=400, blocks=40)
    finding = Finding(measure="gap", said="It differs.", estimate=number)
    gate = judge_gate(Gate("gap", **bound), [Examined(examination="some", findings=[finding])])
    return explained(gate, report)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("low", "value", "high", "outcome", "says"),
    [
        (0.5, 0.6, 0.7, "pass", ["0.5, 0.1 from the bound"]),
        (0.1, 0.2, 0.3, "fail", ["0.3, misses the bound by 0.1", "better by 0.3"]),
        (0.3, 0.45, 0.6, "undecided", ["meets the bound by 0.05", "rather make it pass", "more days"]),
        (0.2, 0.35, 0.5, "undecided", ["misses the bound by 0.05", "rather make it fail"]),
    ],
)
def test_gate_says_what_would_change_it(
    report: EvaluationReport, sign: int, low: float, value: float, high: float, outcome: str, says: list[str]
) -> None:
    ends = sorted((sign * low, sign * high))
    bound = {"at_least" if sign > 0 else "at_most": sign * 0.4}
    found = in_words(report, *ends, sign * value, **bound)
    assert found.outcome == outcome
    assert found.asks == ("at least 0.4" if sign > 0 else "at most -0.4")
    for each in says:
        assert each in found.would_change.replace("-", ""), found.would_change
    assert found.rows.startswith("400 of ")


def test_gate_without_a_number_asks_for_evidence(report: EvaluationReport) -> None:
    found = explained(judge_gate(Gate("gap", at_most=0.1), []), report)
    assert found.outcome == "undecided"
    assert found.would_change == "evidence: nothing was found of it"


def test_run_is_explained_gate_by_gate(workspace: Workspace) -> None:
    view = gates_view(workspace)
    shown = candidate_view(workspace, "").evaluation
    assert shown is not None
    assert [each.name for each in view.gates] == [each.name for each in shown.gates]
    assert view.ended == "the model went on"
    page = str(gates_page(view))
    for each in view.gates:
        assert each.would_change in page
        assert each.why in page


def test_what_a_person_overruled_is_said(workspace: Workspace) -> None:
    """A feature that alone predicts the outcome, allowed with a reason."""
    from kreis.ledger import runs

    with workspace.ledger.read() as connection:
        (run, *_) = list_runs(connection)
        last = verdicts_of(connection, run.id)[-1]
    import msgspec

    told = msgspec.structs.replace(last, discipline="preparation", detail={"perfect_features": {"order__x": "a law"}})
    with workspace.ledger.record(event="e", subject="s", actor="ann", reason="r") as tx:
        runs.add_verdict(tx, told)
    (found,) = gates_view(workspace).overruled
    assert (found.what, found.because) == ("order__x", "a law")
    assert found.by.endswith("run by ann")


def test_command_explains(evaluated: Any) -> None:
    assert "would change it" in evaluated.kreis("gate", "explain")
    assert evaluated.document("gate", "explain")["outcome"] == "pass"
