"""Exact Shapley values of a sum of trees, in float64, by NumPy.

What a set of features is worth to a tree is what the tree says on average where only they are known: at a node that
asks for another feature, both children count by their share of the training rows (path-dependent TreeSHAP, Lundberg et
al. 2020, "From local explanations to global understanding with explainable AI for trees", algorithm 2).

A leaf's part in this game is a product over the features on its path: 1 or 0 for a known one (does the row go there?),
the share `z` of the rows for an unknown one. The Shapley value of such a product is an integral of a polynomial (Owen
1972, "Multilinear extensions of games"), which Gauss's quadrature gives exactly. As in Linear TreeShap (Yu et al. 2022)
all leaves below an edge are summed before that, so that one row costs a few operations for each edge of the trees.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kreis.arrays import Floats
from kreis.errors import RefusalError
from kreis.models.explanations.trees import DEEPEST, Trees
from kreis.models.scoring import Matrix

__all__ = ["TreeShap"]

AT_ONCE = 2**18
"""Numbers in each array of a batch: 2 MiB, which a cache holds."""
BLOCK = 2**18
"""Of larger sums so many numbers are computed together, 2 MiB: beyond, arrays leave the cache."""
_LEAST = np.finfo(np.float32).min
MOST_SIZE = 2**25
"""Of the largest sum so many numbers are computed for one row: it takes seconds."""
MOST_ON_PATH = 512
"""Columns that one path asks for."""
MOST_STEPS = 2**26
"""Of all edges, steps up to the ones above them."""
_WHERE = "trees of an explanation"
_TINY = 1e-30
"""A share of no rows at all, so that it can be divided by."""

Places = npt.NDArray[np.intp]


class TreeShap:
    """The contributions of columns to what trees say. Prepared once; safe to share between threads."""

    def __init__(self, trees: Trees, *, columns: int, outputs: int) -> None:
        """Prepare.

        Args:
            trees: The trees, checked.
            columns: How many columns a row has.
            outputs: How many numbers it is given.

        Raises:
            RefusalError: they are too deep, or too many.
        """
        self.columns, self.outputs = columns, outputs
        whole = _Block(trees, columns, outputs)
        self._blocks = [whole]
        if whole.size > BLOCK:
            parts = whole.parted(trees)
            self._blocks = [_Block(trees.some(part), columns, outputs) for part in parts]
        if sum(each.size for each in self._blocks) > MOST_SIZE:
            raise RefusalError("they are so many, or so deep, that one answer would take seconds", where=_WHERE)
        for each in self._blocks:
            each.prepare()
        self.base: Floats = sum((each.base for each in self._blocks), np.zeros(outputs))
        """What is said where nothing is known, shape (k,)."""

    def contributions(self, matrix: Matrix) -> Floats:
        """What each column adds to each number, shape (n, k, w); with `base` they add up to it.

        Args:
            matrix: float32 of shape (n, w), NaN where missing.
        """
        found = np.zeros((len(matrix), self.outputs, self.columns))
        for block in self._blocks:
            block.add(matrix, found)
        return found


class _Block:
    """Trees that are computed together."""

    def __init__(self, trees: Trees, columns: int, outputs: int) -> None:
        self.columns, self.outputs = columns, outputs
        nodes, self._levels, self._above = _by_level(trees)
        """The edges of each level, all to the left and then their siblings to the right; and those above them."""
        self._count = len(nodes)
        parents, tree = _parents(trees)
        edge_of = np.full(len(trees), -1, dtype=np.intp)
        edge_of[nodes] = np.arange(len(nodes))
        asked = parents[nodes]
        """The node that each edge leaves."""
        self._column = trees.column[asked].astype(np.intp)
        before = _before(self._column, edge_of[asked])
        self._again = np.flatnonzero(before >= 0)
        """Edges that ask for a column which an edge above has asked for: `_earlier`."""
        self._earlier = before[self._again]
        self._bounds(trees, nodes, asked, before)
        share = np.maximum(trees.cover[nodes] / np.maximum(trees.cover[asked], _TINY), _TINY)
        self._share = _along(before, share, self._levels, np.multiply)
        self._tree = tree[nodes]
        self._distinct = _along(edge_of[asked], (before < 0).astype(np.int64), self._levels, np.add)
        most = int(self._distinct.max(initial=1))
        if most > MOST_ON_PATH:
            raise RefusalError(f"a path asks for more than {MOST_ON_PATH} columns", where=_WHERE)
        self._order = max(1, (most + 1) // 2)
        self._values = np.where(trees.leaf[nodes], trees.value[nodes], 1.0)
        """What a leaf adds; 1 for other edges."""
        self._cell = trees.outputs[tree[nodes]].astype(np.intp) * columns + self._column
        self.base = self._averages(trees, nodes, tree, edge_of[asked], share)

    @property
    def size(self) -> int:
        """Numbers in each array that one row takes."""
        return self._count * self._order

    def prepare(self) -> None:
        """Lay out what rows are computed with."""
        at, weight = np.polynomial.legendre.leggauss(self._order)
        self._known, self._weight = (at + 1) / 2, weight / 2
        self._unknown = np.outer(1 - self._known, self._share)
        """Shape (order, edges)."""

    def parted(self, trees: Trees) -> list[Places]:
        """The trees in parts that a cache holds; those that take quadratures of few nodes together."""
        most = np.zeros(len(trees.roots), dtype=np.int64)
        np.maximum.at(most, self._tree, self._distinct)
        edges = np.bincount(self._tree, minlength=len(most))
        order = np.argsort(most, kind="stable")
        reached = np.cumsum((edges * np.maximum(1, (most + 1) // 2))[order])
        return np.split(order, np.flatnonzero(np.diff(reached // BLOCK)) + 1)

    def _bounds(self, trees: Trees, nodes: Places, asked: Places, before: Places) -> None:
        """Where a row goes along all edges of a column down to this one: its value is above `low` and at most `high`;
        or by its category.
        """
        left = nodes == asked + 1
        threshold = trees.threshold[asked]
        numeric = trees.category[asked] < 0
        high = np.where(left & numeric, threshold, np.float32(np.inf))
        low = np.where(left | ~numeric, np.float32(-np.inf), threshold)
        self._high = _along(before, high, self._levels, np.minimum)
        self._low = _along(before, low, self._levels, np.maximum)
        self._missing = _along(before, trees.missing_left[asked] == left, self._levels, np.logical_and)
        self._categorical = asking = np.flatnonzero(~numeric)
        widest = max((int(each.max(initial=0)) for each in trees.sets), default=0) + 2
        goes = np.zeros((len(trees.sets), widest), dtype=np.bool_)
        for place, codes in enumerate(trees.sets):
            goes[place, codes] = True
        taken = goes[trees.category[asked[asking]]] == left[asking, None]
        earlier = np.where(before[asking] < 0, -1, np.searchsorted(asking, before[asking]))
        bounds = [np.searchsorted(asking, [each.start, each.stop]).tolist() for each in self._levels]
        self._taken = _along(earlier, taken, [slice(*each) for each in bounds], np.logical_and)

    def _averages(self, trees: Trees, nodes: Places, tree: Places, above: Places, share: Floats) -> Floats:
        reached = _along(above, share, self._levels, np.multiply)
        leaves = trees.value[nodes] * reached
        base = np.bincount(self._cell // self.columns, weights=leaves, minlength=self.outputs).astype(np.float64)
        alone = trees.roots[trees.leaf[trees.roots]]
        np.add.at(base, trees.outputs[tree[alone]], trees.value[alone])
        return base

    def add(self, matrix: Matrix, found: Floats) -> None:
        """Add the contributions of rows, shape (n, w), to `found`, shape (n, k, w); a few rows at once."""
        step = max(1, AT_ONCE // max(self.size, 1))
        for start in range(0, len(matrix) if self._count else 0, step):
            part = self._some(matrix[start : start + step])
            found[start : start + step] += part.T.reshape(-1, self.outputs, self.columns)

    def _some(self, matrix: Matrix) -> Floats:
        """Shape (k * w, n). Inside, numbers by node of the quadrature, edge and row are of shape (order, edges, n)."""
        rows = len(matrix)
        goes = self._goes(matrix)
        factors = self._known[:, None, None] * goes
        factors += self._unknown[:, :, None]
        """Of each edge's column, for a leaf below."""
        by = 1.0 / factors
        if len(self._again):
            earlier = by.take(self._earlier, axis=1)
            factors[:, self._again] *= earlier
        below = self._summed(factors)
        below *= self._weight[:, None, None]
        gains = goes - self._share[:, None]
        added = np.einsum("qen,qen->en", below, by)
        added *= gains
        if len(self._again):
            twice = np.einsum("qen,qen->en", below.take(self._again, axis=1), earlier)
            added[self._again] -= twice * gains[self._earlier]
        cells = self._cell if rows == 1 else (self._cell[:, None] * rows + np.arange(rows)).ravel()
        found = np.bincount(cells, weights=added.ravel(), minlength=self.outputs * self.columns * rows)
        return found.astype(np.float64, copy=False).reshape(-1, rows)

    def _summed(self, factors: Floats) -> Floats:
        """Products of the factors down to each leaf, times its value, summed over all leaves below each edge."""
        for level, edges in zip(self._levels[1:], self._above[1:], strict=True):
            both, above, half = factors[:, level], factors.take(edges, axis=1), len(edges)
            both[:, :half] *= above
            both[:, half:] *= above
        factors *= self._values[:, None]
        for level, edges in zip(self._levels[:0:-1], self._above[:0:-1], strict=True):
            both, half = factors[:, level], len(edges)
            factors[:, edges] = both[:, :half] + both[:, half:]
        return factors

    def _goes(self, matrix: Matrix) -> npt.NDArray[np.bool_]:
        """Whether each row goes along all edges of the edge's column down to it, shape (edges, n)."""
        given = np.maximum(matrix, _LEAST).T[self._column]
        goes = (given > self._low[:, None]) & (given <= self._high[:, None])
        if len(self._categorical):
            asked = given[self._categorical]
            last = self._taken.shape[1] - 1
            codes = np.clip(np.where(np.isnan(asked) | (asked < 0), last, asked), 0, last).astype(np.intp)
            goes[self._categorical] = np.take_along_axis(self._taken, codes, axis=1)
        missing = np.isnan(given)
        if missing.any():
            goes = np.where(missing, self._missing[:, None], goes)
        return goes


def _by_level(trees: Trees) -> tuple[Places, list[slice], list[Places]]:
    """All nodes but the roots, level by level (an edge is named by the node that it leads to); and of each level the
    edges above it.
    """
    parents = trees.roots[~trees.leaf[trees.roots]].astype(np.intp)
    above = np.empty(0, dtype=np.intp)
    nodes, begin = [np.empty(0, dtype=np.intp)], 0
    levels: list[slice] = []
    edges: list[Places] = []
    while len(parents):
        if len(levels) == DEEPEST:
            raise RefusalError(f"trees are deeper than {DEEPEST:,}", where=_WHERE)
        found = np.concatenate([parents + 1, trees.right[parents]])
        inner = np.flatnonzero(~trees.leaf[found])
        levels.append(slice(begin, begin + len(found)))
        edges.append(above)
        nodes.append(found)
        parents, above, begin = found[inner], begin + inner, begin + len(found)
    return np.concatenate(nodes), levels, edges


def _parents(trees: Trees) -> tuple[Places, Places]:
    """Of each node its parent, and its tree."""
    parents = np.full(len(trees), -1, dtype=np.intp)
    inner = np.flatnonzero(~trees.leaf)
    parents[inner + 1] = parents[trees.right[inner]] = inner
    tree = np.zeros(len(trees), dtype=np.intp)
    order = np.argsort(trees.roots)
    starts = trees.roots[order]
    tree = order[np.searchsorted(starts, np.arange(len(trees)), side="right") - 1]
    return parents, tree


def _before(column: Places, above: Places) -> Places:
    """For each edge the nearest one above that asks for the same column; -1 where there is none."""
    at = above.copy()
    left = np.flatnonzero(at >= 0)
    steps = 0
    while len(left := left[(at[left] >= 0) & (column[at[left]] != column[left])]):
        at[left] = above[at[left]]
        steps += len(left)
        if steps > MOST_STEPS:
            raise RefusalError("they are so deep that nobody would wait for an answer", where=_WHERE)
    return at


def _along(before: Places, values: npt.NDArray[Any], levels: list[slice], combine: Any) -> npt.NDArray[Any]:
    """Values put together with those of the edge before, from the first level to the last."""
    found = values.copy()
    for level in levels:
        edges = np.arange(level.start, level.stop)
        chosen = edges[before[edges] >= 0]
        found[chosen] = combine(found[chosen], found[before[chosen]])
    return found
