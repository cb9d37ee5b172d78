"""A goal that asks for any of several labels: run, serve, ask, outcome, watch, canary, rollback, why, parity."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.end_to_end.walking import Walk, Walked, check_walk, walked

from kreis.governance.views.why import why_view

LABELS = ["billing", "urgent"]


def tickets(rows: int) -> pl.DataFrame:
    """About money where `a` is high, urgent where `b` is."""
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(2, rows))
    carried = np.stack([3 * a - 1, 3 * b], axis=1) + rng.logistic(size=(rows, 2)) > 0
    kind = ["|".join(name for name, each in zip(LABELS, row, strict=True) if each) for row in carried]
    return pl.DataFrame({"a": a, "b": b, "kind": kind})


WALK = Walk(
    question="Which desks must see this ticket?",
    metric='LabelValue("EUR per ticket", ["billing", "urgent"], right=3.0, false_alarm=-3.0, per=1, separator="|",'
    ' missed={"billing": 0.0, "urgent": -9.0})',
    goal='guardrails=[Guardrail("micro_recall", at_least=0.3), Guardrail("macro_precision", at_least=0.3)]',
    outcome="string",
    weak='Logistic(), features=["row__b"]',
    strong="Logistic()",
    frame=tickets,
    test="20d",
    sent=lambda kind: [each for each in kind.split("|") if each],
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, new_shop: Any) -> Iterator[Walked]:
    with walked(tmp_path_factory.mktemp("labels"), new_shop, WALK) as found:
        yield found


def test_labels_walk_the_circle(desk: Walked):
    check_walk(desk, WALK)


def test_an_answer_lists_the_labels_and_gives_each_ones_probability(desk: Walked):
    for answer in desk.answers[-60:]:
        assert list(answer["scores"]) == LABELS
        assert [each for each in LABELS if each in answer["decision"]] == answer["decision"]
    decision, outcome = (desk.schemas[each]["properties"] for each in ("Reply", "Outcome"))
    assert decision["decision"]["items"]["enum"] == outcome["outcome"]["items"]["enum"] == LABELS


def test_a_label_is_given_where_it_pays(desk: Walked):
    """An urgent ticket that is missed costs most, so a small probability is enough."""
    least = {
        name: min(each["scores"][name] for each in desk.answers[-60:] if name in each["decision"]) for name in LABELS
    }
    assert least["urgent"] < 0.35 < least["billing"]


def test_why_says_the_labels_and_what_they_were(desk: Walked):
    answer = next(each for each in desk.answers if each["decision"] == LABELS)
    walk = why_view(desk.workspace, answer["id"])
    assert walk.prediction.decided == "Billing, urgent"
    assert walk.prediction.happened in ("billing, urgent", "billing", "urgent", "no label")
    assert walk.prediction.scores == answer["scores"]
    assert "each label from its own probability on (billing from 0.4" in walk.model.decides
