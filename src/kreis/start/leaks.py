"""Columns that probably give the answer away: likely, never certain, each with its number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
import polars as pl

from kreis.arrays import Floats
from kreis.preparation.leaks import STRONG, strengths
from kreis.start.columns import Column
from kreis.start.questions.question import Question
from kreis.training.leaks.relations import relations_of

__all__ = ["Leak", "later_moments", "likely_leaks", "strengths_of"]

_WORTH_A_LOOK: Final = 0.75
_FAR_ABOVE: Final = 0.05
"""A column that tells the outcome at least so much better than the next one is worth a question. The duration of a
bank's calls has 0.82 and the next column 0.75; the strongest two of a census lie 0.01 apart."""
_TELLING_GAPS: Final = 0.8
_AFTER: Final = 0.95
_ROWS: Final = 50_000


class Leak(msgspec.Struct, frozen=True):
    """A column that a model should perhaps not see."""

    column: str
    reason: str
    strength: float | None = None
    """How well it alone tells the outcome, from 0.5 to 1."""


def strengths_of(frame: pl.DataFrame, columns: Sequence[Column], question: Question) -> dict[str, float]:
    """How well each column that may be a feature tells the outcome alone; long texts are not asked.

    Args:
        frame: The table.
        columns: What it holds.
        question: What is to be predicted.
    """
    asked = [each for each in columns if each.name != question.column and each.kind != "text" and not each.unfit]
    outcomes = question.outcomes(frame[question.column])
    rows = _some(len(frame))
    sampled = frame[rows] if rows is not None else frame
    numbers = {each.name: as_numbers(sampled[each.name], each) for each in asked}
    categories = [each.name for each in asked if each.kind in ("category", "boolean")]
    found: dict[str, float] = {}
    for outcome in outcomes:
        taken = outcome if rows is None else outcome[rows]
        for name, strength in strengths(numbers, taken, question.judge, categories=categories).items():
            found[name] = max(found.get(name, 0.5), strength)
    return found


def likely_leaks(
    frame: pl.DataFrame, columns: Sequence[Column], question: Question, strength: Mapping[str, float]
) -> list[Leak]:
    """Columns that probably hold the answer, or come after it.

    Args:
        frame: The table.
        columns: What it holds.
        question: What is to be predicted.
        strength: As `strengths_of` gives it.
    """
    found: dict[str, Leak] = {}
    if question.numeric:
        usable = {each.name: each for each in columns if each.kind in ("integer", "number") and not each.unfit}
        usable.pop(question.column, None)
        numbers = {name: as_numbers(frame[name], each) for name, each in usable.items()}
        for relation in relations_of(numbers, question.outcomes(frame[question.column])[0]):
            said = f"{relation.formula} = {question.column} in {relation.holds:.1%} of the rows"
            found |= {name: Leak(name, said, strength.get(name)) for name in relation.columns}
    for name, value in strength.items():
        if name not in found and value >= STRONG:
            found[name] = Leak(name, f"it alone tells {question.column} ({question.strength_is} {value:.3f})", value)
    for name, value in _gaps(frame, columns, question).items():
        if name not in found and value >= _TELLING_GAPS:
            said = f"whether it has a value at all tells {question.column} ({question.strength_is} {value:.2f})"
            found[name] = Leak(name, f"{said}: is it filled in afterwards?", value)
    honest = sorted((value, name) for name, value in strength.items() if name not in found)
    if len(honest) > 1 and not question.numeric:
        (second, _), (first, name) = honest[-2:]
        if first >= _WORTH_A_LOOK and first - second >= _FAR_ABOVE:
            compared = f"{question.strength_is} {first:.2f}, the next {second:.2f}"
            said = f"it alone tells {question.column} far better than any other column ({compared})"
            found[name] = Leak(name, f"{said}: is it known at the moment of the decision?", first)
    return list(found.values())


def _gaps(frame: pl.DataFrame, columns: Sequence[Column], question: Question) -> dict[str, float]:
    """How well it tells the outcome whether a column has a value."""
    gappy = [each.name for each in columns if each.missing and each.distinct and each.name != question.column]
    missing = {name: frame[name].is_null().cast(pl.Float64).to_numpy() for name in gappy}
    found: dict[str, float] = {}
    for outcome in question.outcomes(frame[question.column]):
        for name, value in strengths(missing, outcome, question.judge).items():
            found[name] = max(found.get(name, 0.5), value)
    return found


def later_moments(frame: pl.DataFrame, columns: Sequence[Column], time: str) -> list[Leak]:
    """Moments that lie after a row's own: they are not known at it."""
    found = []
    own = frame[time].cast(pl.Datetime("us"))
    for each in columns:
        if each.name == time or each.kind not in ("date", "moment"):
            continue
        after = (frame[each.name].cast(pl.Datetime("us")) > own).mean()
        if isinstance(after, float) and after >= _AFTER:
            found.append(Leak(each.name, f"it lies after {time} in {after:.0%} of the rows: it is not known then"))
    return found


def as_numbers(values: pl.Series, column: Column) -> Floats:
    """A column as numbers; a category as the place of its value, NaN where it is missing."""
    if column.kind == "category":
        values = values.cast(pl.Categorical).to_physical()
    elif column.kind in ("date", "moment"):
        values = values.cast(pl.Datetime("us")).to_physical()
    return values.cast(pl.Float64).fill_null(np.nan).to_numpy()


def _some(rows: int) -> np.ndarray | None:
    if rows <= _ROWS:
        return None
    return np.sort(np.random.default_rng(7).choice(rows, _ROWS, replace=False))
