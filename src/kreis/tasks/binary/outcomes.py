"""Outcomes of a yes/no question, as tables have them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kreis.errors import ProjectError
from kreis.tasks.task import Positive

if TYPE_CHECKING:
    import polars as pl

__all__ = ["yes_or_no"]

_SHOWN = 8
"""Values listed in an error."""
_TAKES = "a yes/no question takes true/false, 1/0, or two other values with positive=…"


def yes_or_no(column: pl.Series, positive: Positive, *, where: str) -> pl.Series:
    """An outcome's values as 1.0 (yes) and 0.0 (no), null where not known.

    Args:
        column: As the table has it.
        positive: The value that means yes, where it was declared.
        where: Names the table, the column and the user's line.

    Raises:
        ProjectError: it holds anything else than true/false, 1/0, or two values of which one is `positive`.
    """
    import polars as pl

    values = _comparable(column, where)
    found = values.drop_nulls().value_counts().sort("count", values.name, descending=[True, False])
    kinds = found[values.name].to_list()
    if positive is None:
        if set(kinds) <= {0, 1}:
            return values.cast(pl.Float64)
        hint = _how_to_map(column.name, kinds, None)
        raise ProjectError(f"the outcome {column.name!r} holds {_listed(found)}", where=where, hint=hint)
    alike = isinstance(positive, str) == (values.dtype == pl.String)
    if kinds and (len(kinds) > 2 or not alike or (len(kinds) == 2 and positive not in kinds)):
        said = f"the outcome {column.name!r} holds {_listed(found)}; positive={positive!r}"
        said += "" if positive in kinds else " is not among them"
        raise ProjectError(said, where=where, hint=_how_to_map(column.name, kinds, positive))
    yes = bool(positive) if values.dtype == pl.Boolean else positive
    return (values == yes).cast(pl.Float64) if kinds else values.cast(pl.Float64)


def _comparable(column: pl.Series, where: str) -> pl.Series:
    """As booleans, numbers (null for NaN) or texts."""
    import polars as pl

    dtype = column.dtype
    if dtype.is_decimal() or dtype.is_float():
        return column.cast(pl.Float64).fill_nan(None)
    if dtype.is_integer() or dtype in (pl.Boolean, pl.String):
        return column
    if dtype in (pl.Categorical, pl.Enum):
        return column.cast(pl.String)
    if dtype == pl.Null:
        return column.cast(pl.Float64)
    raise ProjectError(f"the outcome {column.name!r} is {dtype}", where=where, hint=_TAKES)


def _listed(found: pl.DataFrame) -> str:
    shown = [f"{value!r} ({count:,})" for value, count in found.head(_SHOWN).iter_rows()]
    more = f" and {found.height - _SHOWN:,} more" if found.height > _SHOWN else ""
    values = "one value" if found.height == 1 else f"{found.height:,} values"
    return f"{values}: {', '.join(shown)}{more}"


def _how_to_map(name: str, kinds: Sequence[str | float | bool], positive: Positive) -> str:
    if len(kinds) <= 2:
        return "say which one means yes: " + " or ".join(f"positive={each!r}" for each in kinds)
    yes = positive if positive in kinds else kinds[0]
    test = f'pl.col("{name}") == {yes!r}' if isinstance(yes, str) else f'pl.col("{name}") > 0'
    return f"{_TAKES}; say in the table what means yes: .with_columns({name}={test}), null where it is not known yet"
