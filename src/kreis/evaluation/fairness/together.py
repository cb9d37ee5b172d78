"""The groups that are compared: those of a column, and those of two columns together, with enough rows each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from kreis.evaluation.slices import Groups

__all__ = ["compared", "crossed"]

_MOST_GROUPS = 20
_MOST_PAIRS = 6


def compared(
    groups: Mapping[str, Groups], columns: Sequence[str], *, least: int, pairs: bool, repeats: int = 1
) -> tuple[dict[str, Groups], list[str]]:
    """Columns, and each two of them ("sex and race"), with the groups that have enough rows; and what was left out.

    Args:
        groups: By column.
        columns: Which of them.
        least: Rows that a group needs; rows of smaller ones are in none (-1).
        pairs: Whether two columns are looked at together.
        repeats: How often each row comes: it counts once.
    """
    found, notes = {}, []
    asked = {name: groups[name] for name in columns}
    both = list(combinations(columns, 2)) if pairs else []
    asked |= {f"{one} and {two}": crossed(groups[one], groups[two]) for one, two in both[:_MOST_PAIRS]}
    if len(both) > _MOST_PAIRS:
        notes.append(f"of {len(both)} pairs of columns the first {_MOST_PAIRS} are looked at together")
    for name, column in asked.items():
        sizes = np.bincount(column.codes[column.codes >= 0], minlength=len(column.labels)) // repeats
        enough = np.flatnonzero(sizes >= least)
        kept = np.sort(enough[np.argsort(-sizes[enough], kind="stable")[:_MOST_GROUPS]])
        left = int((sizes > 0).sum()) - len(kept)
        if left:
            why = (
                f"fewer than {least} rows" if len(enough) <= _MOST_GROUPS else f"few rows ({_MOST_GROUPS} are compared)"
            )
            rows = int(sizes.sum() - sizes[kept].sum())
            told = f"{rows:,} row{'s' if rows > 1 else ''}"
            notes.append(f"{name}: {left} group{'s' if left > 1 else ''} with {why} left out ({told})")
        if len(kept) < 2:
            notes.append(f"{name}: there are no two groups to compare")
            continue
        codes = np.full(len(column.labels) + 1, -1, dtype=np.int64)
        codes[kept] = np.arange(len(kept))
        found[name] = Groups([column.labels[place] for place in kept], codes[column.codes])
    return found, notes


def crossed(one: Groups, two: Groups) -> Groups:
    """The groups of two columns together; a missing value is a group of its column."""
    codes = one.codes * len(two.labels) + two.codes
    codes = np.where((one.codes < 0) | (two.codes < 0), -1, codes)
    present, places = np.unique(codes, return_inverse=True)
    labels = [
        f"{one.labels[each // len(two.labels)]}, {two.labels[each % len(two.labels)]}" for each in present if each >= 0
    ]
    return Groups(labels, places.astype(np.int64) - int((present < 0).any()))
