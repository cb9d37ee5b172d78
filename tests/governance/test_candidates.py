"""Every candidate of every run has a page, passed or not, and they can be read side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from kreis.digests import digest_of
from kreis.governance.views.candidate import candidates_of
from kreis.ledger import runs, steps
from kreis.ledger.records import RunStep
from kreis.workspace import Workspace

if TYPE_CHECKING:
    from tests.conftest import Shop


def test_a_candidate_that_failed_a_gate_has_a_page(evaluated: Shop) -> None:
    evaluated.edit("better_than_baseline=50", "better_than_baseline=5000")
    evaluated.run("run", code=10)
    found = evaluated.document("show", "candidate", "logistic")
    assert (found["chosen"], found["evaluation"]["outcome"]) == (True, "fail")
    assert found["evaluation"]["metrics"]["auc"]["low"] < found["evaluation"]["metrics"]["auc"]["high"]
    assert evaluated.document("show", "candidate") == found
    assert "kreis compare shows the candidates" in evaluated.kreis("show", "model", code=2)
    page = evaluated.kreis("show", "candidate", "logistic")
    for part in ("✗", "5,000 that the goal asks for", "Calibration", "Compared row by row", "lost when its values"):
        assert part in page


def test_a_candidate_that_was_not_chosen_is_judged_on_the_same_rows(evaluated: Shop) -> None:
    chosen, other = (evaluated.document("show", "candidate", name) for name in ("logistic", "gbdt"))
    assert (chosen["chosen"], other["chosen"]) == (True, False)
    assert "no: another did better in validation" in evaluated.kreis("show", "candidate", "gbdt")
    assert "no: it is a baseline, which others must beat" in evaluated.kreis("show", "candidate", "rule")
    assert other["evaluation"]["rows"] == chosen["evaluation"]["rows"] > 0
    assert other["evaluation"]["metrics"]["value"]["value"] != chosen["evaluation"]["metrics"]["value"]["value"]
    importance = {each["feature"]: each for each in other["importance"]}
    assert importance["order__shoes"]["loss"] > 2 * importance["order__shoes"]["error"] > 0
    assert sum(each["gain"] for each in importance.values()) == pytest.approx(1)


def test_candidates_are_compared_side_by_side(released: Shop) -> None:
    document = released.document("compare")["candidates"]
    assert [each["name"] for each in document] == ["rule", "logistic", "gbdt"]
    page = released.kreis("compare", "2", "gbdt")
    assert {"v2", "gbdt"} <= set(page.splitlines()[4].split())
    assert "EUR per 1,000 orders" in page
    assert "Candidates" in released.kreis("show", "run")
    run = document[0]["run"]
    assert released.document("compare", f"{run}/rule")["candidates"][0]["name"] == "rule"


def test_of_several_rounds_the_last_one_is_shown(evaluated: Shop) -> None:
    workspace = Workspace(evaluated.folder)
    with workspace.ledger.record(event="test", subject="run", actor="ann", reason="a second round") as tx:
        (run,) = runs.list_runs(tx.connection)
        first = steps.steps_of(tx.connection, run.id)
        for use, step in first:
            outputs = msgspec.json.decode(msgspec.json.encode(step.outputs))
            if step.discipline == "training":
                outputs["validation"]["value"] = 7.0
            elif step.discipline == "evaluation":
                outputs["report"]["rows"] = 77
            else:
                continue
            again = msgspec.structs.replace(step, key=digest_of(step.key.encode()), outputs=outputs)
            steps.add_step(tx, again)
            steps.use_step(tx, RunStep(run=run.id, key=again.key, position=use.position + len(first), remembered=False))
        found = candidates_of(tx.connection, run)
    assert [(each.name, each.validation["value"]) for each in found] == [("rule", 7), ("logistic", 7), ("gbdt", 7)]
    assert [each.evaluation and each.evaluation.rows for each in found if each.chosen] == [77]


def test_an_unknown_candidate_comes_with_the_nearest_names(evaluated: Shop) -> None:
    assert "gbdt" in evaluated.kreis("show", "candidate", "gbdtt", code=2)


def test_before_anything_is_trained_it_says_what_to_do(shop: Shop) -> None:
    assert "kreis run" in shop.kreis("compare", code=2)
