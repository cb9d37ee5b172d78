"""Columns become parts of which each row is in the right ones, said in words."""

from __future__ import annotations

import numpy as np

from kreis.evaluation.slices import Groups
from kreis.evaluation.slicing.columns import category_column, group_column, number_column


def said(column) -> dict[str, int]:
    return {part.said: int(column.rows(part).sum()) for part in column.parts}


def test_numbers_are_tails_and_what_lies_between():
    column = number_column("age", np.arange(101.0), 0.3)
    assert said(column) == {
        "age is at most 30": 31,
        "age is at most 33": 34,
        "age is at most 50": 51,
        "age is at most 66": 67,
        "age is at most 69": 70,
        "age is over 30": 70,
        "age is over 33": 67,
        "age is over 50": 50,
        "age is over 66": 34,
        "age is over 69": 31,
    }


def test_a_few_numbers_are_said_as_they_are():
    column = number_column("rooms", np.repeat([1.0, 2.0, 3.0, np.nan], 25), 0.1)
    assert said(column)["rooms is 1"] == 25
    assert said(column)["rooms is 3"] == 25
    assert said(column)["rooms is missing"] == 25
    assert said(column)["rooms is over 1"] == 50


def test_a_column_without_values_has_no_parts():
    assert number_column("empty", np.full(9, np.nan), 0.1).parts == ()
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
    bins, within = column.binned(), column.of_bins()
    for part, made_of in zip(column.paired, within, strict=True):
        np.testing.assert_array_equal(column.rows(part), made_of[bins] == 1)
