"""What would have to be different in one row for another decision: the smallest changes that flip it.

Few features first, then little of each (Wachter, Mittelstadt and Russell 2018; diverse ones as in Mothilal, Sharma and
Tan 2020), searched over values that the training rows had: numbers within the bounds that were seen, whole ones where
all were, categories that the model knows. Each answer is scored by the model itself, so what is said does flip it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from kreis.arrays import Booleans, Floats
from kreis.models.scoring import Matrix

__all__ = ["Counterfactual", "FeatureChange", "Seen", "counterfactuals"]

MOST_CHANGED = 4
"""Features that are changed together."""
_BEAM = 12
"""Changes of few features from which those of more are made, at most."""
MOST_TRIED = 10_000
"""Rows that are scored in one round: it bounds what a request may cost. Of more values an even selection is tried, and
fewer changes are followed.
"""
_MOST_CELLS = 2**22
"""Rows times features."""
_FINER = 12
"""Points between a value and the nearest one that flips, in each round."""


class Seen(Protocol):
    """How a feature was distributed among the training rows."""

    @property
    def edges(self) -> Sequence[float]:
        """Inner edges of bins, ascending: values that occurred."""
        ...

    @property
    def low(self) -> float | None:
        """The least value."""
        ...

    @property
    def high(self) -> float | None:
        """The greatest value."""
        ...


class FeatureChange(msgspec.Struct, frozen=True):
    """What one feature would have to be."""

    feature: str
    value: float | str | None
    """That it is."""
    instead: float | str


class Counterfactual(msgspec.Struct, frozen=True):
    """A row that is decided otherwise."""

    changes: list[FeatureChange]
    score: float | list[float]
    decision: Any
    """As an answer shows it."""
    distance: float
    """The sum of the changes, each as a share of the range that was seen; a category counts 1."""


@dataclass(frozen=True, eq=False)
class _Feature:
    place: int
    values: Floats
    """That it may take."""
    scale: float
    """Of its range; 0 for a category."""
    whole: bool

    def distance(self, before: float, after: Floats) -> Floats:
        if not self.scale or before != before:
            return np.ones(len(after))
        found: Floats = np.abs(after - before) / self.scale
        return found


@dataclass(frozen=True, eq=False)
class _Tried:
    row: Matrix
    changed: tuple[int, ...]
    distance: float
    score: Any
    flips: bool
    progress: float


def counterfactuals(
    row: Matrix,
    score: Callable[[Matrix], npt.NDArray[Any]],
    decide: Callable[[npt.NDArray[Any]], Floats | Booleans],
    *,
    features: Sequence[str],
    seen: Mapping[str, Seen],
    categories: Mapping[str, Sequence[float]],
    fixed: Sequence[str] = (),
    count: int = 3,
) -> list[tuple[Matrix, Any, dict[str, float], float]]:
    """The smallest changes of a row that lead to another decision; none where none was found.

    Args:
        row: Its features, float32 of shape (f,).
        score: Of rows.
        decide: From scores to decisions.
        features: Their names.
        seen: What they were among the training rows; one that is not named stays as it is.
        categories: Of each that is a category the numbers that it may take.
        fixed: Features that stay as they are.
        count: At most so many, of different features as far as there are some.

    Returns:
        For each: the changed row, its score, the values of the features that changed, and the distance.
    """
    free = [
        each
        for place, name in enumerate(features)
        if name not in fixed and (each := _feature(place, name, float(row[place]), seen, categories)) is not None
    ]
    free, width = _within(free, min(MOST_TRIED, _MOST_CELLS // len(row)))
    at_first = score(row[None, :])
    place = _place(at_first)
    before = decide(at_first)[0]
    up = at_first.ndim == 1 and not bool(before)

    def tried(rows: Matrix, changed: list[tuple[int, ...]], distances: list[float]) -> list[_Tried]:
        scores = score(rows)
        flips = decide(scores) != before
        of = scores if scores.ndim == 1 else scores[:, place]
        progress = of if up else -of
        parts = zip(rows, changed, distances, scores, flips.tolist(), progress.tolist(), strict=True)
        return [_Tried(*each) for each in parts]

    start = _Tried(row, (), 0.0, at_first[0], False, 0.0)
    beam, found = [start], list[_Tried]()
    for _ in range(min(MOST_CHANGED, len(free))):
        enough = {each.changed for each in found}  # one that holds more than these changes too much
        step = _further(beam, free, row, tried, enough)
        found += [each for each in step if each.flips]
        if len({each.changed for each in found}) >= count:
            break
        left = [each for each in step if not each.flips]
        beam = sorted(left, key=lambda each: (-each.progress, each.distance))[:width]
    chosen = _diverse(found, count * 2)  # how near each can be brought is not known yet
    nearer = [_nearer(each, row, free, tried) for each in chosen]
    return [
        (each.row, each.score, {features[p]: float(each.row[p]) for p in each.changed}, each.distance)
        for each in sorted(nearer, key=lambda each: (len(each.changed), each.distance, each.changed))[:count]
    ]


_Try = Callable[[Matrix, list[tuple[int, ...]], list[float]], list[_Tried]]


def _feature(
    place: int,
    name: str,
    now: float,
    seen: Mapping[str, Seen],
    categories: Mapping[str, Sequence[float]],
) -> _Feature | None:
    """What it may be instead; None where that is nothing."""
    if name in categories:
        values = np.array([each for each in categories[name] if each != now], dtype=np.float64)
        return _Feature(place, values, 0.0, True) if len(values) else None
    if name not in seen:
        return None
    histogram = seen[name]
    ends = [each for each in (histogram.low, histogram.high) if each is not None]
    values = np.unique(np.array([*histogram.edges, *ends], dtype=np.float64))
    values = values[np.isfinite(values)]
    if len(values) < 2:
        return None
    whole = bool((values == np.floor(values)).all())
    return _Feature(place, values[values != now], float(values[-1] - values[0]), whole)


def _within(free: list[_Feature], most: int) -> tuple[list[_Feature], int]:
    """Features with so many values, and so many changes to go on from, that a step tries `most` rows at most."""
    kept = free[: max(1, most)]
    each = max(1, most // max(1, len(kept)))
    if sum(len(one.values) for one in kept) > most:
        kept = [replace(one, values=_even(one.values, each)) for one in kept]
    values = sum(len(one.values) for one in kept)
    return kept, max(1, min(_BEAM, most // max(1, values)))


def _even(values: Floats, most: int) -> Floats:
    """At most so many of them, both ends among them."""
    return values[np.unique(np.linspace(0, len(values) - 1, min(most, len(values))).astype(np.intp))]


def _place(scores: npt.NDArray[Any]) -> int:
    return 0 if scores.ndim == 1 else int(scores[0].argmax())


def _further(
    beam: Sequence[_Tried], free: Sequence[_Feature], row: Matrix, tried: _Try, enough: set[tuple[int, ...]]
) -> list[_Tried]:
    """Each with one more feature changed, in every way; no set of features twice with the same values, and none that
    holds a set which is enough.
    """
    rows, changed, distances, known = [], [], [], set()
    for each in beam:
        for feature in free:
            together = tuple(sorted((*each.changed, feature.place)))
            if feature.place in each.changed or any(set(less) <= set(together) for less in enough):
                continue
            steps = feature.distance(float(row[feature.place]), feature.values)
            for value, step in zip(feature.values, steps.tolist(), strict=True):
                other = each.row.copy()
                other[feature.place] = value
                if (same := other.tobytes()) not in known:
                    known.add(same)
                    rows.append(other)
                    changed.append(together)
                    distances.append(each.distance + step)
    return tried(np.stack(rows), changed, distances) if rows else []


def _diverse(found: Sequence[_Tried], count: int) -> list[_Tried]:
    """The nearest of each set of features, the nearest set first."""
    best: dict[tuple[int, ...], _Tried] = {}
    for each in sorted(found, key=lambda one: (one.distance, one.changed, one.row.tobytes())):
        best.setdefault(each.changed, each)
    return list(best.values())[:count]


def _nearer(found: _Tried, row: Matrix, free: Sequence[_Feature], tried: _Try) -> _Tried:
    """With its numbers as near to what they were as they may be and still flip it."""
    by_place = {each.place: each for each in free}
    for place in found.changed:
        feature, now = by_place[place], float(row[place])
        if not feature.scale or now != now:
            continue
        inside = now
        for _ in range(3):
            between = np.linspace(inside, float(found.row[place]), _FINER + 2)[1:-1]
            between = np.unique(np.rint(between) if feature.whole else _rounded(between))
            between = between[(between != now) & (between != found.row[place])]
            if not len(between):
                break
            rows = np.repeat(found.row[None, :], len(between), axis=0)
            rows[:, place] = between
            less = feature.distance(now, between) - float(feature.distance(now, found.row[[place]].astype(float))[0])
            steps = tried(rows, [found.changed] * len(rows), (found.distance + less).tolist())
            flips = [each for each in steps if each.flips]
            stays = [float(each.row[place]) for each in steps if not each.flips]
            if flips:
                found = min(flips, key=lambda each: each.distance)
            stays = [each for each in stays if abs(each - now) < abs(float(found.row[place]) - now)]
            inside = max(stays, key=lambda each: abs(each - now), default=inside)
    return found


def _rounded(values: Floats) -> Floats:
    """To four digits: a person has to read them."""
    return np.array([float(f"{each:.4g}") for each in values])
