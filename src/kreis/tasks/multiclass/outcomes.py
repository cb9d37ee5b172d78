"""Classes, as tables have them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kreis.errors import ProjectError
from kreis.tasks.outcomes import class_number, class_text

if TYPE_CHECKING:
    import polars as pl

__all__ = ["class_numbers"]

_SHOWN = 8
"""Classes listed in an error."""


def class_numbers(column: pl.Series, classes: Sequence[str], *, where: str) -> pl.Series:
    """Each class as its number, null where not known.

    A number that names a class, as the log has it, is taken too.

    Raises:
        ProjectError: it holds what no class may be, or classes that are not declared; the message counts them.
    """
    import polars as pl

    dtype = column.dtype
    if dtype == pl.Null:
        return column.cast(pl.Float64)
    if not (dtype.is_numeric() or dtype in (pl.Boolean, pl.String, pl.Categorical, pl.Enum)):
        hint = "a class is a text or a number"
        raise ProjectError(f"the outcome {column.name!r} is {dtype}", where=where, hint=hint)
    values = column.cast(pl.String) if dtype in (pl.Categorical, pl.Enum) else column
    values = values.cast(pl.Float64).fill_nan(None) if dtype.is_float() or dtype.is_decimal() else values
    known = {each: class_number(each) for each in classes}
    numbers = {number: number for number in known.values()}
    found = values.drop_nulls().unique().to_list()
    named = {each: known.get(class_text(each), numbers.get(each)) for each in found}
    unknown = values.filter(values.is_in([each for each, number in named.items() if number is None]))
    if len(unknown):
        counts = unknown.value_counts().sort("count", values.name, descending=[True, False])
        shown = ", ".join(f"{class_text(each)!r} ({count:,})" for each, count in counts.head(_SHOWN).iter_rows())
        more = f" and {counts.height - _SHOWN:,} more" if counts.height > _SHOWN else ""
        message = f"the outcome {column.name!r} holds classes that the goal does not name: {shown}{more}"
        hint = "add them to classes=[…], or bring them together in the table; null where it is not known yet"
        raise ProjectError(message, where=where, hint=hint)
    return values.replace_strict(named, return_dtype=pl.Float64) if named else values.cast(pl.Float64)
