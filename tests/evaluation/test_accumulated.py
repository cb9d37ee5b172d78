"""Accumulated local effects of one feature."""

from __future__ import annotations

import numpy as np
import pytest

from kreis.evaluation.accumulated import bins_of, effects, ends_of


def drawn(score, matrix: np.ndarray, place: int = 0, bins: int = 10, blocks: np.ndarray | None = None):
    edges = bins_of(matrix[:, place].astype(float), bins)
    lower, upper, which = ends_of(matrix, place, edges)
    return effects(score(upper) - score(lower), which, edges, np.arange(len(matrix)) if blocks is None else blocks)


def rows(count: int = 2_000, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    first = rng.normal(size=count)
    return np.stack([first, first + 0.1 * rng.normal(size=count)], axis=1).astype(np.float32)


def test_of_a_sum_the_effect_is_the_features_own_part_however_correlated_it_is() -> None:
    """The example of the paper: a partial dependence would look at rows that never were."""
    matrix = rows()

    def score(given: np.ndarray) -> np.ndarray:
        return given[:, 0].astype(float) ** 2 - 3 * given[:, 1]

    found = drawn(score, matrix)
    own = found.edges**2
    middle = found.rows[1:] @ ((own[:-1] + own[1:]) / 2) / found.rows.sum()
    np.testing.assert_allclose(found.effect, own - middle, atol=1e-5)
    np.testing.assert_allclose(found.low, found.high, atol=1e-5)


def test_the_mean_over_the_rows_is_nothing_and_missing_values_stay_out() -> None:
    matrix = rows()
    matrix[::7, 0] = np.nan
    found = drawn(lambda given: np.where(np.isnan(given[:, 0]), 9.0, np.sin(3 * given[:, 0]) * given[:, 1]), matrix)
    middles = (found.effect[:-1] + found.effect[1:]) / 2
    assert found.rows[1:] @ middles == pytest.approx(0, abs=1e-9)
    assert found.rows.sum() == (~np.isnan(matrix[:, 0])).sum()
    assert (found.low <= found.effect).all()
    assert (found.effect <= found.high).all()


def test_the_band_is_wider_where_rows_of_a_day_are_alike() -> None:
    rng = np.random.default_rng(1)
    matrix, day = rows(), np.repeat(np.arange(40), 50)
    slope = rng.normal(1, 1, 40)[day]  # the model's slope follows what it knows of the day

    def score(given: np.ndarray) -> np.ndarray:
        return slope * given[:, 0]

    alone, together = drawn(score, matrix), drawn(score, matrix, blocks=day)
    wide = (together.high - together.low).mean()
    assert wide > 2 * (alone.high - alone.low).mean()


def test_a_feature_that_is_always_the_same_has_no_bins() -> None:
    assert len(bins_of(np.ones(5), 10)) == 1
    assert len(bins_of(np.full(5, np.nan), 10)) == 0
    assert bins_of(np.array([1.0, 2.0, 2.0, 5.0]), 10).tolist() == [1.0, 2.0, 5.0]


@pytest.mark.simulation
def test_the_band_holds_the_effect_as_often_as_stated(simulations) -> None:
    runs, hits = simulations.runs(200), 0
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        matrix = rng.uniform(-1, 1, (600, 2)).astype(np.float32)
        edges = np.linspace(-1, 1, 6)
        lower, upper, which = ends_of(matrix, 0, edges)
        moved = (upper[:, 0] - lower[:, 0]) * (2 + 3 * matrix[:, 1])  # the slope differs: 2 on average
        found = effects(moved.astype(float), which, edges, np.arange(600))
        hits += bool(found.low[-1] - 1e-9 <= 2 * edges[-1] <= found.high[-1] + 1e-9)
    simulations.at_least("bands of accumulated effects", hits, runs, 0.95)
