"""A goal that asks for one of several classes: run, serve, ask, outcome, watch, canary, rollback, why, parity."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.end_to_end.walking import Walk, Walked, check_walk, walked

from kreis.governance.views.candidate import candidate_view
from kreis.governance.views.why import why_view

CLASSES = ["question", "fault", "cancellation"]


def tickets(rows: int) -> pl.DataFrame:
    """Cancellations where `a` is high, faults where `b` is; the rest are questions."""
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(2, rows))
    logits = np.stack([np.full(rows, 1.0), 4 * b, 4 * a - 1])
    kind = (logits + rng.gumbel(size=logits.shape)).argmax(axis=0)
    return pl.DataFrame({"a": a, "b": b, "kind": [CLASSES[each] for each in kind]})


WALK = Walk(
    question="What is this mail about?",
    metric='CostMatrix("EUR per mail", ["question", "fault", "cancellation"], wrong=2.0, per=1,'
    ' costs={"question": {"cancellation": 2.5}})',
    goal='guardrails=[Guardrail("accuracy", at_most=1.0, by="kind"), Guardrail("macro_recall", at_least=0.3)]',
    outcome="string",
    weak='Logistic(), features=["row__b"]',
    strong="GradientBoosting(trees=60, leaves=7)",
    frame=tickets,
    test="20d",
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, new_shop: Any) -> Iterator[Walked]:
    with walked(tmp_path_factory.mktemp("classes"), new_shop, WALK) as found:
        yield found


def test_classes_walk_the_circle(desk: Walked):
    check_walk(desk, WALK)


def test_an_answer_names_the_class_and_gives_each_ones_probability(desk: Walked):
    answer = desk.answers[-1]
    assert answer["decision"] in CLASSES
    assert list(answer["scores"]) == CLASSES
    assert sum(answer["scores"].values()) == pytest.approx(1, abs=1e-5)
    assert answer["score"] == max(answer["scores"].values())
    reply, outcome = desk.schemas["Reply"]["properties"], desk.schemas["Outcome"]["properties"]["outcome"]
    assert reply["decision"]["enum"] == outcome["enum"] == list(reply["scores"]["properties"]) == CLASSES


def test_decisions_are_those_of_the_least_expected_cost(desk: Walked):
    """What may be a cancellation is not taken for a question, though that is likelier: it costs most."""
    chosen = {(max(each["scores"], key=each["scores"].get), each["decision"]) for each in desk.answers}
    assert ("question", "fault") in chosen
    assert ("fault", "question") not in chosen


def test_the_evaluation_shows_each_class_by_itself(desk: Walked):
    shown = candidate_view(desk.workspace, "model").evaluation
    assert shown is not None
    found = {each.group: each for each in shown.slices if each.column == "kind"}
    assert set(found) == set(CLASSES)
    recalls = [each.metrics["accuracy"].value for each in found.values()]
    assert shown.metrics["macro_recall"].value == pytest.approx(np.mean(recalls))
    gates = {each.name: each.outcome for each in shown.gates}
    assert gates["accuracy by kind"] == gates["macro_recall"] == gates["calibration"] == "pass"


def test_why_says_the_class_and_what_it_was(desk: Walked):
    walk = why_view(desk.workspace, desk.answers[0]["id"])
    assert walk.prediction.decided.lower() == desk.answers[0]["decision"]
    assert walk.prediction.happened in CLASSES
    assert walk.prediction.scores == desk.answers[0]["scores"]
    told = desk.shop.kreis("why", desk.answers[0]["id"])
    assert "What is this mail about? " + walk.prediction.decided in told
    assert "decides kind: the class that costs least on average" in " ".join(told.split())
