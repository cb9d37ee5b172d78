"""Columns that make up the outcome: a copy of it, or a sum or difference of others that equals it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations, product

import msgspec
import numpy as np
import numpy.typing as npt

from kreis.arrays import Floats

__all__ = ["Relation", "holds", "relations_of", "unusual"]

_ROWS = 4_000
_LEAST_ROWS = 30
_HOLDS = 0.99
"""Share of rows in which a relation holds before it is one."""
_FIRST = 64
"""Rows that show that most relations are none."""
_MOST_COLUMNS = 30
"""Sums of three are tried among so many columns, those that go most with the outcome."""
_FEW = 5
_COUNTS = 0.01
"""A part that is zero in nearly all rows makes no sum."""


class Relation(msgspec.Struct, frozen=True):
    """What equals the outcome."""

    columns: tuple[str, ...]
    formula: str
    """As people write it: "casual + registered"."""
    holds: float
    """In which share of the rows."""


def relations_of(columns: Mapping[str, Floats], outcome: Floats, *, seed: int = 7) -> list[Relation]:
    """Copies, sums and differences of one to three numeric columns that equal a numeric outcome.

    Args:
        columns: Numbers by column, NaN where missing.
        outcome: The same for what is to be predicted.
        seed: Of the rows that are looked at.

    Returns:
        The shortest ones: no column is named twice.
    """
    known = np.flatnonzero(np.isfinite(outcome))
    if len(known) < _LEAST_ROWS:
        return []
    rows = np.random.default_rng(seed).permutation(known)[:_ROWS]
    happened = outcome[rows]
    if np.ptp(happened) == 0:
        return []
    sampled = {name: values[rows] for name, values in columns.items()}
    usable = {name: values for name, values in sampled.items() if np.mean(np.nan_to_num(values) != 0) > _COUNTS}
    strongest = sorted(usable, key=lambda name: -_goes_with(usable[name], happened))[:_MOST_COLUMNS]
    found: list[Relation] = []
    for count in (1, 2, 3):
        taken = {name for each in found for name in each.columns}
        free = [name for name in strongest if name not in taken]
        found += _of(count, {name: usable[name] for name in free}, happened)
    return found


def unusual(values: Floats) -> npt.NDArray[np.bool_]:
    """Which values are another than the most frequent one, shape (n,); missing ones are not."""
    known, counts = np.unique(values[~np.isnan(values)], return_counts=True)
    found: npt.NDArray[np.bool_] = ~np.isnan(values) & (values != (known[counts.argmax()] if len(known) else 0.0))
    return found


def holds(close: npt.NDArray[np.bool_], telling: npt.NDArray[np.bool_]) -> bool:
    """Whether something holds in nearly all rows, and in nearly all that tell something too: where yes is rare, most
    columns of zeros equal the outcome in nearly all rows.

    Args:
        close: Where it holds, shape (n,).
        telling: Which rows tell something: `unusual` ones, shape (n,).
    """
    enough = bool(close.mean() >= _HOLDS) and int(telling.sum()) >= _FEW
    return enough and bool(close[telling].mean() >= _HOLDS)


def _of(count: int, columns: Mapping[str, Floats], outcome: Floats) -> Iterator[Relation]:
    taken: set[str] = set()
    telling = unusual(outcome)
    first = {name: values[:_FIRST] for name, values in columns.items()}
    for names in combinations(columns, count):
        if taken.intersection(names):
            continue
        for signs in _signs(count):
            begun = sum(sign * first[name] for name, sign in zip(names, signs, strict=True)) - outcome[:_FIRST]
            if (np.abs(begun) > 1e-6 * (1 + np.abs(outcome[:_FIRST]))).sum() > _FIRST / 4:
                continue
            total = np.sum([sign * columns[name] for name, sign in zip(names, signs, strict=True)], axis=0)
            given = np.isfinite(total)
            if given.sum() < max(_LEAST_ROWS, 0.5 * len(total)):
                break
            close = np.abs(total[given] - outcome[given]) <= 1e-6 * (1 + np.abs(outcome[given]))
            if holds(close, telling[given]):
                taken.update(names)
                yield Relation(names, _written(names, signs), float(close.mean()))
                break


def _signs(count: int) -> list[tuple[int, ...]]:
    """Plus and minus for each part, all plus first; not all of them minus."""
    return [signs for signs in product((1, -1), repeat=count) if 1 in signs]


def _written(names: tuple[str, ...], signs: tuple[int, ...]) -> str:
    ordered = sorted(zip(names, signs, strict=True), key=lambda each: -each[1])
    first, *rest = ordered
    return first[0] + "".join(f" {'+' if sign > 0 else '-'} {name}" for name, sign in rest)


def _goes_with(values: Floats, outcome: Floats) -> float:
    given = np.isfinite(values)
    if given.sum() < _LEAST_ROWS or np.ptp(values[given]) == 0 or np.ptp(outcome[given]) == 0:
        return 0.0
    return float(abs(np.corrcoef(values[given], outcome[given])[0, 1]))
