"""Rows that are decided among each other: a group is one observation of a canary."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from kreis.evaluation.paired import FALSE_ROLLBACK, Paired
from kreis.ways.paired_traffic import PairedTraffic
from kreis.ways.tabular.paired_traffic import _by_group


def by_row(differences: np.ndarray, days: np.ndarray, most: float = 1.0) -> PairedTraffic:
    rows = pl.DataFrame({"at": [], "model": [], "latency_us": []})
    known = {"differences": differences, "most": most, "days": days, "overlap": 1.0}
    return PairedTraffic(rows=rows, mature=99, whole=99, **known)


def test_the_mean_stays_that_of_the_rows_and_no_group_differs_by_more_than_the_most() -> None:
    groups = np.array([0, 0, 0, 1, 2, 2, 2, 2, 3])
    ripe = np.array([True, True, True, True, True, True, True, False, False])
    differences = np.array([1.0, -1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    found = _by_group(by_row(differences, np.array([5, 5, 5, 5, 6, 6, 6])), groups, ripe)
    assert (found.known, found.whole) == (3, 4)
    assert found.differences.mean() == differences.mean()
    assert np.abs(found.differences).max() <= found.most
    assert found.days.tolist() == [5, 5, 6]


def test_nothing_known_is_no_observation() -> None:
    found = _by_group(by_row(np.zeros(0), np.zeros(0, dtype=np.int64)), np.array([0, 0]), np.array([False, False]))
    assert (found.known, found.whole) == (0, 1)


@pytest.mark.simulation
def test_rows_of_a_group_that_move_together_show_no_difference_more_often_than_stated(simulations) -> None:
    """Two equal models whose rows of one group all differ by the same."""
    rng, wrong, runs = np.random.default_rng(7), 0, simulations.runs(60)
    for _ in range(runs):
        sign = rng.choice([-1.0, 1.0], size=120)
        groups = np.repeat(np.arange(120), 8)
        row = np.repeat(sign, 8)
        found = _by_group(by_row(row, groups // 4), groups, np.ones(len(row), dtype=bool))
        wrong += Paired.of(found.differences, found.days, most=found.most, margin=0.1).worse
    simulations.at_most("false rollbacks of equal models, by group", wrong, runs, FALSE_ROLLBACK)
