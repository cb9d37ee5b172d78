import math

import pytest
from scipy import stats

from kreis.evaluation.distributions import chance_of_at_least, student_t_quantile


@pytest.mark.parametrize("freedom", [0.75, 1, 2, 3, 5, 10, 29, 200, 5000])
@pytest.mark.parametrize("probability", [0.001, 0.025, 0.2, 0.5, 0.8, 0.95, 0.975, 0.999])
def test_quantile_is_that_of_scipy(freedom: float, probability: float):
    expected = stats.t.ppf(probability, freedom)
    assert student_t_quantile(probability, freedom) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_quantile_without_a_limit_of_freedom_is_the_normal_one():
    assert student_t_quantile(0.975, math.inf) == pytest.approx(stats.norm.ppf(0.975), rel=1e-8)


@pytest.mark.parametrize(("probability", "freedom"), [(1.0, 5), (0.0, 5), (0.5, 0.0)])
def test_quantile_refuses_what_has_none(probability: float, freedom: float):
    with pytest.raises(ValueError, match="no quantile"):
        student_t_quantile(probability, freedom)


@pytest.mark.parametrize(
    ("count", "n", "share"), [(1, 10, 0.01), (20, 800, 0.01), (3, 900, 0.001), (12_000, 10**6, 0.01)]
)
def test_the_tail_is_that_of_scipy(count: int, n: int, share: float):
    assert chance_of_at_least(count, n, share) == pytest.approx(stats.binom.sf(count - 1, n, share), rel=1e-9)


def test_counts_as_expected_or_none_at_all_show_nothing():
    assert chance_of_at_least(10, 1000, 0.01) == 1
    assert chance_of_at_least(0, 0, 0.01) == 1


def test_what_must_never_happen_is_shown_by_one_case():
    assert chance_of_at_least(1, 10, 0.0) == 0
