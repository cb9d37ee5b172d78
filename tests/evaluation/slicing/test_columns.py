"""Columns become parts of which each row is in the right ones, said in words."""

from __future__ import annotations

import numpy as np

from kreis.evaluation.slices import Groups
from kreis.evaluation.slicing.columns import category_column, group_column, number_column


def said(column) -> dict[str, int]:
    return {column.said(part): int(column.rows(part).sum()) for part in column.parts}


def test_numbers_are_all_that_lies_between_two_cuts():
    column = number_column("age", np.arange(101.0), 0.4)
    assert said(column) == {
        "age is at most 25": 26,
        "age is at most 40": 41,
        "age is at most 50": 51,
        "age is at most 59": 60,
        "age is at most 75": 76,
        "age is over 25 and at most 40": 15,
        "age is over 25 and at most 50": 25,
        "age is over 25 and at most 59": 34,
        "age is over 25 and at most 75": 50,
        "age is over 25": 75,
        "age is over 40 and at most 50": 10,
        "age is over 40 and at most 59": 19,
        "age is over 40 and at most 75": 35,
        "age is over 40": 60,
        "age is over 50 and at most 59": 9,
        "age is over 50 and at most 75": 25,
        "age is over 50": 50,
        "age is over 59 and at most 75": 16,
        "age is over 59": 41,
        "age is over 75": 25,
    }


def test_a_few_numbers_are_said_as_they_are():
    column = number_column("rooms", np.repeat([1.0, 2.0, 3.0, np.nan], 25), 0.1)
    assert said(column)["rooms is 1"] == 25
    assert said(column)["rooms is 3"] == 25
    assert said(column)["rooms is missing"] == 25
    assert said(column)["rooms is over 1"] == 50


def test_a_column_without_values_has_no_parts():
    assert len(number_column("empty", np.full(9, np.nan), 0.1).parts) == 0
    assert len(number_column("constant", np.ones(9), 0.1).parts) == 0


def test_rare_categories_are_in_no_part():
    values = np.array([0.0] * 50 + [1.0] * 48 + [2.0] * 2)
    column = category_column("job", values, {0.0: "cook", 1.0: "clerk"}, 0.05)
    assert said(column) == {"job is 'cook'": 50, "job is 'clerk'": 48}


def test_groups_are_said_by_their_labels():
    codes = np.array([0] * 6 + [1] * 3 + [-1])
    assert said(group_column("sex", Groups(["(missing)", "f"], codes), 0.1)) == {"sex is missing": 6, "sex is 'f'": 3}


def test_bins_hold_the_rows_of_what_is_paired():
    column = number_column("age", np.array([*np.arange(99.0), np.nan]), 0.05)
    bins, (first, after, count) = column.binned(column.codes), column.of_bins()
    assert bins.max() < count
    for part, begin, end in zip(column.paired, first, after, strict=True):
        np.testing.assert_array_equal(column.rows(part), (bins >= begin) & (bins < end))


def test_what_is_paired_has_three_quarters_of_the_rows_at_most():
    column = number_column("age", np.arange(1000.0), 0.05)
    shares = [column.rows(part).mean() for part in column.paired]
    assert max(shares) <= 0.75
    assert min(shares) < 0.11


def test_other_rows_take_the_same_bins():
    ages, before = np.array([*np.arange(99.0), np.nan]), np.array([-5.0, 50.0, 500.0, np.nan])
    column = number_column("age", ages, 0.05, before)
    assert [column.before[0], column.before[2]] == [column.codes[0], column.codes[98]]
    assert column.before[1] == column.codes[50]
    assert column.before[3] == column.codes[99]
    assert number_column("age", ages[:99], 0.05, before).before[3] == -1, "missing is no part of these"


def test_other_rows_take_the_same_categories():
    values = np.array([1.0] * 50 + [3.0] * 50)
    column = category_column("job", values, {1.0: "cook"}, 0.05, np.array([3.0, 2.0, 1.0, np.nan, 9.0]))
    assert column.before.tolist() == [1, -1, 0, -1, -1]
    missing = category_column("job", np.where(values == 3, np.nan, values), {}, 0.05, np.array([np.nan, 3.0]))
    assert missing.before.tolist() == [1, -1]
    groups = group_column("sex", Groups(["f", "m"], np.array([0, 1] * 20)), 0.1, np.array([1, -1, 0]))
    assert groups.before.tolist() == [1, -1, 0]
