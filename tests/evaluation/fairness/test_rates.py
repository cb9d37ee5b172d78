"""The largest difference of many groups is held by its interval, and no difference is not taken for one."""

from __future__ import annotations

import numpy as np
import pytest
from tests.conftest import Simulations

from kreis.evaluation.fairness.rates import MeanOf, ShareOf, between, ratio_between, worst_of
from kreis.evaluation.fairness.worst_off import worst_off
from kreis.evaluation.slices import Groups
from kreis.tasks.metrics.metric import RatioMetric, Rows


def drawn(rng: np.random.Generator, rates: np.ndarray, rows: int) -> tuple[RatioMetric, Rows, np.ndarray, Groups]:
    """Rows of 30 days, some of which are better for all."""
    codes, days = np.arange(rows) // 30 % len(rates), np.arange(rows) % 30
    chance = rates[codes] * np.exp(0.1 * rng.normal(size=30))[days]
    got = (rng.random(rows) < np.minimum(chance, 1)).astype(float)
    groups = Groups([f"g{code}" for code in range(len(rates))], codes)
    return ShareOf("rate", got, np.ones(rows)), Rows(got, got, got), days, groups


@pytest.mark.simulation
@pytest.mark.parametrize("count", [2, 5, 10])
def test_equal_groups_are_shown_to_differ_no_more_often_than_stated(count: int, simulations: Simulations):
    rng, runs = np.random.default_rng(count), simulations.runs(100)
    found = [between(*drawn(rng, np.full(count, 0.3), 6_000)) for _ in range(runs)]
    shown = sum(each is not None and each.estimate.low > 0 for each in found)
    simulations.at_most(f"{count} groups treated alike, shown to differ", shown, runs, 0.05)


@pytest.mark.simulation
@pytest.mark.parametrize("count", [2, 5, 10])
def test_the_largest_difference_lies_in_its_interval(count: int, simulations: Simulations):
    rng, runs = np.random.default_rng(count), simulations.runs(100)
    rates = np.linspace(0.3, 0.4, count)
    found = [between(*drawn(rng, rates, 6_000)) for _ in range(runs)]
    missed = sum(each is None or not each.estimate.low <= 0.1 <= each.estimate.high for each in found)
    simulations.at_most(f"largest difference of {count} groups, missed", missed, runs, 0.05)


def test_a_small_group_may_be_worst_and_widens_the_interval():
    """Ten rows without a yes are no proof of a low rate; they are one of a wide interval."""
    got = np.concatenate([np.tile([1.0, 0.0], 500), np.zeros(10)])
    codes = np.concatenate([np.arange(1_000) // 500, np.full(10, 2)])
    given = ShareOf("rate", got, np.ones(1_010)), Rows(got, got, got), np.arange(1_010) % 30, Groups(list("abc"), codes)
    with_it, without = between(*given), between(*given, least=11)
    assert with_it is not None
    assert without is not None
    assert (with_it.estimate.value, without.estimate.value) == (0.5, 0.0)
    assert with_it.estimate.low < 0.35
    ratio = ratio_between(*given)
    assert ratio is not None
    assert (ratio.estimate.value, ratio.estimate.low) == (0.0, 0.0)
    assert ratio.estimate.high > 0.3


def test_bounds_that_hold_for_several_rates_at_once_are_wider():
    rate, rows, days, groups = drawn(np.random.default_rng(2), np.array([0.3, 0.35, 0.4]), 3_000)
    for measured in (
        lambda joint: between(rate, rows, days, groups, joint=joint).estimate,
        lambda joint: ratio_between(rate, rows, days, groups, joint=joint).estimate,
        lambda joint: worst_off(rate, rows, days, groups, joint=joint).estimate,
    ):
        alone, joint = measured(1), measured(9)
        assert alone.value == joint.value
        assert (joint.low, joint.high) != (alone.low, alone.high)
        assert joint.low <= alone.low <= alone.high <= joint.high


def test_the_mean_of_the_worst_group_is_bounded():
    rng = np.random.default_rng(1)
    errors, codes = rng.exponential(size=900), np.arange(900) % 3
    errors[codes == 2] *= 2
    groups = Groups(["a", "b", "c"], codes)
    found = worst_of(MeanOf("error", errors, np.ones(900)), Rows(errors, errors, errors), np.arange(900) // 30, groups)
    assert found is not None
    estimate, worst = found
    assert worst.code == 2
    assert estimate.value == pytest.approx(errors[codes == 2].mean())
    assert estimate.low < 2.0 < estimate.high
