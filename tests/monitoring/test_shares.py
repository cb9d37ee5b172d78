import pytest
from scipy import stats

from kreis.monitoring.shares import chance_of_at_least


@pytest.mark.parametrize(
    ("count", "n", "share"), [(1, 10, 0.01), (20, 800, 0.01), (3, 900, 0.001), (12_000, 10**6, 0.01)]
)
def test_the_tail_agrees_with_scipy(count: int, n: int, share: float):
    assert chance_of_at_least(count, n, share) == pytest.approx(stats.binom.sf(count - 1, n, share), rel=1e-6)


def test_counts_as_expected_or_none_at_all_show_nothing():
    assert chance_of_at_least(10, 1000, 0.01) == 1
    assert chance_of_at_least(0, 0, 0.01) == 1


def test_what_must_never_happen_is_shown_by_one_case():
    assert chance_of_at_least(1, 10, 0.0) == 0
