"""What each column of a table holds, and what it may be good for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

import msgspec
import polars as pl

__all__ = ["Column", "Kind", "columns_of"]

Kind: TypeAlias = Literal["integer", "number", "boolean", "date", "moment", "category", "text"]

_LONG_TEXT: Final = 4.0
"""Words in a value, on average, from which on a text is to be read and not to be compared."""
_MANY_TEXTS: Final = 1_000
"""So many different texts are no categories, where they are also a fifth of the rows."""
_NAMES_ROWS: Final = 0.9
"""Share of different values from which on a text names its row."""
_FEW: Final = 20
"""With fewer rows, that all values differ says nothing."""
_SHOWN = 3
_NAMED_LIKE_A_KEY = re.compile(r"(?i)(^|_)(id|key|nr|no|number|uuid|code)$|[a-z]I[Dd]$|^row_?n")


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column of a table."""

    name: str
    kind: Kind
    rows: int
    missing: int
    distinct: int
    """Different values, missing ones not counted; of numbers with decimals, among the first rows."""
    examples: list[str]
    """The most frequent values, or the first ones."""
    low: float | None = None
    high: float | None = None
    """The ends of numbers."""
    unfit: str = ""
    """Why it cannot be a feature; empty where it can."""

    @property
    def given(self) -> int:
        """Rows with a value."""
        return self.rows - self.missing

    @property
    def names_rows(self) -> bool:
        """Whether each row has its own value."""
        return self.missing == 0 and self.distinct == self.rows > 1 and self.kind in ("integer", "category", "text")

    @property
    def likely_key(self) -> bool:
        """Whether it names the rows, and looks as if it were made for that."""
        return self.names_rows and (self.kind == "category" or bool(_NAMED_LIKE_A_KEY.search(self.name)))


def columns_of(frame: pl.DataFrame) -> list[Column]:
    """The columns of a table, in order."""
    counted = frame.lazy().select(each for name in frame.columns for each in _questions(name, frame[name].dtype))
    found = counted.collect(engine="streaming").row(0, named=True)
    return [_column(frame[name], found) for name in frame.columns]


def _questions(name: str, dtype: pl.DataType) -> list[pl.Expr]:
    column = pl.col(name)
    asked = {"missing": column.null_count()}
    if dtype.is_float():
        finite = column.filter(column.is_finite())
        asked |= {"missing": column.null_count() + column.is_nan().sum(), "low": finite.min(), "high": finite.max()}
        asked["distinct"] = finite.head(_FIRST).n_unique()
    else:
        asked["distinct"] = column.drop_nulls().n_unique()
    if dtype.is_integer():
        asked |= {"low": column.min(), "high": column.max()}
    if dtype == pl.String():
        asked["words"] = column.head(_FIRST).str.count_matches(" ", literal=True).mean() + 1
    return [ask.alias(f"{name}\x1f{key}") for key, ask in asked.items()]


_FIRST = 20_000


def _column(values: pl.Series, found: Mapping[str, Any]) -> Column:
    def of(key: str) -> Any:
        return found.get(f"{values.name}\x1f{key}")

    low, high = of("low"), of("high")
    column = Column(
        name=values.name,
        kind=_kind(values, of("distinct"), of("words")),
        rows=len(values),
        missing=of("missing"),
        distinct=of("distinct"),
        examples=_examples(values.head(_FIRST).drop_nulls()),
        low=None if low is None else float(low),
        high=None if high is None else float(high),
    )
    return msgspec.structs.replace(column, unfit=_unfit(column, whole=low is not None and values.dtype.is_integer()))


def _kind(values: pl.Series, distinct: int, words: float | None) -> Kind:
    dtype = values.dtype
    if dtype.is_integer():
        return "integer"
    if dtype.is_numeric():
        return "number"
    if dtype == pl.Boolean():
        return "boolean"
    if dtype == pl.Date():
        return "date"
    if isinstance(dtype, pl.Datetime):
        return "moment"
    many = distinct > min(0.2 * len(values), _MANY_TEXTS)
    return "text" if many and (words or 0.0) >= _LONG_TEXT else "category"


def _examples(values: pl.Series) -> list[str]:
    if values.is_empty():
        return []
    if values.dtype.is_float() or values.dtype.is_temporal():
        return [str(each) for each in values.unique(maintain_order=True).head(_SHOWN)]
    counts = values.alias("value").value_counts().sort("count", "value", descending=[True, False])
    return [str(each)[:40] for each in counts["value"].head(_SHOWN)]


def _unfit(column: Column, *, whole: bool) -> str:
    if column.distinct == 0:
        return "no row has a value"
    if column.distinct == 1 and (column.low is None or column.low == column.high):
        missing = " that have one" if column.missing else ""
        return f"it has the same value in all rows{missing}"
    if column.given < _FEW:
        return ""
    if whole and column.distinct == column.given and _counts(column):
        return "its whole numbers count the rows"
    if column.kind == "category" and column.distinct >= _NAMES_ROWS * column.given:
        return f"{column.distinct:,} of its {column.given:,} values differ: it names the row"
    if column.kind == "category" and column.distinct > min(_MANY_TEXTS, 0.5 * column.given):
        return f"it has {column.distinct:,} different texts, too many to be categories"
    return ""


def _counts(column: Column) -> bool:
    """Whether whole numbers that all differ leave no gap, or carry a key's name."""
    dense = column.low is not None and column.high is not None and column.high - column.low + 1 == column.given
    return dense or bool(_NAMED_LIKE_A_KEY.search(column.name))
