"""Categories in an order in which neighbours are alike."""

from __future__ import annotations

import numpy as np
import pytest

from kreis.evaluation.accumulated import effects
from kreis.evaluation.levels import levels_of, stepped

SHIFTS = {5.0: 2.0, 7.0: 0.0, 9.0: 3.0, 11.0: 1.0}
"""Where the first other feature lies, by the number of the level."""
NONE = np.zeros(3, dtype=bool)


def rows(count: int = 4_000) -> np.ndarray:
    rng = np.random.default_rng(2)
    level = rng.choice(list(SHIFTS), count, p=[0.4, 0.3, 0.2, 0.1])
    shift = np.array([SHIFTS[each] for each in level])
    return np.stack([level, shift + rng.normal(size=count), shift > rng.uniform(0, 3, count)], axis=1).astype(
        np.float32
    )


@pytest.mark.parametrize("others", [[1], [2], [1, 2]], ids=str)
def test_levels_lie_beside_those_whose_rows_are_like_theirs(others: list[int]) -> None:
    order = levels_of(rows(), 0, {}, others, np.array([False, False, True]), most=10).tolist()
    assert order in ([7, 11, 5, 9], [9, 5, 11, 7])
    assert order.index(5.0) < 3  # the most frequent one lies in the first half, or next to it


def test_levels_that_are_called_by_numbers_are_in_their_order() -> None:
    names = {5.0: "10", 7.0: "9.5", 9.0: "-1", 11.0: "100"}
    assert levels_of(rows(), 0, names, [1], NONE, most=10).tolist() == [9, 7, 5, 11]


def test_the_most_frequent_levels_are_kept_and_missing_values_are_none() -> None:
    matrix = rows()
    matrix[:3_000, 0] = np.nan
    matrix[:200, 1] = np.nan
    assert set(levels_of(matrix, 0, {}, [1], NONE, most=2).tolist()) == {5.0, 7.0}
    assert levels_of(matrix[:10], 0, {}, [1], NONE, most=2).tolist() == []
    assert len(levels_of(matrix, 0, {}, [], NONE, most=3)) == 3


def test_rows_go_one_level_up_and_one_down_and_not_beyond() -> None:
    matrix = np.array([[7.0], [5.0], [11.0], [np.nan], [4.0]], dtype=np.float32)
    above, below, level = stepped(matrix, 0, np.array([7.0, 11.0, 5.0]))
    assert level.tolist() == [0, 2, 1, -1, -1]
    np.testing.assert_array_equal(above[:, 0], [11, 5, 5, np.nan, 4])
    np.testing.assert_array_equal(below[:, 0], [7, 11, 7, np.nan, 4])


def test_of_a_sum_the_effect_is_each_levels_own_part_whatever_the_rows_are_like() -> None:
    own = {5.0: 1.0, 7.0: -2.0, 9.0: 0.5, 11.0: 4.0}
    matrix = rows()

    def score(given: np.ndarray) -> np.ndarray:
        return np.array([own[float(each)] for each in given[:, 0]]) + 3 * given[:, 1].astype(float)

    levels = levels_of(matrix, 0, {}, [1], NONE, most=10)
    above, below, level = stepped(matrix, 0, levels)
    moved = np.concatenate([score(above) - score(matrix), score(matrix) - score(below)])
    bins = np.concatenate([np.where(level < 3, level, -1), level - 1])
    counts = np.bincount(level)
    found = effects(moved, bins, levels, np.tile(np.arange(len(matrix)), 2), at=counts)
    parts = np.array([own[each] for each in levels.tolist()])
    assert found.effect == pytest.approx(parts - counts @ parts / counts.sum(), abs=1e-9)
    assert counts @ found.effect == pytest.approx(0, abs=1e-6)
    assert found.rows.tolist() == counts.tolist()
    np.testing.assert_allclose(found.low, found.high, atol=1e-9)
