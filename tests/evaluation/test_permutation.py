from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest

from kreis.errors import ProjectError
from kreis.evaluation.permutation import paired_permutation

if TYPE_CHECKING:
    from tests.conftest import Simulations


def test_few_questions_are_looked_at_exactly():
    """Darwin's maize, as in Fisher 1935, section 21: 15 pairs; here its first ten, by all 1,024 signs."""
    differences = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29], dtype=float)
    found = paired_permutation(differences, np.zeros(10))
    sums = [abs(np.dot(signs, differences)) for signs in product((-1, 1), repeat=10)]
    assert found.exact
    assert found.permutations == 1024
    assert found.p == sum(each >= abs(differences.sum()) for each in sums) / 1024
    assert found.difference == differences.mean()


def test_many_questions_are_drawn_as_said():
    rng = np.random.default_rng(3)
    first = rng.normal(0.25, 1, 200)
    found = paired_permutation(first, np.zeros(200), permutations=5000)
    assert (found.exact, found.permutations, found.n) == (False, 5000, 200)
    z = first.mean() / (first.std() / math.sqrt(200))
    assert found.p == pytest.approx(math.erfc(z / math.sqrt(2)), abs=0.004)
    assert found == paired_permutation(first, np.zeros(200), permutations=5000), "equal inputs, equal results"
    assert paired_permutation(np.ones(60), np.zeros(60), permutations=999).p == 1 / 1000, "never 0"


def test_the_interval_is_that_of_students_t_where_differences_are_normal():
    first = np.random.default_rng(1).normal(0.2, 1, 100)
    found = paired_permutation(first, np.zeros(100))
    half = 1.984 * first.std(ddof=1) / 10
    assert found.low == pytest.approx(first.mean() - half, abs=0.02)
    assert found.high == pytest.approx(first.mean() + half, abs=0.02)


@pytest.mark.parametrize("n", [9, 12, 13, 60])
def test_test_and_interval_agree(n: int):
    for seed in range(40):
        first = np.random.default_rng(seed).choice([-1.0, 0.0, 0.0, 0.5, 1.0], n)
        found = paired_permutation(first, np.zeros(n), seed=seed)
        if abs(found.p - 0.05) > 0.01:
            assert (found.low > 0 or found.high < 0) == (found.p < 0.05), found


def test_nothing_is_shown_where_nothing_differs():
    found = paired_permutation(np.ones(20), np.ones(20))
    assert (found.difference, found.p, found.differing, found.better) == (0.0, 1.0, 0, False)
    assert found.high == -found.low == pytest.approx(1 - 0.025 ** (1 / 20))


def test_questions_without_a_measure_are_left_out():
    found = paired_permutation([1.0, math.nan, 0.5, 1.0], [0.5, 1.0, math.nan, 0.5])
    assert (found.n, found.difference) == (2, 0.5)
    nothing = paired_permutation([], [])
    assert (nothing.n, nothing.p, nothing.better) == (0, 1.0, False)
    assert math.isnan(nothing.difference)


def test_better_is_shown_and_one_sided():
    first = np.linspace(0.1, 1, 30)
    assert paired_permutation(first, np.zeros(30)).better
    assert not paired_permutation(np.zeros(30), first).better
    assert not paired_permutation(first[:4], np.zeros(4)).better, "four questions can't show it: 2 of 16 signs"


def test_it_is_of_the_same_questions():
    with pytest.raises(ProjectError, match="not measures of the same questions"):
        paired_permutation([1.0], [1.0, 2.0])


def test_it_says_what_it_found():
    assert str(paired_permutation([1.0, 0.0, 0.5], [0.0, 0.0, 0.0])).endswith("(exact; 2 of 3 questions differ)")
    assert str(paired_permutation([], [])) == "no questions"


WORLDS = {
    "nDCG of 300 questions": (300, [-0.63, -0.37, 0.0, 0.37, 0.63], [0.06, 0.09, 0.7, 0.09, 0.06]),
    "recall of 40 questions": (40, [-1.0, 0.0, 1.0], [0.15, 0.7, 0.15]),
    "recall of 10 questions": (10, [-1.0, 0.0, 1.0], [0.3, 0.4, 0.3]),
}


@pytest.mark.simulation
@pytest.mark.parametrize("world", WORLDS)
def test_searches_that_are_alike_are_seldom_told_apart(world: str, simulations: Simulations):
    n, values, chances = WORLDS[world]
    rng, runs, wrong = np.random.default_rng(5), simulations.runs(400), 0
    for seed in range(runs):
        drawn = rng.choice(values, n, p=chances)
        wrong += paired_permutation(drawn, np.zeros(n), permutations=1999, seed=seed).p <= 0.05
    simulations.at_most(f"a difference between searches that are alike, {world}", wrong, runs, 0.05)


@pytest.mark.simulation
@pytest.mark.parametrize("gain", [0.0, 0.05])
def test_intervals_of_differences_hold_the_truth(gain: float, simulations: Simulations):
    rng, runs, held = np.random.default_rng(6), simulations.runs(400), 0
    values, chances = np.array([-0.63, 0.0, 0.63]), np.array([0.12 - gain / 1.26, 0.76, 0.12 + gain / 1.26])
    for seed in range(runs):
        found = paired_permutation(rng.choice(values, 200, p=chances), np.zeros(200), permutations=1999, seed=seed)
        held += found.low <= gain <= found.high
    simulations.at_least(f"the interval of a difference of {gain} holds it", held, runs, 0.95)
