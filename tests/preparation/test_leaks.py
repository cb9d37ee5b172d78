"""A feature that is the answer is refused where it is declared, or named where the data show it."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from kreis.errors import ProjectError
from kreis.preparation.leaks import PERFECT, check_own_outcome, strong_features
from kreis.preparation.tables import Spine, Table
from kreis.preparation.view_rules import feature_view, request_view
from kreis.tasks.binary.decision_value import DecisionValue

TASK = DecisionValue("EUR", true_positive=2, false_positive=-1).task


def table(name="questions"):
    return Table(name=name, layer="gold", function=table, inputs=())


def spine(**changes):
    given = {"id": "order", "time": "at", "keys": ("customer", "order"), "outcome": "back", "outcome_known_at": "known"}
    return Spine(table=table(), **{**given, **changes})


def view(**changes):
    given = {"entity": "customer", "table": "questions", "event_time": "at", "known_at": "known", "windows": ["7d"]}
    return feature_view("past", features={"rate": pl.col("back").mean()}, **{**given, **changes})


def bring(field):
    return request_view("order", fields={field: float}, features={"x": pl.col(field)})


REFUSED = {
    "the outcome as a field": (bring("back"), spine(), "the field 'back' is what is to be predicted"),
    "its moment as a field": (bring("known"), spine(), "the field 'known' is what is to be predicted"),
    "the row's own outcome": (view(entity="order"), spine(), "the row itself"),
    "of another table": (view(entity="order", table="returns"), spine(), "the row itself"),
    "known too early": (view(known_at="at"), spine(), "as known at 'at', but it is known at 'known'"),
    "known at its own time": (view(known_at="at"), spine(outcome_known_at="at"), "so it sees itself"),
}


@pytest.mark.parametrize(("declared", "of", "message"), REFUSED.values(), ids=REFUSED)
def test_a_view_of_the_row_s_own_outcome_is_refused(declared, of, message):
    with pytest.raises(ProjectError, match=message) as caught:
        check_own_outcome(declared, of, where="project.py:7")
    assert caught.value.where == "project.py:7"
    assert caught.value.hint


@pytest.mark.parametrize(
    "declared",
    [
        view(),
        view(table="settled", known_at="settled_at"),
        bring("amount"),
        feature_view(
            "self", entity="order", table="x", event_time="at", known_at="at", features={"n": pl.len()}, windows=["7d"]
        ),
    ],
)
def test_the_past_of_an_entity_may_be_read(declared):
    check_own_outcome(declared, spine(), where="here")


RNG = np.random.default_rng(7)
YES = RNG.random(20_000) < 0.3


def found(feature, yes=YES):
    outcomes = pl.Series(np.where(yes, 1.0, 0.0))
    return strong_features(pl.DataFrame({"x": np.asarray(feature, dtype=np.float64)}), outcomes, TASK)


def test_a_copy_of_the_outcome_is_found_however_it_is_written():
    assert found(YES) == {"x": 1.0}
    assert found(~YES) == {"x": 1.0}
    assert found(np.where(YES, 5.0, np.nan)) == {"x": 1.0}  # filled in where it is yes
    assert found(np.where(YES, RNG.random(len(YES)), -1.0)) == {"x": 1.0}  # an amount refunded
    assert found(np.where(RNG.random(len(YES)) < 0.5, YES, np.nan)) == {"x": 1.0}  # known for half of the rows


@pytest.mark.parametrize(("wrong", "named", "perfect"), [(0.0005, 1, 1), (0.002, 1, 0), (0.02, 1, 0), (0.05, 0, 0)])
def test_a_copy_with_a_few_errors_is_found_as_well(wrong, named, perfect):
    areas = found(YES ^ (RNG.random(len(YES)) < wrong)).values()
    assert (len(areas), sum(area >= PERFECT for area in areas)) == (named, perfect)


def test_a_strong_feature_is_no_leak():
    assert found(YES + RNG.normal(0, 0.4, len(YES))) == {}
    assert found(np.full(len(YES), np.nan)) == {}
    assert found(np.ones(len(YES))) == {}


def test_a_rare_outcome_is_looked_at_as_well():
    rare = np.zeros(50_000, dtype=bool)
    rare[[*range(11, 50_000, 1_500)]] = True
    assert found(rare, rare) == {"x": 1.0}


@pytest.mark.parametrize(("of_each", "named"), [(29, False), (30, True)])
def test_few_rows_show_nothing(of_each, named):
    yes = np.arange(100) < of_each
    assert bool(found(yes, yes)) == named


def test_rows_whose_outcome_is_unknown_are_left_out():
    outcomes = pl.Series([1.0, 0.0] * 50 + [None] * 50)
    features = pl.DataFrame({"x": [1.0, 0.0] * 50 + [0.3] * 50})
    assert strong_features(features, outcomes, TASK) == {"x": 1.0}


def test_a_category_that_says_the_outcome_is_named_though_its_numbers_say_nothing():
    rng = np.random.default_rng(3)
    outcomes = pl.Series((rng.random(600) < 0.4).astype(float))
    named = np.where(outcomes.to_numpy() > 0.5, 500.0, 99.0)
    named[rng.random(600) < 0.2] = 5.0  # "yes" as well, under another number
    named = np.where((named == 5.0) & (outcomes.to_numpy() < 0.5), 99.0, named)
    once = np.arange(600.0)  # each row a category of its own
    frame = pl.DataFrame({"status": named, "id": once})
    assert strong_features(frame, outcomes, TASK) == {}
    assert strong_features(frame, outcomes, TASK, categories={"status", "id"}) == {"status": 1.0}
