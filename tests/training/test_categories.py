"""Categories: ordered by what happened, fitted on the rows that teach, and part of the model that leaves training."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from kreis.expressions.from_polars import from_polars
from kreis.expressions.rows import compile_row
from kreis.expressions.scalars import category
from kreis.expressions.to_polars import to_feature
from kreis.models.scoring import OnnxScorer
from kreis.preparation.category_texts import category_texts
from kreis.preparation.views import RequestView
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.training.candidates.gradient_boosting import GradientBoosting
from kreis.training.candidates.logistic import Logistic
from kreis.training.candidates.mean import Mean
from kreis.training.categories import LEAST, encoded, fit_candidate, orders_of
from kreis.training.data import TrainingData

TASK = DecisionValue("EUR", true_positive=2, false_positive=-1).task
TEXTS = ["Clear", "Mist", "Light Rain", "Heavy Rain", "straße"]
CHANCES = dict(zip(TEXTS, (0.5, 0.3, 0.8, 0.95, 0.1), strict=True))


def rows(count: int = 3_000) -> TrainingData:
    rng = np.random.default_rng(9)
    texts = rng.choice(TEXTS, count, p=[0.4, 0.3, 0.2, 0.05, 0.05])
    numbers = np.array([category(each) for each in texts], dtype=np.float32)
    numbers[rng.random(count) < 0.1] = np.nan
    other = rng.normal(size=count).astype(np.float32)
    outcomes = (rng.random(count) < np.array([CHANCES[each] for each in texts])).astype(float)
    times = np.arange(count, dtype=np.int64)
    return TrainingData(
        features=("other", "weather"),
        matrix=np.column_stack([other, numbers]),
        outcomes=outcomes,
        time=times,
        known_at=times,
        categories={"weather": {float(category(each)): each for each in TEXTS}},
    )


def test_a_category_is_the_same_number_for_a_frame_and_a_row_and_float32_holds_it():
    frame = pl.DataFrame({"s": ["JFK", None, "EWR", "", "straße"] * 3})
    tree = from_polars(pl.col("s").cast(pl.Categorical), where="test")
    batch = frame.select(to_feature(tree))["s"].to_list()
    compute = compile_row({"x": tree}, {"s": "string"})
    alone = [compute({"s": each})[0] for each in frame["s"]]
    assert np.array_equal(batch, alone, equal_nan=True)
    assert np.array_equal(np.array(batch, np.float32).astype(float), batch, equal_nan=True)
    assert frame.lazy().select(to_feature(tree)).collect()["s"].to_list()[0] == batch[0]


def test_texts_are_read_off_the_rows_that_a_view_reads():
    expression = from_polars(pl.col("weather").cast(pl.Categorical), where="test")
    view = RequestView(name="hour", fields={"weather": "string"}, features={"weather": expression})
    frame = pl.DataFrame({"weather": ["Mist", None, "Clear", "Mist"], "at": datetime(2025, 1, 1, tzinfo=UTC)})
    assert category_texts(view, frame) == {"hour__weather": ["Clear", "Mist"]}


def test_the_order_is_that_of_what_happened_on_average():
    (order,) = orders_of(rows()).values()
    names = {float(category(each)): each for each in TEXTS}
    assert [names[each] for each in order] == ["straße", "Mist", "Clear", "Light Rain", "Heavy Rain"]


def test_rare_and_unknown_categories_are_missing():
    given = rows(400)
    rare = float(category("Heavy Rain"))
    seen = np.flatnonzero(given.matrix[:, 1] == np.float32(rare))
    assert len(seen) >= LEAST
    given.matrix[seen[LEAST - 1 :], 1] = np.nan
    (order,) = orders_of(given).values()
    assert rare not in order
    found = encoded(
        np.array([[0, rare], [0, 5.0], [0, order[1]], [0, np.nan]], np.float32), given.features, {"weather": order}
    )
    assert np.array_equal(found[:, 1], [np.nan, np.nan, 1.0, np.nan], equal_nan=True)


@pytest.mark.parametrize("candidate", [GradientBoosting(trees=20, leaves=5), Logistic()])
def test_a_model_takes_categories_as_they_come_and_scores_as_it_learned(candidate):
    given = rows()
    fitted = fit_candidate(candidate, given, TASK, seed=1, threads=1)
    scores = fitted.scorer().score(given.matrix)
    clear, rain = (scores[given.matrix[:, 1] == np.float32(category(each))].mean() for each in ("Mist", "Heavy Rain"))
    assert rain > clear + 0.2
    again = fit_candidate(candidate, given, TASK, seed=1, threads=1)
    assert again.form == fitted.form
    never = np.array([[0.0, category("hail")], [0.0, np.nan]], np.float32)
    unseen, missing = OnnxScorer.from_onnx(fitted.form.content, width=2).score(never)
    assert unseen == missing


def test_rows_without_categories_and_formulas_are_left_as_they_are():
    given = rows()
    plain = TrainingData(
        features=given.features, matrix=given.matrix, outcomes=given.outcomes, time=given.time, known_at=given.known_at
    )
    assert encoded(plain.matrix, plain.features, orders_of(plain)) is plain.matrix
    assert fit_candidate(Mean(), given, TASK, seed=1, threads=1).form.content is None
