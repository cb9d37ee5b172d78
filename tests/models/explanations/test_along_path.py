"""What features add to a model that is no sum: equal to gradients along the line, and added up to the answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor

from kreis.errors import RefusalError
from kreis.models.explanations.along_path import MOST_FEATURES, MOST_ROWS, AlongPath, typical_row
from kreis.models.scoring import Matrix, Scores, Texts
from kreis.training.reference import histogram

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(400, 4)).astype(np.float32)
TARGET = ROWS[:, 0] * 2 + np.sin(2 * ROWS[:, 1]) + ROWS[:, 2] * ROWS[:, 3]
BASE = np.median(ROWS, axis=0)
NONE = np.zeros(4, dtype=bool)


class Scored:
    """A model, with the rows that it was asked for."""

    def __init__(self, said: Any) -> None:
        self.said, self.rows = said, 0

    def score(self, matrix: Matrix, texts: Texts | None = None) -> Scores:
        self.rows += len(matrix)
        return np.asarray(self.said(matrix))


def along_layers(network: Any, row: Matrix) -> np.ndarray:
    """Integrated gradients of a network of tanh, from the derivatives of its layers."""
    steps = 2_000
    at = BASE + (np.arange(steps)[:, None] + 0.5) / steps * (row - BASE)
    (first, second), (bias, _) = network.coefs_, network.intercepts_
    slopes = ((1 - np.tanh(at @ first + bias) ** 2) * second[:, 0]) @ first.T
    return slopes.mean(axis=0) * (row - BASE)


@pytest.fixture(scope="module")
def regressor() -> Any:
    return MLPRegressor(hidden_layer_sizes=(16,), activation="tanh", max_iter=300, random_state=0, tol=0).fit(
        ROWS, TARGET
    )


def test_a_number_is_told_apart_as_by_its_gradients(regressor: Any) -> None:
    found = AlongPath(Scored(regressor.predict), BASE, NONE, "identity").explain(ROWS[:20])
    for row, adds, left in zip(ROWS, found.features[:, 0], np.asarray(found.left)[:, 0], strict=False):
        exact = along_layers(regressor, row)
        assert adds == pytest.approx(exact, abs=1e-3 * np.abs(exact).sum())
        assert abs(left) < 1e-3 * np.abs(adds).sum()
    assert found.margin[:, 0] == pytest.approx(regressor.predict(ROWS[:20]), abs=1e-5)


def test_a_probability_is_told_apart_in_its_log_odds() -> None:
    network = MLPClassifier(hidden_layer_sizes=(16,), activation="tanh", max_iter=60, random_state=0, tol=0).fit(
        ROWS, TARGET > 0
    )
    scored = Scored(lambda matrix: network.predict_proba(matrix)[:, 1])
    found = AlongPath(scored, BASE, NONE, "sigmoid").explain(ROWS[:20])
    for row, adds in zip(ROWS, found.features[:, 0], strict=False):
        exact = along_layers(network, row)
        assert adds == pytest.approx(exact, abs=1e-3 * np.abs(exact).sum())
    assert 1 / (1 + np.exp(-found.margin[:, 0])) == pytest.approx(network.predict_proba(ROWS[:20])[:, 1], abs=1e-5)


def test_classes_are_told_apart_each_by_itself() -> None:
    network = MLPClassifier(hidden_layer_sizes=(8,), max_iter=30, random_state=0).fit(
        ROWS, np.digitize(TARGET, [-1, 1])
    )
    found = AlongPath(Scored(network.predict_proba), BASE, NONE, "softmax").explain(ROWS[:5])
    assert found.features.shape == (5, 3, 4)
    assert np.exp(found.margin) == pytest.approx(network.predict_proba(ROWS[:5]), abs=1e-5)
    assert (np.abs(np.asarray(found.left)) < 0.03 * np.abs(found.features).sum(axis=2)).all()


def test_a_weighted_sum_is_told_apart_exactly() -> None:
    weights = np.array([1.0, -2.0, 0.5, 0.0])
    found = AlongPath(Scored(lambda matrix: matrix @ weights), BASE, NONE, "identity").explain(ROWS[:10])
    assert found.features[:, 0] == pytest.approx((ROWS[:10] - BASE) * weights, abs=1e-4)
    assert np.abs(np.asarray(found.left)).max() < 1e-4


def test_categories_and_missing_values_come_last_in_whole_steps() -> None:
    def said(matrix: Matrix) -> Any:
        known = np.nan_to_num(matrix)
        return known[:, 0] + 3 * (known[:, 1] == 7) + 5 * np.isnan(matrix[:, 2]) * (known[:, 1] == 7)

    categories = np.array([False, True, False, False])
    base = np.array([0, 1, 0.5, 0], dtype=np.float32)
    row = np.array([[2, 7, np.nan, 0]], dtype=np.float32)
    found = AlongPath(Scored(said), base, categories, "identity").explain(row)
    assert found.features[0, 0] == pytest.approx([2, 3 + 2.5, 2.5, 0], abs=1e-5)
    assert found.left == pytest.approx(0, abs=1e-5)
    nothing = AlongPath(Scored(said), base, categories, "identity").explain(base[None])
    assert not nothing.features.any()


def test_what_it_may_cost_is_bounded() -> None:
    for width in (4, 100, MOST_FEATURES):
        scored = Scored(lambda matrix: matrix.sum(axis=1))
        wide = np.ones((1, width), dtype=np.float32)
        explaining = AlongPath(scored, np.zeros(width, dtype=np.float32), np.zeros(width, dtype=bool), "identity")
        assert explaining.explain(wide).features.sum() == pytest.approx(width, rel=1e-3)
        assert scored.rows <= MOST_ROWS + 4
    width = MOST_FEATURES + 1
    explaining = AlongPath(scored, np.zeros(width, dtype=np.float32), np.zeros(width, dtype=bool), "identity")
    with pytest.raises(RefusalError, match="features"):
        explaining.explain(np.ones((1, width), dtype=np.float32))


def test_scores_that_are_no_numbers_are_refused() -> None:
    explaining = AlongPath(Scored(lambda matrix: matrix.sum(axis=1) * np.nan), BASE, NONE, "identity")
    with pytest.raises(RefusalError, match="no numbers"):
        explaining.explain(ROWS[:1])


def test_the_typical_row_is_read_off_what_training_saw() -> None:
    values = {
        "number": ROWS[:, 0],
        "flag": np.repeat([0.0, 1.0], [30, 70]),
        "category": np.repeat([11.0, 22.0, 33.0], [30, 50, 25]),
        "mostly missing": np.repeat([np.nan, 1.0], [60, 40]),
        "never": np.full(10, np.nan),
    }
    row = typical_row(list(values), {name: histogram(each) for name, each in values.items()}, {"category": []})
    assert row[0] == np.sort(ROWS[:, 0])[199]
    assert row[1:] == pytest.approx([1, 22, np.nan, np.nan], nan_ok=True)
