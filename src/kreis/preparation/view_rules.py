"""Rules for views: everything that can be known without data is checked here, where the user declares."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeGuard, get_args

import polars as pl

from kreis.durations import duration
from kreis.errors import ProjectError, nearest
from kreis.expressions.checking import has_aggregate, infer
from kreis.expressions.from_polars import from_polars
from kreis.expressions.kinds import spoken
from kreis.expressions.to_polars import kinds_of, prepare, to_feature
from kreis.expressions.tree import Call, Column, Expression, columns
from kreis.expressions.windows import decompose
from kreis.preparation.leaks import check_own_outcome
from kreis.preparation.tables import Spine
from kreis.preparation.views import FeatureView, FieldType, Policy, RequestView, window_name

__all__ = ["check_in_project", "check_moment", "check_view", "feature_view", "lineage", "request_view"]

_FIELD_TYPES: Final[dict[type, FieldType]] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    datetime: "datetime",
}
_DTYPES: Final[dict[FieldType, pl.DataType]] = {
    "string": pl.String(),
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "boolean": pl.Boolean(),
    "datetime": pl.Datetime("us", "UTC"),
}
_NUMERIC: Final = ("boolean", "integer", "number", "null", "any")


def feature_view(
    name: str,
    *,
    entity: str,
    table: str,
    event_time: str,
    known_at: str,
    features: Mapping[str, pl.Expr],
    windows: Sequence[str] = (),
    ttl: str | None = None,
) -> FeatureView:
    """Declare what is known of an entity at a moment; see `FeatureView` for what the parts mean.

    Raises:
        ProjectError: a name is no identifier or stands twice, a duration cannot be read, a windowed feature does not
            aggregate, a latest one does or has no ttl, or an expression is not on the allow-list.
    """
    where = f"feature view {name!r}"
    _check_names(where, name, features)
    for role, column in (("entity", entity), ("table", table), ("event_time", event_time), ("known_at", known_at)):
        if not isinstance(column, str) or not column:
            raise ProjectError(f"{role} is empty", where=where, hint=f"name the {role.replace('_', ' ')}")
    _check_durations(where, tuple(windows), ttl)
    trees = {}
    for feature, expr in features.items():
        place = f"{where}, feature {feature!r}"
        tree = from_polars(expr, where=place)
        _check_feature(tree, bool(windows), place)
        if _is_text(tree):
            hint = "declare it in a request view, or take it as a category: .cast(pl.Categorical)"
            raise ProjectError("a text to be read as such comes with a request", where=place, hint=hint)
        trees[feature] = tree
    return FeatureView(
        name=name,
        entity=entity,
        table=table,
        event_time=event_time,
        known_at=known_at,
        features=trees,
        windows=tuple(windows),
        ttl=ttl,
    )


def request_view(
    name: str,
    *,
    fields: Mapping[str, FieldType | type],
    features: Mapping[str, pl.Expr],
    missing: Policy = "refuse",
    unexpected: Policy = "flag",
) -> RequestView:
    """Declare what a request brings with it, and the features computed from that, row by row.

    Args:
        name: The view's.
        fields: str, int, float, bool or datetime, or their names ("string", "integer", …).
        features: Expressions over the fields.
        missing: Whether a request without a field that its contract requires is refused, or answered and flagged.
        unexpected: The same for a value outside the contract's enumeration, range or length.

    Raises:
        ProjectError: a policy or a field's type is unknown, a feature aggregates, reads an undeclared field, mixes
            kinds or does not end in a number.
    """
    where = f"request view {name!r}"
    _check_names(where, name, features)
    for policy in (missing, unexpected):
        if policy not in get_args(Policy):
            raise ProjectError.unknown_name("policy", str(policy), get_args(Policy), where=where)
    types = {field: _field_type(field, given, where) for field, given in fields.items()}
    trees = {}
    for feature, expr in features.items():
        place = f"{where}, feature {feature!r}"
        tree = from_polars(expr, where=place)
        if has_aggregate(tree):
            raise ProjectError(
                "it aggregates over rows, and a request is one row", where=place, hint="use a feature view"
            )
        if _is_text(tree) and not isinstance(tree.arguments[0], Column):
            hint = 'write pl.col("subject").cast(pl.String), a feature for each field'
            raise ProjectError("a text to be read as such is a field as it comes", where=place, hint=hint)
        trees[feature] = tree
    view = RequestView(name=name, fields=types, features=trees, missing=missing, unexpected=unexpected)
    check_view(view, {field: _DTYPES[kind] for field, kind in types.items()})
    return view


def check_in_project(view: FeatureView | RequestView, spine: Spine, tables: Collection[str]) -> None:
    """Check a view against the spine and the tables that are declared.

    Raises:
        ProjectError: its table or entity is not declared, or it reads the outcome of the row that it predicts.
    """
    if isinstance(view, RequestView):
        return check_own_outcome(view, spine, where=f"request view {view.name!r}")
    where = f"feature view {view.name!r}"
    if view.table not in tables:
        raise ProjectError.unknown_name("table", view.table, tables, where=where)
    if view.entity not in spine.keys:
        raise ProjectError.unknown_name("key of the spine", view.entity, spine.keys, where=where)
    return check_own_outcome(view, spine, where=where)


def check_view(view: FeatureView | RequestView, schema: Mapping[str, pl.DataType]) -> None:
    """Check a view against the columns of its table (a request view: of the spine).

    Polars itself checks the types, on an empty frame of that schema.

    Raises:
        ProjectError: a column is not there, or an expression does not fit the columns' types or ends in no number.
    """
    kind = "feature view" if isinstance(view, FeatureView) else "request view"
    where = f"{kind} {view.name!r}"
    schema = pl.Schema(schema)
    if isinstance(view, FeatureView):
        for role in ("entity", "event_time", "known_at"):
            _check_columns({getattr(view, role)}, schema, f"{where}, {role}")
        for role in ("event_time", "known_at"):
            check_moment(schema[getattr(view, role)], getattr(view, role), f"{where}, {role}")
    else:
        _check_columns(set(view.fields), schema, where)
    for feature, tree in view.features.items():
        place = f"{where}, feature {feature!r}"
        _check_columns(columns(tree), schema, place)
        _check_types(tree, schema, place)


def lineage(view: FeatureView | RequestView) -> dict[str, tuple[str, ...]]:
    """The source columns of each feature, sorted, by the feature's full name.

    A feature view's entity, event time and known at decide which rows count, so they belong to every feature.
    """
    base = {view.entity, view.event_time, view.known_at} if isinstance(view, FeatureView) else set()
    windows = view.windows if isinstance(view, FeatureView) else ()
    found = {}
    for feature, tree in view.features.items():
        sources = tuple(sorted(columns(tree) | base))
        if windows:
            found.update({window_name(view.name, feature, window): sources for window in windows})
        else:
            found[f"{view.name}__{feature}"] = sources
    return found


def _check_names(where: str, name: str, features: Mapping[str, pl.Expr]) -> None:
    for each in (name, *features):
        if not isinstance(each, str) or not each.isidentifier() or "__" in each:
            raise ProjectError(
                f"{each!r} is not a valid name",
                where=where,
                hint="use letters, digits and single underscores: late_rate",
            )
    if not features:
        raise ProjectError(
            "it has no features", where=where, hint='write features={"late_rate": pl.col("late").mean()}'
        )


def _check_durations(where: str, windows: tuple[str, ...], ttl: str | None) -> None:
    lengths: dict[timedelta, str] = {}
    for window in windows:
        length = duration(window, where)
        if length in lengths:
            raise ProjectError(
                f"the windows {lengths[length]!r} and {window!r} are the same", where=where, hint="leave one out"
            )
        lengths[length] = window
    if ttl is not None:
        duration(ttl, where)
    if windows and ttl is not None:
        raise ProjectError(
            "it has both windows and a ttl", where=where, hint="a window says how far back; drop the ttl"
        )
    if not windows and ttl is None:
        raise ProjectError(
            "features of the latest row need a ttl", where=where, hint="write ttl='3h', or windows=['24h'] to aggregate"
        )


def _check_feature(tree: Expression, windowed: bool, where: str) -> None:
    if windowed and not has_aggregate(tree):
        raise ProjectError(
            "a windowed feature must aggregate", where=where, hint="write .mean(), .sum(), .last() … or pl.len()"
        )
    if not windowed and has_aggregate(tree):
        raise ProjectError(
            "it aggregates, but the view has no windows",
            where=where,
            hint="add windows=['24h'], or take the aggregate out",
        )


def _is_text(tree: Expression) -> TypeGuard[Call]:
    return isinstance(tree, Call) and tree.operation == "text"


def _field_type(field: str, given: FieldType | type, where: str) -> FieldType:
    if not isinstance(field, str) or not field.isidentifier():
        raise ProjectError(
            f"{field!r} is not a valid field name", where=where, hint="use letters, digits and underscores"
        )
    found: FieldType | None = _FIELD_TYPES.get(given) if isinstance(given, type) else given
    if found is None or found not in get_args(FieldType):
        raise ProjectError(
            f"field {field!r} has an unknown type {given!r}",
            where=where,
            hint=nearest(str(given), get_args(FieldType)),
        )
    return found


def _check_columns(wanted: set[str] | frozenset[str], schema: Mapping[str, pl.DataType], where: str) -> None:
    for name in sorted(wanted):
        if name not in schema:
            raise ProjectError.unknown_name("column", name, schema, where=where)


def check_moment(dtype: pl.DataType, name: str, where: str) -> None:
    """Check that a column holds moments in UTC.

    Raises:
        ProjectError: it holds something else, or moments in another zone.
    """
    if not isinstance(dtype, pl.Datetime) or dtype.time_zone != "UTC":
        raise ProjectError(
            f"column {name!r} is {dtype}, not a moment in UTC",
            where=where,
            hint="convert it in the table: .dt.replace_time_zone(…).dt.convert_time_zone('UTC')",
        )


def _check_types(tree: Expression, schema: Mapping[str, pl.DataType], where: str) -> None:
    """By kreis's kinds, then by Polars; a windowed feature part by part, as it is computed."""
    known = kinds_of(schema)
    parts = decompose(tree).rows if has_aggregate(tree) else (tree,)
    infer(tree, known, where=where)
    wanted = {name: schema[name] for name in columns(tree)}
    for part in parts:
        kind = infer(part, known, where=where)
        if kind not in _NUMERIC:
            raise ProjectError(f"a feature is a number, this is {spoken(kind)}", where=where, hint=_as_number(kind))
        try:
            prepare(pl.DataFrame(schema=wanted)).select(to_feature(part))
        except pl.exceptions.PolarsError as error:
            raise ProjectError(f"it does not fit the columns: {error}", where=where, hint="cast one of them") from error


def _as_number(kind: str) -> str:
    if kind in ("datetime", "local"):
        return "write .dt.hour(), .dt.weekday() …, or a difference with .dt.total_minutes()"
    return (
        'a category is written pl.col("origin").cast(pl.Categorical), one value of it pl.col("origin") == "JFK", a text'
        ' to be read pl.col("note").cast(pl.String)'
        if kind == "string"
        else "write .dt.total_minutes()"
    )
