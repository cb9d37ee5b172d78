"""A sum of decision trees as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from kreis.arrays import Floats
from kreis.errors import RefusalError
from kreis.models.explanations.arrays_file import narrow

__all__ = ["Trees"]

MOST_NODES = 1_000_000
"""Of larger sums nothing is kept: one answer would take a tenth of a second."""
DEEPEST = 4_096
MOST_CELLS = 2**26
"""Of nodes that ask for categories, times the categories: so much is held to look them up."""
_WIDEST = 2**24
"""No code of a category is as large: beyond, float32 does not tell one from the next."""
_LARGEST = 1e30
"""No cover is larger, so that shares stay finite."""
_WHERE = "trees of an explanation"


@dataclass(frozen=True, eq=False, kw_only=True)
class Trees:
    """m nodes of some trees, each tree in preorder: the left child stands behind its parent.

    A row goes left where its value is at most the threshold (both float32), or is one of the node's categories.
    """

    right: npt.NDArray[np.int32]
    """The right child, shape (m,); 0 for a leaf."""
    column: npt.NDArray[np.int32]
    """What is asked, shape (m,); -1 for a leaf."""
    threshold: npt.NDArray[np.float32]
    """Shape (m,)."""
    missing_left: npt.NDArray[np.bool_]
    """Whether a missing value goes left, shape (m,)."""
    cover: Floats
    """How much of the training rows came by, shape (m,)."""
    value: Floats
    """What a leaf adds, shape (m,); 0 where there is none."""
    roots: npt.NDArray[np.int32]
    """The first node of each of the t trees."""
    outputs: npt.NDArray[np.int32]
    """Which number each tree adds to, shape (t,)."""
    category: npt.NDArray[np.int32]
    """Of the nodes that ask for categories which of the sets is theirs, else -1; shape (m,)."""
    sets: tuple[npt.NDArray[np.int32], ...] = ()
    """Codes of categories that go left."""

    @classmethod
    def of(
        cls,
        *,
        left: npt.ArrayLike,
        right: npt.ArrayLike,
        column: npt.ArrayLike,
        threshold: npt.ArrayLike,
        missing_left: npt.ArrayLike,
        cover: npt.ArrayLike,
        value: npt.ArrayLike,
        roots: npt.ArrayLike,
        outputs: npt.ArrayLike,
        category: npt.ArrayLike | None = None,
        sets: Sequence[npt.NDArray[np.int32]] = (),
    ) -> Trees:
        """From nodes in any order: children are named by their places, which leaves lack."""
        lefts, rights, starts = (np.asarray(each, dtype=np.intp) for each in (left, right, roots))
        leaf = np.asarray(column) < 0
        at = _preorder(lefts, rights, leaf, starts)
        order = np.argsort(at)
        sorted_leaf = leaf[order]

        def sort(values: npt.ArrayLike, kind: npt.DTypeLike, none: float) -> npt.NDArray[Any]:
            found = np.asarray(values)[order].astype(kind)
            found[sorted_leaf] = none
            return found

        amounts = np.asarray(value, dtype=np.float64)[order]
        return cls(
            right=sort(at[np.where(leaf, 0, rights)], np.int32, 0),
            column=sort(column, np.int32, -1),
            threshold=sort(threshold, np.float32, 0),
            missing_left=sort(missing_left, np.bool_, False),
            cover=np.asarray(cover, dtype=np.float64)[order],
            value=np.where(sorted_leaf, amounts, 0.0),
            roots=at[starts].astype(np.int32),
            outputs=np.asarray(outputs, dtype=np.int32),
            category=sort(np.full(len(leaf), -1) if category is None else category, np.int32, -1),
            sets=tuple(sets),
        )

    def __len__(self) -> int:
        return len(self.right)

    def some(self, chosen: npt.NDArray[np.intp]) -> Trees:
        """Some of the trees, in the order of their numbers."""
        order = np.argsort(self.roots)
        ends = np.empty(len(order), dtype=np.intp)
        ends[order] = np.append(self.roots[order][1:], len(self))
        begins, ends = self.roots[chosen].astype(np.intp), ends[chosen]
        sizes = ends - begins
        starts = np.cumsum(sizes) - sizes
        moved = np.repeat(starts - begins, sizes)
        nodes = np.arange(int(sizes.sum())) - moved
        return replace(
            self,
            right=np.where(self.leaf[nodes], 0, self.right[nodes] + moved).astype(np.int32),
            **{name: getattr(self, name)[nodes] for name in _BY_NODE},
            roots=starts.astype(np.int32),
            outputs=self.outputs[chosen],
        )

    @property
    def leaf(self) -> npt.NDArray[np.bool_]:
        """Which nodes are leaves, shape (m,)."""
        return self.column < 0

    @property
    def cells(self) -> int:
        """Nodes that ask for categories, or sets of them, times the categories."""
        if not self.sets:
            return 0
        widest = int(np.concatenate(self.sets).max(initial=0))
        return max(int((self.category >= 0).sum()), len(self.sets)) * (widest + 2)

    def times(self, factor: float) -> Trees:
        """All of it so many times."""
        return replace(self, value=self.value * factor)

    def at_output(self, place: int, outputs: int) -> Trees:
        """Of one sum, as one of several."""
        return replace(self, outputs=np.full_like(self.outputs, place))

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """As they are kept: as narrow as they may be."""
        held: dict[str, npt.NDArray[Any]] = {
            "right": self.right,
            "column": self.column.astype(np.int16) if self.column.max(initial=0) < 2**15 else self.column,
            "threshold": self.threshold,
            "missing_left": self.missing_left.astype(np.uint8),
            "cover": narrow(self.cover),
            "value": self.value[self.leaf],
            "roots": self.roots,
            "outputs": self.outputs.astype(np.int16),
        }
        if self.sets:
            held["category"] = self.category
            held["set_sizes"] = np.array([len(each) for each in self.sets], dtype=np.int32)
            held["set_codes"] = np.concatenate(self.sets).astype(np.int32)
        return held

    @classmethod
    def from_arrays(cls, held: Mapping[str, npt.NDArray[Any]], *, columns: int, outputs: int) -> Trees:
        """The inverse of `arrays`.

        Args:
            held: The arrays.
            columns: How many columns may be asked.
            outputs: How many numbers there are.

        Raises:
            RefusalError: they are no trees.
        """
        try:
            for name, each in held.items():
                if each.ndim != 1 or (name in _WHOLE and each.dtype.kind == "f"):
                    raise ValueError(f"{name} is no row of numbers, or not of whole ones")
            column = held["column"].astype(np.int32)
            value = np.zeros(len(column))
            value[column < 0] = held["value"]
            sizes = held.get("set_sizes", np.empty(0, dtype=np.int32)).astype(np.int64)
            codes = held.get("set_codes", np.empty(0, dtype=np.int32)).astype(np.int32)
            if min(sizes.min(initial=0), codes.min(initial=0)) < 0 or sizes.sum() != len(codes):
                raise ValueError("sets of categories that are not there")
            if len(sizes) > len(column):
                raise ValueError(f"{len(sizes):,} sets of categories of {len(column):,} nodes")
            ends = np.cumsum(sizes).tolist()
            trees = cls(
                right=held["right"].astype(np.int32),
                column=column,
                threshold=held["threshold"].astype(np.float32),
                missing_left=held["missing_left"].astype(np.bool_),
                cover=held["cover"].astype(np.float64),
                value=value,
                roots=held["roots"].astype(np.int32),
                outputs=held["outputs"].astype(np.int32),
                category=held.get("category", np.full(len(column), -1)).astype(np.int32),
                sets=tuple(codes[begin:end] for begin, end in pairwise([0, *ends])),
            )
            trees.check(columns=columns, outputs=outputs)
        except (KeyError, ValueError, IndexError) as error:
            raise RefusalError(f"they are no trees: {error}", where=_WHERE) from error
        return trees

    def check(self, *, columns: int, outputs: int) -> None:
        """See that each node but the roots has one parent before it, and that all numbers are in bounds.

        Raises:
            ValueError: it is not so.
        """
        count, inner = len(self), np.flatnonzero(~self.leaf)
        shapes = {len(each) for each in (self.column, self.threshold, self.missing_left, self.cover, self.category)}
        if shapes != {count} or not 0 < count <= MOST_NODES:
            raise ValueError(f"arrays of {sorted(shapes)} nodes; from 1 to {MOST_NODES:,} are taken")
        if len(self.roots) != len(self.outputs) or ((self.outputs < 0) | (self.outputs >= outputs)).any():
            raise ValueError(f"outputs of other trees, or not from 0 to {outputs - 1}")
        if self.column.max() >= columns or self.category.max() >= len(self.sets):
            raise ValueError("a node asks for what is not there")
        if self.cells > MOST_CELLS or (self.sets and int(np.concatenate(self.sets).max(initial=0)) >= _WIDEST):
            raise ValueError("too many categories")
        if (self.right[inner] <= inner + 1).any():
            raise ValueError("a child stands before its parent")
        children = np.concatenate([self.roots, inner + 1, self.right[inner]])
        if len(children) != count or not (np.sort(children) == np.arange(count)).all():
            raise ValueError("a node has no parent, or two")
        if not np.isfinite(self.value).all() or not ((self.cover >= 0) & (self.cover <= _LARGEST)).all():
            raise ValueError("a leaf's value, or a cover, is no number")
        if np.isnan(self.threshold).any():
            raise ValueError("a threshold is no number")


_WHOLE = frozenset(("right", "column", "missing_left", "roots", "outputs", "category", "set_sizes", "set_codes"))
"""Arrays of whole numbers."""
_BY_NODE = ("column", "threshold", "missing_left", "cover", "value", "category")


def _preorder(
    left: npt.NDArray[np.intp], right: npt.NDArray[np.intp], leaf: npt.NDArray[np.bool_], roots: npt.NDArray[np.intp]
) -> npt.NDArray[np.intp]:
    """The place of each node, shape (m,)."""
    levels = [roots]
    while len(inner := levels[-1][~leaf[levels[-1]]]):
        levels.append(np.concatenate([left[inner], right[inner]]))
    sizes = np.ones(len(leaf), dtype=np.intp)
    for level in reversed(levels):
        inner = level[~leaf[level]]
        sizes[inner] += sizes[left[inner]] + sizes[right[inner]]
    at = np.zeros(len(leaf), dtype=np.intp)
    at[roots] = np.cumsum(sizes[roots]) - sizes[roots]
    for level in levels:
        inner = level[~leaf[level]]
        at[left[inner]] = at[inner] + 1
        at[right[inner]] = at[inner] + 1 + sizes[left[inner]]
    return at
