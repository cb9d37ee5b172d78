"""Runs are listed, filtered by what they have, and sorted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from kreis.errors import ProjectError
from kreis.governance.pages.runs import runs_page
from kreis.governance.views.candidate import CandidateView, candidate_view
from kreis.governance.views.runs import _sorted, runs_view
from kreis.workspace import Workspace

if TYPE_CHECKING:
    from tests.conftest import Shop


@pytest.fixture
def workspace(released: Shop) -> Workspace:
    """A project with two runs: the first computed all but deployment, the second only that."""
    return Workspace(released.folder)


def test_a_run_has_how_it_ended_what_it_chose_and_with_what(workspace: Workspace, released: Shop) -> None:
    view = runs_view(workspace)
    assert [(row.status, row.candidate, row.gates) for row in view.runs] == [("advanced", "logistic", "pass")] * 2
    last, first = view.runs
    assert last.run > first.run
    assert (first.computed, last.remembered) == (11, 11)
    assert first.headlines == ["auc"]
    assert first.metrics["value"] == _value(candidate_view(workspace, ""))
    assert first.params == {"c": 1.0, "indicators": True, "iterations": 200}
    page = str(runs_page(view))
    assert "EUR per 1,000 orders" in page
    assert "2 runs" in page
    assert "auc" in page
    assert released.document("runs", "--where", "remembered=11")["found"] == 1


def _value(candidate: CandidateView) -> float | None:
    assert candidate.evaluation is not None
    return candidate.evaluation.metrics["value"].value


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("status=advanced", 2),
        ("status!=advanced", 0),
        ("candidate~LOG", 2),
        ("computed>=10", 1),
        ("computed>11", 0),
        ("computed<10", 1),
        ("computed <= 2", 1),
        ("auc>0.5", 2),
        ("metrics.auc > 0.99", 0),
        ("c=1", 2),
        ("params.c!=1", 0),
        ("iterations<=199", 0),
        ("dirty=no", 2),
        ("as_of=2025-08-15", 2),
        ("started>2020-01-01", 2),
        ("commit!=abc", 2),
        ("logged.training_binary_logloss<0.6", 2),
        ("logged.training_binary_logloss<0.3", 0),
    ],
)
def test_a_condition_keeps_the_runs_that_hold_to_it(workspace: Workspace, condition: str, found: int) -> None:
    assert runs_view(workspace, where=[condition]).found == found


def test_conditions_hold_together_and_a_name_sorts(workspace: Workspace) -> None:
    assert runs_view(workspace, where=["status=advanced", "computed<10"]).found == 1
    assert [row.computed for row in runs_view(workspace, sort="computed").runs] == [2, 11]
    assert [row.computed for row in runs_view(workspace, sort="-computed").runs] == [11, 2]
    rows = runs_view(workspace).runs
    without = msgspec.structs.replace(rows[0], metrics={})
    assert _sorted([without, rows[1]], "auc", descending=False) == [rows[1], without]
    assert _sorted([without, rows[1]], "auc", descending=True) == [rows[1], without]
    view = runs_view(workspace, sort="-computed", limit=1)
    assert [row.computed for row in view.runs] == [11]
    assert "1 more: --limit" in str(runs_page(view))


@pytest.mark.parametrize(
    ("condition", "says"),
    [("aux>0.5", "did you mean 'auc'"), ("status", "is no condition"), ("computed>many", "compared with 'many'")],
)
def test_a_wrong_condition_says_what_is_wrong(workspace: Workspace, condition: str, says: str) -> None:
    with pytest.raises(ProjectError) as caught:
        runs_view(workspace, where=[condition])
    assert says in str(caught.value)


def test_before_the_first_run_there_is_none(shop: Shop) -> None:
    assert "0 runs" in shop.kreis("runs")
