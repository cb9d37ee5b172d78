"""A goal that asks for a number and how sure it is: run, serve, ask, outcome, watch, canary, rollback, why, parity."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.end_to_end.walking import Walk, Walked, check_walk, walked

from kreis.governance.views.why import why_view

pytestmark = pytest.mark.slow


def calls(rows: int) -> pl.DataFrame:
    """A number that follows `a` and `b`, spread more where `b` is high."""
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(2, rows))
    return pl.DataFrame({"a": a, "b": b, "kind": 50 + 6 * a + 5 * b + np.exp(0.5 * b) * rng.normal(size=rows)})


WALK = Walk(
    question="How many minutes will it take?",
    metric='ErrorCost("EUR per case", over=1.0, under=3.0, per=1, quantiles=(0.1, 0.9))',
    goal='guardrails=[Guardrail("coverage", at_least=0.6)]',
    outcome="number",
    weak='Linear(), features=["row__b"]',
    strong="GradientBoosting(trees=60, leaves=7)",
    frame=calls,
    test="20d",
    per_day=120,
    served=8,
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, new_shop: Any) -> Iterator[Walked]:
    with walked(tmp_path_factory.mktemp("quantiles"), new_shop, WALK) as found:
        yield found


def test_quantiles_walk_the_circle(desk: Walked):
    check_walk(desk, WALK)


def test_an_answer_gives_quantiles_by_name_and_decides_by_one(desk: Walked):
    for answer in desk.answers:
        low, decided, high = answer["scores"].values()
        assert low <= decided == answer["score"] == answer["decision"] <= high
    assert list(desk.answers[-1]["scores"]) == ["0.1", "0.75", "0.9"]
    assert list(desk.schemas["Reply"]["properties"]["scores"]["properties"]) == ["0.1", "0.75", "0.9"]


def test_why_shows_the_quantiles(desk: Walked):
    walk = why_view(desk.workspace, desk.answers[-1]["id"])
    assert walk.prediction.scores == desk.answers[-1]["scores"]
    assert "what is enough in 0.75 of all cases" in walk.model.decides
