"""Histograms count every value once, in the bin that their definition says."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kreis.training.reference import count_values, histogram, quantile_edges, reference_histograms

values = st.lists(st.floats(width=32) | st.sampled_from([0.0, 1.0, 2.0, float("nan")]), max_size=80)


@settings(deadline=None)
@given(values, st.integers(2, 12))
def test_histogram_counts_every_value_once(given_values, bins):
    array = np.array(given_values, dtype=np.float32)
    found = histogram(array, bins)
    assert sum(found.counts) + found.missing == len(array)
    assert len(found.counts) == len(found.edges) + 1 <= bins
    assert found.edges == sorted(set(found.edges))
    bounds = [-np.inf, *found.edges, np.inf]
    for place, count in enumerate(found.counts):
        low, high = bounds[place], bounds[place + 1]
        inside = ((array > low) | ((place == 0) & (array == -np.inf))) & (array <= high)
        assert inside.sum() == count


def test_a_feature_of_few_values_gets_a_bin_for_each():
    found = histogram(np.array([3.0, 1.0, 1.0, 2.0, np.nan]))
    assert (found.edges, found.counts, found.missing) == ([1.0, 2.0], [2, 1, 1], 1)


def test_bins_of_many_values_hold_equally_many():
    array = np.random.default_rng(0).lognormal(size=20_000)
    assert np.ptp(histogram(array, 20).counts) <= 1


def test_live_values_are_counted_into_the_same_bins():
    edges = quantile_edges(np.arange(100, dtype=np.float32), 4)
    counts, missing = count_values(np.array([-5.0, 24.0, 24.5, 1e9, np.nan], np.float32), edges)
    assert edges.tolist() == [24, 49, 74]
    assert (counts.tolist(), missing) == ([2, 1, 0, 1], 1)


def test_a_constant_or_absent_feature_has_no_edges():
    found = reference_histograms(np.array([[1.0, np.nan], [1.0, np.nan]], np.float32), ["constant", "absent"])
    assert (found["constant"].edges, found["constant"].counts) == ([], [2])
    assert (found["absent"].counts, found["absent"].missing) == ([0], 2)
