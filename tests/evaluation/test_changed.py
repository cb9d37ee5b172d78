"""Which of the rows that judge are asked again with changed features."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.evaluation.examinations.subjects import subject

from kreis.evaluation.changed import SomeRows, loses
from kreis.evaluation.intervals import Estimate
from kreis.training.splits.cross_validation import CrossValidation


def test_rows_that_are_drawn_are_not_all_of_one_place_in_a_period():
    examined = subject("binary")
    assert examined.features is not None
    some = SomeRows(examined, examined.features, len(examined.rows) // 6)
    assert len(some.places) == len(examined.rows) // 6
    assert set((some.places % 6).tolist()) == {0, 1, 2, 3, 4, 5}


def test_rows_that_judge_several_times_are_drawn_each_time_or_never():
    examined = subject("binary")
    behind = examined.features
    assert behind is not None
    data = behind.data
    rule = CrossValidation(folds=3, repeats=4)
    split = rule.split(data.time, data.known_at, data.outcomes, task=examined.task)
    some = SomeRows(examined, replace(behind, split=split), 700)
    counts = np.unique(split.judging[some.places], return_counts=True)[1]
    assert set(counts.tolist()) == {4}
    assert len(some.places) <= 700


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ((1.0, 2.0, 3.0), "loses 2 (1 to 3) EUR"),
        ((-1.0, 0.5, 3.0), "is not shown to lose anything: 0.5 (-1 to 3) EUR"),
        ((-3.0, -2.0, -1.0), "gains 2 (1 to 3) EUR"),
        ((-math.inf, 0.0, math.inf), "loses nothing: not one of these decisions is worth more or less"),
        ((-1.0, float("nan"), 1.0), "cannot be judged by what it is worth"),
    ],
)
def test_what_a_change_costs_is_said_with_its_direction(ends, said):
    low, value, high = ends
    assert loses(Estimate(value=value, low=low, high=high, n=10, blocks=10), "EUR") == said
