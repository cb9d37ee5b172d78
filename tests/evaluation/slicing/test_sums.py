"""Slices are judged by sums alone: shares exactly, means whatever their tails, days as a whole."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr, ndtri, stdtr
from scipy.stats import hypergeom, ttest_ind

from kreis.evaluation.slicing.columns import Spans
from kreis.evaluation.slicing.sums import Loss, Sums


def judged(values, inside, blocks=None):
    sums = Sums.of(Loss.of(values, blocks), inside.astype(np.int64), 2)
    return sums.where(np.array([1])).judged(sums.totals)


@pytest.mark.parametrize(
    ("rows", "wrong", "size", "there"),
    [(4_000, 600, 200, 53), (4_000, 40, 200, 9), (2_000, 1_700, 100, 98), (600, 480, 30, 30), (1_000, 300, 500, 181)],
)
def test_shares_have_the_exact_chance(rows: int, wrong: int, size: int, there: int):
    values, inside = np.zeros(rows), np.arange(rows) < size
    values[:there] = 1.0
    values[size : size + wrong - there] = 1.0
    exact = hypergeom.sf(there - 1, rows, wrong, size)
    assert ndtr(-judged(values, inside).evidence[0]) == pytest.approx(exact, rel=0.08)


def test_shares_are_told_from_any_two_numbers():
    rng = np.random.default_rng(0)
    values, inside = (rng.random(500) < 0.3) * 1.0, rng.random(500) < 0.2
    near = np.where(values > 0, -2.0, -5.0) + rng.normal(size=500) * 1e-14
    assert Loss.of(near, None).shares is not None
    assert judged(near, inside).evidence == pytest.approx(judged(values, inside).evidence)
    assert judged(near, inside).gaps == pytest.approx(3 * judged(values, inside).gaps)


def test_means_of_even_tails_are_as_welch_has_them():
    rng = np.random.default_rng(1)
    values, inside = rng.normal(size=4_000), np.arange(4_000) < 800
    values[inside] += 0.1
    chance = ttest_ind(values[inside], values[~inside], equal_var=False, alternative="greater").pvalue
    assert ndtr(-judged(values, inside).evidence[0]) == pytest.approx(chance, rel=0.2)


def test_rows_that_lack_a_few_great_gains_are_not_clearly_worse():
    rng = np.random.default_rng(2)
    values, inside = -rng.lognormal(0, 1.5, 2_000), np.zeros(2_000, dtype=bool)
    inside[np.argsort(-values)[:1900:19]] = True
    one, rest = values[inside], values[~inside]
    welch = (one.mean() - rest.mean()) / np.sqrt(one.var() / len(one) + rest.var() / len(rest))
    assert judged(values, inside).evidence[0] < welch / 1.5


def test_days_count_as_a_whole():
    rng = np.random.default_rng(3)
    days = np.repeat(np.arange(40), 50)
    values, inside = rng.normal(size=2_000) + rng.normal(size=40)[days], days < 10
    by_row, by_day = judged(values, inside), judged(values, inside, days)
    assert by_day.gaps == pytest.approx(by_row.gaps)
    assert by_day.errors[0] > 3 * by_row.errors[0]
    few = judged(values, days < 5, days)
    assert np.isnan(few.errors[0]), "fewer than eight days are not judged"


def test_evidence_is_the_quantile_of_the_same_chance():
    values, inside = np.tile([0.0, 1.0], 200) + np.repeat(np.arange(20), 20) / 7, np.repeat(np.arange(20), 20) % 2 == 0
    found = judged(values, inside, np.repeat(np.arange(20), 20))
    clear = found.gaps[0] / found.errors[0]
    assert found.evidence[0] == pytest.approx(-ndtri(stdtr(9.0, -clear)), abs=0.02)


def test_sums_of_pairs_are_those_of_their_rows():
    rng = np.random.default_rng(4)
    a, b, values = rng.integers(0, 4, 300), rng.integers(0, 3, 300), rng.normal(size=300)
    made_of = Spans(np.array([0, 1]), np.array([2, 4]), 4), Spans(np.array([1]), np.array([3]), 3)
    found = Sums.of(Loss.of(values, None), a * 3 + b, 12).together(made_of)
    for place, inside in enumerate([(a <= 1) & (b >= 1), (a >= 1) & (b >= 1)]):
        np.testing.assert_allclose(found.moments[place, :2], [inside.sum(), values[inside].sum()])


def test_many_days_are_put_together():
    assert Loss.of(np.zeros(1_000), np.arange(1_000)).count == 100
