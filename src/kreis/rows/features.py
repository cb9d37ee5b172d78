"""What becomes of a column if nobody says otherwise: the one place that decides it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from kreis.errors import ProjectError
from kreis.preparation.date_parts import date_parts
from kreis.rows.columns import RowColumn
from kreis.texts import counted

__all__ = ["Chosen", "chosen", "feature_of", "left_out"]

MOST_CATEGORIES = 1_000
"""A text with more different values is no category."""
_FEW = 20
"""With fewer rows, that all values differ says nothing."""
_WORDS = 4.0
"""Texts of so many words on average, and of many different kinds, are read as texts."""
_ALL_DIFFERENT = 0.9
"""From this share of different values on, a text names its row."""


def feature_of(column: RowColumn) -> dict[str, pl.Expr]:
    """The features that a column gives, by name.

    Numbers and booleans are as they are; a text is a category, or where it has many words is read by them; a date or
    moment is its parts (`date_parts`).

    Args:
        column: One that is not `left_out`.
    """
    value, name = pl.col(column.name), column.name
    if column.kind == "string":
        return {name: value.cast(pl.String if is_text(column) else pl.Categorical)}
    if column.kind in ("date", "timestamp"):
        return date_parts(name, hour=column.kind == "timestamp")
    return {name: value}


def is_text(column: RowColumn) -> bool:
    """Whether its texts are read by their words, and are not one of some."""
    return column.words >= _WORDS and column.distinct > min(0.2 * column.given, MOST_CATEGORIES)


def left_out(column: RowColumn) -> str | None:
    """Why a column is no feature, in a sentence; None if it is one."""
    said = None
    if column.kind not in ("string", "integer", "number", "boolean", "date", "timestamp"):
        said = "it holds lists or bytes"
    elif column.distinct == 0:
        said = "it has no value in any row"
    elif column.distinct == 1:
        said = f"it has the same value in all {column.given:,} rows that have one"
    elif column.in_a_row and column.given >= _FEW:
        said = f"its {column.given:,} whole numbers count the rows"
    elif column.kind == "string":
        said = _no_category(column)
    return None if said is None else f"column {column.source_name!r} is left out: {said}"


def _no_category(column: RowColumn) -> str | None:
    given, distinct = column.given, column.distinct
    if given < _FEW or is_text(column):
        return None
    if distinct >= _ALL_DIFFERENT * given:
        return f"{distinct:,} of its {given:,} values differ: it names the row"
    if distinct > MOST_CATEGORIES or distinct > 0.5 * given:
        return f"it has {distinct:,} different texts in {counted(given, 'row')}, too many to be categories"
    return None


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The features of a table."""

    features: dict[str, pl.Expr]
    read: list[RowColumn]
    """The columns that they read."""
    said: list[str]
    """What a person should know of the choice."""


def chosen(
    columns: Sequence[RowColumn],
    features: Mapping[str, pl.Expr] | Sequence[str] | None,
    *,
    every: Sequence[RowColumn],
) -> Chosen:
    """The features of a table: what the user names, or what its columns give.

    Args:
        columns: Those that may be features.
        features: Names of columns, or expressions by name, as declared; None to choose.
        every: All columns, to say what a name may be.

    Raises:
        ProjectError: a name is no column, or no column is left.
    """
    if isinstance(features, Mapping):
        known = {each.name: each for each in every}
        read = {name for expression in features.values() for name in expression.meta.root_names()}
        for name in sorted(read):
            if name not in known:
                raise ProjectError.unknown_name("column", name, known, where="project.rows, features")
        return Chosen(features=dict(features), read=[known[name] for name in sorted(read)], said=[])
    if features is not None:
        given = {each.source_name: each for each in every} | {each.name: each for each in every}
        for name in features:
            if name not in given:
                raise ProjectError.unknown_name("column", name, given, where="project.rows, features")
        return _of([given[name] for name in features], [])
    said = {each.name: left_out(each) for each in columns}
    return _of(
        [each for each in columns if said[each.name] is None], [each for each in said.values() if each is not None]
    )


def _of(read: list[RowColumn], said: list[str]) -> Chosen:
    if not read:
        hint = "name them: features=[…]" + ("; " + said[0] if said else "")
        raise ProjectError("no column of the table is a feature", where="project.rows", hint=hint)
    found = {name: each for column in read for name, each in feature_of(column).items()}
    return Chosen(features=found, read=read, said=said)
