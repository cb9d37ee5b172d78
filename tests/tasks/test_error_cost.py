"""What errors cost, and the decision that follows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kreis.errors import ProjectError
from kreis.tasks.decisions import Identity, Shift
from kreis.tasks.regression.error_cost import ErrorCost

COST = ErrorCost("EUR per hour", over=1.0, under=3.0, per=1)
numbers = st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3)


def test_each_side_has_its_own_cost_and_an_unknown_outcome_no_value():
    assert COST.values([100, 100, np.nan], [110, 90, 90]).tolist()[:2] == [-10, -30]
    assert math.isnan(COST.values([np.nan], [1.0])[0])


@given(numbers, numbers, numbers)
def test_two_decisions_never_differ_by_more_than_the_most(first, second, outcomes):
    apart = np.abs(COST.values(outcomes, first) - COST.values(outcomes, second))
    assert apart.max() <= COST.most_apart(first, second) * (1 + 1e-12)


def test_the_most_is_a_power_of_two_and_nothing_for_the_same_decisions():
    assert COST.most_apart([1.0, 5.0], [1.0, 6.0]) == 4.0
    assert COST.most_apart([1.0], [1.0]) == 0.0
    assert COST.most_apart([], []) == 0.0


@pytest.mark.parametrize(("over", "under", "per"), [(0, 1, 1), (1, -1, 1), (1, math.inf, 1), (1, 1, 0)])
def test_costs_that_make_no_sense_are_refused(over, under, per):
    with pytest.raises(ProjectError, match=r"ErrorCost\('EUR'\)"):
        ErrorCost("EUR", over=over, under=under, per=per)


def test_scores_that_aim_at_the_mean_are_shifted_to_the_quantile_that_costs_least():
    rng = np.random.default_rng(1)
    scores = rng.normal(100, 20, 5_000)
    outcomes = scores + rng.normal(0, 10, 5_000)
    found = COST.task.fit_decision(scores, outcomes)
    assert isinstance(found.decision, Shift)
    assert found.decision.by == pytest.approx(6.745, abs=0.5)  # the upper quartile of N(0, 10)
    assert found.gain > found.error > 0


def test_scores_that_aim_at_the_quantile_are_left_alone():
    rng = np.random.default_rng(1)
    scores = rng.normal(100, 20, 2_000)
    outcomes = scores - 6.745 + rng.normal(0, 10, 2_000)
    assert COST.task.fit_decision(scores, outcomes).decision == Identity()
    few = COST.task.fit_decision(scores[:49], outcomes[:49] + 50)
    assert (few.decision, few.source) == (Identity(), "plain")
