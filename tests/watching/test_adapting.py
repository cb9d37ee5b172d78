"""What the log says of coverage: of classes, numbers and quantiles, with the group that each answer named."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.evaluation.examinations.subjects import GOALS

from kreis.evaluation.coverage.adapting import WalkedLevels, begin
from kreis.models.answer_parts.grid import QuantileGrid
from kreis.models.answer_parts.grouped import Grouped
from kreis.models.answer_parts.intervals import CoverageInterval
from kreis.models.answer_parts.levels import Levels
from kreis.models.answer_parts.sets import CoverageSet
from kreis.tasks.goal_metric import task_of
from kreis.tasks.outcomes import class_number
from kreis.watching.adapting import answered

CLASSES = ["low", "middle", "high"]
GRID = QuantileGrid((0.8, 0.9, 0.95), (0.6, 0.7, 0.75), {"north": (0.4, 0.55)})
QUANTILE = Grouped(0.7, "region", {"north": 0.55}, GRID, Levels(0.9))


def rows(outcomes: list[float], scores: list[Any], said: list[Any]) -> pl.DataFrame:
    several = isinstance(scores[0], list)
    return pl.DataFrame(
        {
            "outcome": outcomes,
            "score": [each[0] for each in scores] if several else scores,
            "scores": pl.Series(scores if several else [None] * len(scores), dtype=pl.List(pl.Float64)),
            "parts": [json.dumps({"coverage": each, "other": 1}) for each in said],
        }
    )


def test_of_yes_and_no_a_set_covers_what_it_holds() -> None:
    part = CoverageSet(level=0.9, quantile=QUANTILE, rows=9)
    said = [{"set": [True], "group": "north"}, {"set": [False, True], "group": None}, None, {"set": [False]}]
    found = answered(rows([1.0, 0.0, 1.0, 1.0], [0.9, 0.6, 0.5, 0.2], said), part, task_of(GOALS["binary"], None))
    assert found.covered == [True, True, False]
    assert found.groups == ["north", None, None]
    assert found.beyond.tolist() == pytest.approx([0.0, 0.6, 0.8])
    walked = found.walked(begin(0.9), part)
    assert (walked.outcomes, walked.groups["north"].outcomes) == (3, 1)


def test_of_classes_the_place_is_that_of_the_class_that_happened() -> None:
    part = CoverageSet(level=0.9, classes=CLASSES, quantile=QUANTILE, rows=9)
    happened = [class_number(each) for each in ("middle", "high")]
    scores, said = [[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]], [{"set": ["low"]}, {"set": ["high", "middle"]}]
    found = answered(rows(happened, scores, said), part, task_of(GOALS["multiclass"], None))
    assert found.covered == [False, True]
    assert found.beyond.tolist() == pytest.approx([0.7, 0.0])


def test_of_numbers_an_interval_covers_what_lies_in_it() -> None:
    task = task_of(GOALS["regression"], None)
    said = [{"low": 1.0, "high": 3.0, "group": "north"}, {"low": 1.0, "high": 3.0, "group": None}]
    one = CoverageInterval(level=0.9, quantile=QUANTILE, rows=9, edges=(1.5,), spreads=(1.0, 2.0))
    found = answered(rows([2.5, 4.0], [2.0, 1.0], said), one, task)
    assert (found.covered, found.beyond.tolist()) == ([True, False], [0.25, 3.0])
    several = CoverageInterval(level=0.9, quantile=QUANTILE, rows=9, several=True)
    found = answered(rows([2.5, 4.0], [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]], said), several, task)
    assert (found.covered, found.beyond.tolist()) == ([True, False], [-0.5, 1.0])


def test_answers_that_said_nothing_of_coverage_move_nothing() -> None:
    part = CoverageSet(level=0.9, quantile=QUANTILE, rows=9)
    found = answered(rows([1.0], [0.9], [None]), part, task_of(GOALS["binary"], None))
    assert found.covered == []
    assert found.walked(begin(0.9), part) == WalkedLevels(general=0.9)
    assert np.shape(found.beyond) == (0,)
