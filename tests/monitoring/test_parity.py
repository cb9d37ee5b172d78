import functools
import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kreis.errors import ProjectError
from kreis.models.answer_parts.grid import QuantileGrid
from kreis.models.answer_parts.grouped import Grouped
from kreis.models.answer_parts.levels import Levels
from kreis.models.answer_parts.sets import CoverageSet
from kreis.models.answer_parts.testing import Asked
from kreis.monitoring.parity import ParityReport, agree, parity

MODEL = "m" * 64
IDS = [f"p{number}" for number in range(50)]
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=50), np.where(np.arange(50) % 5 == 0, np.nan, RNG.normal(size=50))


class Mean:
    """A scorer: the first feature, squeezed."""

    def score(self, matrix: np.ndarray, texts: object = None) -> np.ndarray:
        return (1 / (1 + np.exp(-matrix[:, 0]))).astype(np.float32)


def logged(x: np.ndarray = X, y: np.ndarray = Y) -> pl.DataFrame:
    rows = [[a, None if np.isnan(b) else b] for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    scores = Mean().score(np.column_stack([x, y]).astype(np.float32)).astype(np.float64)
    return pl.DataFrame({"id": IDS, "model": [MODEL] * 50, "features": rows, "score": scores})


def data(x: np.ndarray = X, y: np.ndarray = Y) -> pl.DataFrame:
    return pl.DataFrame({"id": IDS, "x": x, "y": y}).reverse()


def compared(predictions: pl.DataFrame, recomputed: pl.DataFrame) -> ParityReport:
    return parity(predictions, recomputed, model=MODEL, features=("x", "y"), scorer=Mean())


def test_the_same_features_agree_in_any_order_of_rows():
    report = compared(logged(), data())
    assert report.ok
    assert (report.rows, report.scores_checked) == (50, 50)
    assert "agree" in report.summary


def test_a_feature_that_was_served_otherwise_is_listed_with_examples():
    y = Y.copy()
    y[3] += 0.5
    y[5] = 1.0
    report = compared(logged(), data(y=y))
    assert not report.ok
    assert [each.feature for each in report.differing] == ["y"]
    assert report.differing[0].rows == 2
    assert report.differing[0].examples[1] == {"id": "p5", "served": None, "recomputed": 1.0}
    assert "y (2 rows)" in report.summary


class Both:
    """A scorer of two numbers."""

    def score(self, matrix: np.ndarray, texts: object = None) -> np.ndarray:
        first = Mean().score(matrix)
        return np.column_stack([first, 1 - first])


def test_each_number_of_several_is_compared():
    given = logged()
    first = given["score"].to_list()
    scores = [[each, 1 - each] for each in first]
    scores[7], scores[8] = [first[7], 0.9], [first[8]]
    predictions = given.with_columns(scores=pl.Series(scores))
    report = parity(predictions, data(), model=MODEL, features=("x", "y"), scorer=Both())
    assert (report.scores_checked, report.scores_differing) == (50, 2)


def test_scores_that_the_package_does_not_give_are_counted():
    wrong = logged().with_columns(pl.col("score") + pl.when(pl.col("id") == "p7").then(1e-4).otherwise(0))
    report = compared(wrong, data())
    assert (report.scores_differing, report.ok) == (1, False)
    assert report.worst_score == pytest.approx(1e-4, rel=0.01)


def test_sets_are_made_again_at_the_level_that_each_names():
    grid = QuantileGrid((0.8, 0.9, 0.95), (0.6, 0.7, 0.9), {"north": (0.5, 0.55)})
    part = CoverageSet(level=0.9, quantile=Grouped(0.7, "region", {"north": 0.55}, grid, Levels(0.9)), rows=9)
    fields = [{"region": "north"} if place % 2 else {} for place in range(50)]
    levels = [Levels(0.95, {"north": 0.8}) if place < 25 else Levels(0.8) for place in range(50)]
    predictions = logged()
    asked = [Asked(fields=each) for each in fields]
    said = [
        {"coverage": part.at_levels(at).one(None, score, each)}
        for at, score, each in zip(levels, predictions["score"], asked, strict=True)
    ]
    told = predictions.with_columns(
        pl.lit("{}").alias("keys"),
        pl.Series("fields", [json.dumps(each) for each in fields]),
        pl.Series("parts", [None, *(json.dumps(each) for each in said[1:])]),
    )
    again = functools.partial(parity, model=MODEL, features=("x", "y"), scorer=Mean(), covers=part)
    report = again(told, data())
    assert (report.covered_checked, report.covered_differing, report.ok) == (49, 0, True)
    said[2]["coverage"]["set"] = [True, True]
    told = told.with_columns(pl.Series("parts", [json.dumps(each) for each in said]))
    report = again(told, data())
    assert (report.covered_checked, report.covered_differing, report.ok) == (50, 1, False)
    assert "differing sets or intervals: 1" in report.summary


def test_predictions_that_cannot_be_recomputed_are_named():
    report = compared(logged(), data().filter(pl.col("id") != "p9"))
    assert (report.unmatched, report.unmatched_rows, report.ok) == (["p9"], 1, False)


def test_nothing_compared_is_not_agreement():
    assert not compared(logged().clear(), data()).ok


def test_a_recomputation_without_a_feature_or_with_an_id_twice_is_refused():
    with pytest.raises(ProjectError, match="unknown column 'y'"):
        compared(logged(), data().drop("y"))
    with pytest.raises(ProjectError, match="an id occurs twice"):
        compared(logged(), pl.concat([data(), data()]))


@given(st.floats(-1e30, 1e30), st.integers(-3, 3))
def test_values_that_differ_in_the_last_digits_agree(value: float, steps: int):
    other = value
    for _ in range(abs(steps)):
        other = float(np.nextafter(other, np.sign(steps) * np.inf))
    assert agree(np.array([value]), np.array([other]))[0]


def test_a_difference_that_a_model_could_see_does_not_agree():
    served = np.array([1.0, 0.0, np.nan, np.inf])
    assert not agree(served, np.array([1.0 + 1e-6, 1e-30, 0.0, np.nan])).any()
    assert agree(served, np.array([1.0 + 1e-9, 0.0, np.nan, np.inf])).all()
