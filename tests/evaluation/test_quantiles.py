import pytest
from scipy import stats

from kreis.evaluation.quantiles import student_t_quantile


@pytest.mark.parametrize("freedom", [1, 2, 3, 5, 10, 29, 200, 5000])
@pytest.mark.parametrize("probability", [0.001, 0.025, 0.2, 0.5, 0.8, 0.95, 0.975, 0.999])
def test_quantile_agrees_with_scipy(freedom: int, probability: float):
    expected = stats.t.ppf(probability, freedom)
    assert student_t_quantile(probability, freedom) == pytest.approx(expected, rel=1e-4, abs=1e-9)


def test_quantile_refuses_what_has_none():
    with pytest.raises(ValueError, match="no quantile"):
        student_t_quantile(1.0, 5)
