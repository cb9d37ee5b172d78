"""Support: the rows that a metric rests on."""

from __future__ import annotations

import numpy as np
import pytest

from kreis.evaluation.support import missing_rows, support
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.tasks.metrics.yes_no import YesNoRows
from kreis.tasks.task import metric_named

TWO = "precision rests on 2 rows that were"
VALUE = DecisionValue("EUR", true_positive=2, false_positive=-1)


def rows(*, positives: int, decided: int, of: int = 10) -> YesNoRows:
    n = np.arange(of)
    return YesNoRows(n < positives, np.linspace(0.1, 0.9, of), n >= of - decided)


@pytest.mark.parametrize(("positives", "rarer"), [(0, 0), (4, 4), (5, 5), (6, 4), (10, 0)])
def test_the_rarer_outcome_is_found(positives: int, rarer: int):
    given = rows(positives=positives, decided=3)
    mask = given.evidence
    assert mask.sum() == rarer
    assert not (given.outcomes[mask] != (positives <= 5)).any()


@pytest.mark.parametrize(
    ("metric", "rest"), [("recall", 7), ("precision", 2), ("positive_rate", 10), ("auc", 3), ("value", 3), ("brier", 3)]
)
def test_a_share_rests_on_what_it_is_a_share_of_and_all_else_on_the_rarer_outcome(metric: str, rest: int):
    assert support(metric_named(metric, VALUE.task), rows(positives=7, decided=2)) == rest


@pytest.mark.parametrize(
    ("metric", "least", "days", "said"),
    [
        ("recall", 3, 2, None),
        ("recall", 4, 2, "recall rests on 3 rows with a positive outcome, 4 are asked for, about 1 more days"),
        ("recall", 6, 1, "recall rests on 3 rows with a positive outcome, 6 are asked for, about 1 more days"),
        (
            "precision",
            4,
            4,
            "precision rests on 2 rows that were decided positively, 4 are asked for, about 4 more days",
        ),
        ("positive_rate", 11, 10, "positive_rate rests on 10 rows, 11 are asked for, about 1 more days"),
        ("auc", 5, 3, "auc rests on 3 rows with the rarer outcome, 5 are asked for, about 2 more days"),
    ],
)
def test_what_is_missing_is_said_in_rows_and_days(metric: str, least: int, days: int, said: str | None):
    found = missing_rows(metric_named(metric, VALUE.task), rows(positives=3, decided=2), least, days)
    assert found == (None if said is None else said + " at the present rate")


def test_where_no_row_counts_no_number_of_days_is_said():
    found = missing_rows(metric_named("recall", VALUE.task), rows(positives=0, decided=2), 4, 2)
    assert found == "recall rests on 0 rows with a positive outcome, 4 are asked for"
