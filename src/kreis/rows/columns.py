"""What the columns of a table are: their names, types, and the little that decides what becomes of each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec
import polars as pl

__all__ = ["LOOKED_AT", "RowColumn", "as_identifiers", "columns_of", "kind_of"]

LOOKED_AT = 50_000
"""Rows at the beginning of a table by which its columns are told. One further on that is of another type breaks the
contract, and is set aside and counted."""


class RowColumn(msgspec.Struct, frozen=True, kw_only=True):
    """A column, as far as the looked-at rows tell."""

    name: str
    """As kreis calls it: a name that requests and features can have."""
    source_name: str
    """As the table calls it."""
    kind: str
    """The contract's logical type; empty for what it has no type for (lists, bytes)."""
    rows: int
    missing: int
    distinct: int
    """Different values, missing ones not counted."""
    words: float = 0.0
    """Of texts: how many words they have on average."""
    in_a_row: bool = False
    """Whether whole numbers follow one another without a gap: a count of rows."""
    values: list[str] = []
    """The values, the most frequent first, where there are at most 100."""

    @property
    def given(self) -> int:
        """Rows with a value."""
        return self.rows - self.missing


def columns_of(frame: pl.DataFrame, known: Mapping[str, tuple[str, str]] | None = None) -> list[RowColumn]:
    """The columns of a table.

    Args:
        frame: Its first rows; texts may be numbers, dates and so on.
        known: Names and types by the table's own names, where a contract says them; other columns are left out.
    """
    if known is None:
        names = as_identifiers(frame.columns)
        return [_column(frame[source], name, kind_of(frame.schema[source])) for source, name in names.items()]
    return [_column(frame[source], name, kind) for source, (name, kind) in known.items() if source in frame.columns]


def as_identifiers(names: Iterable[str]) -> dict[str, str]:
    """A name for each, of letters, digits and single underscores: `capital-gain` is `capital_gain`."""
    found: dict[str, str] = {}
    for source in names:
        base = re.sub(r"\W+", "_", source).strip("_")
        base = re.sub("_{2,}", "_", base) or "column"
        base = f"n{base}" if base[0].isdigit() else base
        name, again = base, 2
        while name in found.values():
            name, again = f"{base}_{again}", again + 1
        found[source] = name
    return found


def kind_of(dtype: pl.DataType) -> str:
    """The logical type of a column; empty where a contract has none for it."""
    if dtype == pl.Boolean():
        return "boolean"
    if dtype.is_integer():
        return "integer"
    if dtype.is_numeric():
        return "number"
    if dtype == pl.Date():
        return "date"
    if isinstance(dtype, pl.Datetime):
        return "timestamp"
    textual = isinstance(dtype, pl.String | pl.Categorical | pl.Enum | pl.Null)
    return "string" if textual else ""


def _column(values: pl.Series, name: str, kind: str) -> RowColumn:
    nested = values.dtype.is_nested() or values.dtype == pl.Binary()
    if values.dtype.is_float():
        values = values.fill_nan(None)
    given = values.drop_nulls()
    distinct = 0 if nested else given.n_unique()
    texts = kind == "string" and given.dtype == pl.String()
    return RowColumn(
        name=name,
        source_name=values.name,
        kind="" if nested else kind,
        rows=len(values),
        missing=len(values) - len(given),
        distinct=distinct,
        words=sum(given.str.count_matches(r"\S+")) / len(given) if texts and len(given) else 0.0,
        in_a_row=kind == "integer" and distinct == len(given) > 1 and _without_gap(given),
        values=_frequent(given) if 0 < distinct <= 100 else [],
    )


def _without_gap(given: pl.Series) -> bool:
    numbers = given.cast(pl.Int64, strict=False)
    low, high = numbers.min(), numbers.max()
    return isinstance(low, int) and isinstance(high, int) and high - low + 1 == len(given)


def _frequent(given: pl.Series) -> list[str]:
    counts = given.cast(pl.String).alias("value").value_counts().sort("count", "value", descending=[True, False])
    return counts["value"].to_list()
