"""How familiar a row is: near 0 for what was never taught, evenly spread over what is usual."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.evaluation.examinations.subjects import goal_of, rows_of, subject, subject_with

from kreis.evaluation.answer_parts.familiarity import Familiarity, fit_familiarity
from kreis.evaluation.examinations.familiarity import MeasuredFamiliarity
from kreis.evaluation.examinations.kinds import examine
from kreis.models.answer_parts.testing import CHECKS, Asked, Sample


def no_files(digest):
    raise AssertionError(digest)


def parts():
    behind = subject("binary").features
    part = fit_familiarity(behind)
    return part, part.open(no_files, behind.data.features), behind


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_part_behaves(check):
    part, _, behind = parts()
    matrix = behind.test.matrix[:30].copy()
    matrix[3:6], matrix[7, 2], matrix[8, 1] = np.nan, 17.0, 1e30
    scores = np.linspace(0.1, 0.9, 30)
    names = behind.data.features
    check(Sample(part=part, features=names, matrix=matrix, scores=scores, asked=[Asked() for _ in range(30)]))


def test_usual_rows_have_any_share_and_their_like_is_as_frequent_as_it_says():
    _, opened, behind = parts()
    shares, _ = opened.shares(behind.test.matrix)
    assert np.abs(np.quantile(shares, [0.1, 0.5, 0.9]) - [0.1, 0.5, 0.9]).max() < 0.1
    assert 0 < shares.min() <= shares.max() <= 1


@pytest.mark.parametrize(("feature", "value"), [("age", 4_500.0), ("age", np.nan), ("colour", 9.0), ("income", -40.0)])
def test_what_was_never_taught_is_strange_and_named(feature, value):
    _, opened, behind = parts()
    matrix = behind.test.matrix[:50].copy()
    matrix[:, behind.data.features.index(feature)] = value
    shares, strangest = opened.shares(matrix)
    assert (shares < 0.05).mean() > 0.9
    names = [part.name for part in subject_features()]
    assert {names[place] for place in strangest.tolist()} == {feature}


def subject_features():
    return parts()[0].features


def test_the_share_of_the_strangest_known_row_is_one_in_all_of_them():
    part, opened, _ = parts()
    matrix = np.full((1, 4), np.nan, dtype=np.float32)
    shares, _ = opened.shares(matrix)
    assert shares[0] == pytest.approx(1 / (1 + part.rows))


def test_a_row_is_as_strange_as_itself():
    part, opened, behind = parts()
    shares, _ = opened.shares(behind.validation.matrix)
    assert shares.min() == pytest.approx((1 + part.rows / len(part.known)) / (1 + part.rows))


def test_rows_that_judge_and_are_none_that_taught_are_a_warning():
    def ask(it):
        (found,) = examine([MeasuredFamiliarity()], it, lambda stage, done, total: None)
        return found

    data, columns = rows_of("binary")
    usual = ask(subject_with(goal_of("binary"), data, columns))
    data.matrix[-300:, 1] += 100
    moved = ask(subject_with(goal_of("binary"), data, columns))
    assert not usual.serious
    assert moved.findings[0].estimate.low > 0.9
    assert moved.serious
    assert moved.tables["strangest"][0]["feature"] == "age"


def test_it_is_declared_where_there_are_features():
    assert Familiarity().lacks(subject("binary")) is None
    assert Familiarity().lacks(replace(subject("binary"), features=None)) == "it reads no features"
