"""How a refused operation is named to the user, and the way out."""

from __future__ import annotations

import re
from typing import Final

from kreis.errors import ProjectError

__all__ = ["refusal"]

_ORDER: Final = "it depends on the order of a batch's rows; compute it in a silver table"
_HINTS: Final[dict[str, tuple[str, str]]] = {
    "AnonymousFunction": (
        "map_elements or map_batches (Python code)",
        "write it with Polars expressions (when/then, arithmetic), or compute it in a silver table",
    ),
    "Over": ("over (a window)", "aggregate over an entity with windows=[…], or compute it in a silver table"),
    "Rolling": ("rolling", "give the feature view windows=['24h']"),
    "RollingExpr": ("rolling_…", "give the feature view windows=['24h']"),
    "RollingExprBy": ("rolling_…_by", "give the feature view windows=['24h']"),
    "Sort": ("sort", _ORDER),
    "SortBy": ("sort_by", _ORDER),
    "Shift": ("shift", _ORDER),
    "Diff": ("diff", _ORDER),
    "CumSum": ("cum_sum", _ORDER),
    "Gather": ("gather or get", _ORDER),
    "Slice": ("slice, head or tail", _ORDER),
    "First": ("first", "write last(), which takes the latest by event time"),
    "NUnique": ("n_unique", "compute it in a silver table"),
    "Median": ("median", "write mean(), or compute it in a silver table"),
    "LastNonNull": ("last(ignore_nulls=True)", "filter the nulls out in a silver table, then write last()"),
    "Var": ("var", "write std() ** 2"),
    "Filter": ("filter outside an aggregate", "aggregate right after it: x.filter(p).mean()"),
    "Selector": ("a selection of several columns", 'name one column: pl.col("name")'),
    "DropNulls": ("drop_nulls", "aggregates leave nulls out already"),
    "Truncate": ("truncate", "write floor()"),
    "FillNullWithStrategy": ("fill_null(strategy=…)", "write fill_null(0), or compute it in a silver table"),
    "EqValidity": ("eq_missing", "write is_null() and == apart"),
    "NotEqValidity": ("ne_missing", "write is_null() and != apart"),
    "StringExpr.Lowercase": (
        "str.to_lowercase",
        "Polars and Python know different Unicode versions; change the case in a silver table, or before it is sent",
    ),
    "StringExpr.Uppercase": (
        "str.to_uppercase",
        "Polars and Python know different Unicode versions; change the case in a silver table, or before it is sent",
    ),
    "TemporalExpr.ReplaceTimeZone": ("dt.replace_time_zone", "store moments in UTC; do this in a silver table"),
    "Literal.Datetime": ("a moment as a constant", "compare with it in a silver table"),
    "Literal.Duration": ("a duration as a constant", "compare total_minutes() with a number"),
    "Literal.Float32": ("a Float32 constant", "write a plain Python float"),
    "Literal.List": ("a list as a constant", "lists stand only in is_in"),
}
_FALLBACK: Final = "compute it in a silver table, or write it with arithmetic, comparisons and when/then"


def refusal(operation: str, where: str) -> ProjectError:
    """The error for an operation (by the name that Polars serialises) that is not on the allow-list."""
    name, hint = _HINTS.get(operation, (_spoken(operation), _FALLBACK))
    return ProjectError(f"{name} is not on the allow-list of feature expressions", where=where, hint=hint)


def _spoken(operation: str) -> str:
    """ "StringExpr.StripChars" as "str.strip_chars"."""
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", operation).lower()
    for prefix, spoken in (
        ("string_expr.", "str."),
        ("temporal_expr.", "dt."),
        ("list_expr.", "list."),
        ("boolean.", ""),
    ):
        text = text.replace(prefix, spoken)
    return text[:80]
