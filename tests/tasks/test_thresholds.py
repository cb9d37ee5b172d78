"""The best cut is exact, and the threshold does not chase noise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kreis.tasks.binary.decision_value import DecisionValue
from kreis.tasks.binary.thresholds import best_cut, choose_threshold

METRIC = DecisionValue("EUR", true_positive=120, false_positive=-35)
rows = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.7, 1.0]) | st.floats(0, 1), st.booleans()), min_size=1
)
money = st.integers(-50, 50)
cases = st.tuples(money, money, money, money).filter(lambda it: it[0] - it[1] + it[2] - it[3] > 0)


def worth(metric, outcomes, scores, cut):
    return metric.values(outcomes, scores >= cut).mean()


@settings(deadline=None)
@given(rows, cases, st.floats(0, 1))
def test_best_cut_equals_trying_every_cut(pairs, values, near):
    metric = DecisionValue("EUR", *values)
    scores, outcomes = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])
    cut, value = best_cut(scores, outcomes, metric, near=near)
    best = max(worth(metric, outcomes, scores, each) for each in [*scores, np.inf])
    assert value == pytest.approx(best, abs=1e-9)
    assert worth(metric, outcomes, scores, cut) == pytest.approx(best, abs=1e-9)


def test_best_cut_lies_between_two_scores_and_among_equals_near_the_given_one():
    cut, _ = best_cut([0.1, 0.2, 0.6, 0.9], [0, 0, 1, 1], METRIC, near=0.9)
    assert cut == pytest.approx(0.6, abs=1e-9) or 0.2 < cut <= 0.6
    assert best_cut([0.1, 0.2, 0.6, 0.9], [0, 0, 1, 1], METRIC, near=0.5)[0] == 0.5
    assert best_cut([0.1, 0.2, 0.6, 0.9], [0, 0, 1, 1], METRIC, near=0.1)[0] == pytest.approx(0.4)


def calibrated(generator, n, distortion=1.0):
    chance = generator.beta(1.2, 3.5, size=n)
    return chance**distortion, generator.random(n) < chance


def test_threshold_of_calibrated_scores_is_mostly_the_break_even_and_loses_less_than_the_best_cut():
    generator = np.random.default_rng(3)
    future = calibrated(generator, 200_000)
    kept, chosen, exact = [], [], []
    for _ in range(200):
        scores, outcomes = calibrated(generator, 2_000)
        threshold = choose_threshold(scores, outcomes, METRIC)
        kept.append(threshold.source == "plain")
        chosen.append(worth(METRIC, future[1], future[0], threshold.decision.at))
        exact.append(worth(METRIC, future[1], future[0], best_cut(scores, outcomes, METRIC)[0]))
    even = worth(METRIC, future[1], future[0], METRIC.break_even)
    assert even - np.mean(chosen) < 0.75 * (even - np.mean(exact))


def test_threshold_of_scores_that_are_far_too_low_is_the_best_cut():
    generator = np.random.default_rng(3)
    scores, outcomes = calibrated(generator, 5_000, distortion=3.0)
    threshold = choose_threshold(scores, outcomes, METRIC)
    assert threshold.source == "validation"
    assert threshold.gain > threshold.error
    assert threshold.decision.at == pytest.approx(METRIC.break_even**3, abs=0.02)


def test_threshold_of_few_cases_is_the_break_even():
    scores = np.linspace(0, 1, 1_000)
    assert choose_threshold(scores, scores > 0.96, METRIC).source == "plain"
    assert choose_threshold(scores, scores > 0.96, METRIC).decision.at == METRIC.break_even


@pytest.mark.parametrize(
    ("positive", "negative", "source"),
    [(50, 500, "validation"), (49, 500, "plain"), (500, 50, "validation"), (500, 49, "plain")],
)
def test_threshold_follows_the_best_cut_from_fifty_cases_of_either_outcome(positive: int, negative: int, source: str):
    """Scores are far too low: everything that happens lies below the break-even."""
    scores = np.array([0.1] * positive + [0.01] * negative)
    assert choose_threshold(scores, scores > 0.05, METRIC).source == source


@pytest.mark.parametrize(("metric", "value"), [((10, 5), 0.0), ((-5, -10), 1.0)])
def test_threshold_of_a_decision_that_always_or_never_pays_is_an_end(metric: tuple[int, int], value: float):
    always = DecisionValue("EUR", true_positive=metric[0], false_positive=metric[1])
    scores = np.linspace(0, 1, 200)
    found = choose_threshold(scores, scores > 0.5, always)
    assert (found.decision.at, found.source) == (value, "plain")


def test_threshold_is_found_in_a_million_scores_by_one_sort():
    generator = np.random.default_rng(0)
    scores, outcomes = calibrated(generator, 1_000_000)
    cut, _ = best_cut(scores.astype(np.float32), outcomes, METRIC, near=METRIC.break_even)
    assert cut == pytest.approx(METRIC.break_even, abs=0.03)
