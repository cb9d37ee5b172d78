import math

import numpy as np
import pytest

from kreis.monitoring.divergence import stability


def psi(p: np.ndarray, q: np.ndarray) -> float:
    return float((p - q) @ np.log(p / q))


def test_it_is_nought_on_average_when_nothing_has_moved():
    rng = np.random.default_rng(1)
    shares = np.full(10, 0.1)
    found = [stability(rng.multinomial(2000, shares), rng.multinomial(500, shares)[None]) for _ in range(2000)]
    assert np.mean([each.raw for each in found]) == pytest.approx(9 * (1 / 500 + 1 / 2000), rel=0.05)
    assert abs(np.mean([each.psi for each in found])) < 0.001
    assert 0.03 < np.mean([each.beyond_chance(0.05) for each in found]) < 0.07


@pytest.mark.parametrize("n", [500, 5000, 50_000])
def test_it_estimates_the_same_shift_with_any_number_of_rows(n: int):
    rng = np.random.default_rng(2)
    q = np.full(10, 0.1)
    p = q * np.linspace(0.5, 1.5, 10)
    found = [stability(rng.multinomial(20_000, q), rng.multinomial(n, p)[None]) for _ in range(600)]
    values = np.array([each.psi for each in found])
    assert values.mean() == pytest.approx(psi(p, q), rel=0.05)
    assert values.std() == pytest.approx(np.mean([each.error for each in found]), rel=0.2)


def test_days_with_their_own_weather_make_the_error_larger():
    rng = np.random.default_rng(3)
    shares = rng.dirichlet(np.full(10, 5.0), 14)
    days = np.array([rng.multinomial(800, each) for each in shares])
    reference = np.full(10, 100_000)
    by_day, at_once = stability(reference, days), stability(reference, days.sum(axis=0)[None])
    assert by_day.error > 2 * at_once.error
    assert by_day.psi < at_once.psi


def test_an_empty_bin_gives_a_finite_number_and_no_rows_give_none():
    assert math.isfinite(stability(np.array([100, 0, 100]), np.array([[0, 50, 50]])).psi)
    assert stability(np.array([100, 100]), np.array([[0, 0]])).error == math.inf
    assert stability(np.array([100, 0]), np.array([[50, 0]])).psi == 0
