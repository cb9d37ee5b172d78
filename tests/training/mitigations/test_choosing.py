"""The best thresholds by group are those that trying all pairs finds."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from kreis.training.mitigations.choosing import best_thresholds


def drawn(count: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    groups = np.arange(count) % 2
    scores = np.round(np.clip(rng.normal(0.5 - 0.2 * groups, 0.2), 0, 1), 2)
    return scores, np.where(rng.random(count) < scores, 1.0, -1.0), groups


def rate(yes: np.ndarray, counted: np.ndarray, *, positive: bool) -> float:
    return float((yes if positive else ~yes)[counted].mean())


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("at_least", [0.0, 0.8, 1.0])
def test_they_are_worth_most_among_those_that_keep_rates_near(at_least: float, positive: bool):
    scores, gains, groups = drawn()
    counted = np.ones(len(scores), dtype=bool)
    best = -np.inf
    tried = [[*np.unique(scores[groups == code]).tolist(), 1.1] for code in (0, 1)]
    for cuts in product(*tried):
        yes = scores >= np.array(cuts)[groups]
        rates = [rate(yes[groups == code], counted[groups == code], positive=positive) for code in (0, 1)]
        if min(rates) >= at_least * max(rates) - 1e-12:
            best = max(best, float(gains[yes].sum()))
    at = best_thresholds(scores, gains, groups, counted, at_least=at_least, positive=positive)
    yes = scores >= at[groups]
    rates = [rate(yes[groups == code], counted[groups == code], positive=positive) for code in (0, 1)]
    assert min(rates) >= at_least * max(rates) - 1e-12
    assert float(gains[yes].sum()) == pytest.approx(best)


def test_rates_may_be_counted_among_some_of_the_rows():
    scores, gains, groups = drawn(400)
    counted = gains > 0
    at = best_thresholds(scores, gains, groups, counted, at_least=0.95)
    yes = scores >= at[groups]
    rates = [rate(yes[groups == code], counted[groups == code], positive=True) for code in (0, 1)]
    assert min(rates) >= 0.95 * max(rates) > 0
