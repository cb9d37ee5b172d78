"""The greatest of many gaps is expected to be smaller than it was measured."""

from __future__ import annotations

import numpy as np

from kreis.evaluation.slicing.shrinking import shrunken


def test_noise_is_drawn_to_nothing():
    rng = np.random.default_rng(0)
    errors = rng.uniform(0.5, 2, 400)
    gaps = rng.normal(size=400) * errors
    assert np.abs(shrunken(gaps, errors)).mean() < 0.1 * np.abs(gaps).mean()


def test_what_is_clear_stays_and_what_is_noisy_does_not():
    errors = np.array([*np.ones(200), 0.5, 4.0])
    gaps = np.array([*np.random.default_rng(1).normal(size=200), 6.0, 6.5])
    found = shrunken(gaps, errors)
    assert found[200] > 5
    assert found[201] < found[200] / 2, "the noisiest is not the worst"


def test_expected_gaps_are_right_for_the_greatest_ones():
    rng = np.random.default_rng(2)
    true = np.where(rng.random(4_000) < 0.1, rng.normal(size=4_000) * 3, 0.0)
    measured = true + rng.normal(size=4_000)
    found = shrunken(measured, np.ones(4_000))
    greatest = np.argsort(-measured)[:100]
    assert abs(found[greatest].mean() - true[greatest].mean()) < 0.3
    assert measured[greatest].mean() - true[greatest].mean() > 0.3, "as measured they would be too great"


def test_all_alike_is_nothing():
    assert shrunken(np.zeros(3), np.ones(3)).tolist() == [0, 0, 0]


def test_some_of_many_are_told_as_among_all():
    rng = np.random.default_rng(3)
    gaps = np.append(rng.normal(size=5_000), [6.0, -1.0])
    some = shrunken(gaps, np.ones(5_002), np.array([5_000, 5_001]))
    np.testing.assert_allclose(some, shrunken(gaps, np.ones(5_002))[5_000:], rtol=0.03, atol=0.05)
    assert some[0] > 4


def test_those_that_are_asked_for_are_not_taken_for_more_than_they_are():
    """The greatest of many that are nothing: were they fitted as a tenth of all, they would stay great."""
    gaps = np.random.default_rng(4).normal(size=10_000)
    greatest = np.argsort(-gaps)[:100]
    assert np.abs(shrunken(gaps, np.ones(10_000), greatest)).max() < 0.5
