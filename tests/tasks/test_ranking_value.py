"""What a place is worth."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from kreis.errors import ProjectError
from kreis.requirements.goal import Goal
from kreis.tasks.ranking.ranking_value import RankingValue

VALUE = RankingValue("EUR per 1,000 offers", gains={1: 0.05, 2: 4.0}, at=3, group="query")


def test_a_gain_is_discounted_by_the_place_and_nothing_beyond_the_last_that_counts():
    values = VALUE.values([2, 2, 1, 0, 2, np.nan, 2], [1, 2, 3, 1, 4, 1, np.nan])
    assert values[:5].tolist() == pytest.approx([4.0, 4 / math.log2(3), 0.025, 0.0, 0.0])
    assert np.isnan(values[5:]).all()
    assert VALUE.bounds == (0.0, 4.0)


def test_two_orders_differ_by_at_most_the_dearest_grade_times_their_discounts():
    assert VALUE.most_at_stake == 4.0
    assert VALUE.most_apart([1, 2], [2, 1]) == pytest.approx(4 * (1 - 1 / math.log2(3)))
    assert VALUE.most_apart([1, 9], [1, 12]) == 0.0
    cost = RankingValue("EUR", gains={0: -1.0, 1: 0.5}, group="query")
    assert (cost.bounds, cost.most_at_stake) == ((-1.0, 0.5), 1.0)


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"gains": {1: 1.0, 3: 2.0}}, r"grades of its gains are \[1, 3\]"),
        ({"gains": {}}, "grades of its gains"),
        ({"gains": {1: math.inf}}, "not finite"),
        ({"group": ""}, "names no group"),
        ({"at": 0}, "at is 0"),
        ({"per": 0}, "per is 0"),
    ],
)
def test_what_it_is_declared_with_is_checked(wrong: dict[str, Any], what: str):
    with pytest.raises(ProjectError, match=what):
        RankingValue("EUR", **{"gains": {1: 1.0}, "group": "query", **wrong})


@pytest.mark.parametrize("gains", [{1: 2.0, 2: 1.0}, {0: 1.0, 1: 1.0}])
def test_a_more_relevant_row_is_worth_no_less(gains: dict[int, float]):
    metric = RankingValue("EUR", gains=gains, group="query")
    with pytest.raises(ProjectError, match="more relevant row in front is worth less"):
        Goal(question="Which offer?", decision="Show them.", metric=metric)
