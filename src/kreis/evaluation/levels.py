"""Categories in an order in which neighbours are alike, so that a step from one to the next is a small one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kreis.arrays import Booleans, Codes, Floats
from kreis.models.scoring import Matrix

__all__ = ["levels_of", "stepped"]


def levels_of(
    matrix: Matrix, place: int, names: Mapping[float, str], others: Sequence[int], categories: Booleans, *, most: int
) -> Floats:
    """The numbers of a category's most frequent levels, shape (k,), neighbours alike: by what they are called, where
    all are called by numbers; else by how alike the other features of their rows are distributed, in the one dimension
    that says most of it (Apley and Zhu 2020, section 4; Torgerson 1952).

    Args:
        matrix: The rows, shape (n, f).
        place: That of the category.
        names: The texts of its numbers, as far as they are known.
        others: Places of the features that are looked at.
        categories: Which features are categories, shape (f,).
        most: At most so many levels.
    """
    column = matrix[:, place].astype(np.float64)
    found, counts = np.unique(column[np.isfinite(column)], return_counts=True)
    kept = found[np.argsort(-counts, kind="stable")[:most]]
    called = [_number(names.get(float(each), "")) for each in kept]
    if all(each is not None for each in called):
        return kept[np.argsort(np.array(called, dtype=np.float64), kind="stable")]
    rows = [column == each for each in kept]
    apart = sum((_apart(matrix[:, each], rows, bool(categories[each])) for each in others), np.zeros((len(kept),) * 2))
    return kept[np.argsort(_on_a_line(apart), kind="stable")]


def stepped(matrix: Matrix, place: int, levels: Floats) -> tuple[Matrix, Matrix, Codes]:
    """Rows with a category moved to the next level, and to the one before; where there is none they stay as they are.

    Returns:
        Both, and the level of each row from 0 on, -1 where it is none of them.
    """
    column = matrix[:, place].astype(np.float64)
    same = column[:, None] == levels[None, :]
    level = np.where(same.any(axis=1), same.argmax(axis=1), -1)
    above, below = matrix.copy(), matrix.copy()
    up, down = (level >= 0) & (level < len(levels) - 1), level > 0
    above[up, place], below[down, place] = levels[level[up] + 1], levels[level[down] - 1]
    return above, below, level.astype(np.int64)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _apart(column: Matrix, rows: Sequence[Booleans], category: bool) -> Floats:
    """How far the distributions of one feature lie from each other, each pair of levels, shape (k, k): the largest
    difference of their distribution functions, of a category half of all differences of shares.
    """
    values, codes = np.unique(column, return_inverse=True)  # a missing value is one of its own
    counts = np.stack([np.bincount(codes[each], minlength=len(values)) for each in rows])
    shares = counts / counts.sum(axis=1, keepdims=True)
    if category:
        halves: Floats = np.abs(shares[:, None] - shares[None]).sum(axis=2) / 2
        return halves
    below = np.cumsum(shares, axis=1)
    largest: Floats = np.abs(below[:, None] - below[None]).max(axis=2)
    return largest


def _on_a_line(apart: Floats) -> Floats:
    """Places on a line whose distances are near those asked for (classical scaling); the most frequent level, which is
    the first, lies in its lower half.
    """
    centre = np.eye(len(apart)) - 1 / len(apart)
    _, vectors = np.linalg.eigh(-centre @ apart**2 @ centre / 2)
    line: Floats = vectors[:, -1]
    return line if line[0] <= 0 else -line
