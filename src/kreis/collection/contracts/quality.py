"""The standard's library metrics (nullValues, missingValues, invalidValues, duplicateValues, rowCount).

A rule that tolerates none ("mustBe: 0") names bad rows: they go to quarantine. A rule that tolerates some, or
whose severity is only info or warning, is judged on the batch as a whole, as it came.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from kreis.collection.contracts.columns import Column
from kreis.collection.contracts.custom import compile_custom
from kreis.collection.contracts.document import OPERATORS, QualityRule
from kreis.collection.contracts.options import among, matching
from kreis.collection.contracts.reading import PathInFile, Places
from kreis.collection.contracts.rules import BatchRule, Comparison, KeyRule, RowRule, TableRule
from kreis.errors import ProjectError

__all__ = ["compile_property_rule", "compile_table_rule"]

_OF_PROPERTIES = ("nullValues", "missingValues", "invalidValues", "duplicateValues")
_OF_TABLES = ("rowCount", "duplicateValues")
_ARGUMENTS = {
    "missingValues": ("missingValues",),
    "invalidValues": ("validValues", "pattern"),
}


def compile_property_rule(
    rule: QualityRule, column: Column, path: PathInFile, places: Places
) -> RowRule | KeyRule | TableRule | None:
    """Translate a quality rule of a property; None for a rule in words (type text).

    Raises:
        ProjectError: a rule that kreis does not run, or cannot make sense of.
    """
    if _is_text(rule, path, places):
        return None
    metric = _metric(rule, _OF_PROPERTIES, path, places)
    _check_arguments(rule, _ARGUMENTS.get(metric, ()), path, places)
    comparison, told = _comparison(rule, path, places)
    strict = comparison.demands_zero(percent=rule.unit == "percent") and not _warns(rule)
    if metric == "duplicateValues":
        if strict:
            return KeyRule((column.name,), primary=False)
        return _table_rule(rule, f"{column.name}: duplicate values", _duplicates([column.name]), comparison, told)
    broken, phrase = _broken(metric, rule, column, path, places)
    if strict:
        return RowRule(column.name, phrase, broken)
    return _table_rule(rule, f"{column.name}: {phrase}", broken.sum(), comparison, told)


def compile_table_rule(
    rule: QualityRule, columns: dict[str, Column], path: PathInFile, places: Places
) -> RowRule | KeyRule | TableRule | BatchRule | None:
    """Translate a quality rule of a table; None for a rule in words.

    Raises:
        ProjectError: a rule that kreis does not run, or cannot make sense of.
    """
    if rule.type == "custom" and rule.engine == "kreis":
        return compile_custom(rule, columns, path, places)
    if _is_text(rule, path, places):
        return None
    metric = _metric(rule, _OF_TABLES, path, places)
    comparison, told = _comparison(rule, path, places)
    if metric == "rowCount":
        _check_arguments(rule, (), path, places)
        if rule.unit == "percent":
            raise ProjectError("rowCount has no percentage", where=places.at(*path, "unit"), hint="unit: rows")
        return _table_rule(rule, "row count", pl.len(), comparison, told)
    _check_arguments(rule, ("properties",), path, places)
    names = rule.arguments.get("properties")
    if not isinstance(names, list) or not names:
        raise ProjectError(
            "duplicateValues of a table needs arguments.properties",
            where=places.at(*path),
            hint="arguments: {properties: [a, b]}",
        )
    for name in names:
        if not isinstance(name, str) or name not in columns:
            raise ProjectError.unknown_name("property", str(name), columns, where=places.at(*path, "arguments"))
    if comparison.demands_zero(percent=rule.unit == "percent") and not _warns(rule):
        return KeyRule(tuple(names), primary=False)
    return _table_rule(rule, f"{', '.join(names)}: duplicates", _duplicates(names), comparison, told)


def _is_text(rule: QualityRule, path: PathInFile, places: Places) -> bool:
    if rule.type == "custom" and rule.engine == "kreis":
        hint = "write it below the table's quality"
        raise ProjectError("a check of kreis is about a table, not a property", where=places.at(*path), hint=hint)
    if rule.type in ("sql", "custom"):
        what = f"engine {rule.engine!r}" if rule.type == "custom" else "SQL"
        raise ProjectError(
            f"kreis does not run quality rules of type {rule.type} ({what}), and will not skip one in silence",
            where=places.at(*path, "type"),
            hint=f"use a library metric ({', '.join(_OF_PROPERTIES)}, rowCount), or type: text to document it only",
        )
    return rule.type == "text"


def _metric(rule: QualityRule, known: tuple[str, ...], path: PathInFile, places: Places) -> str:
    metric = rule.metric or rule.rule
    if metric is None:
        raise ProjectError("a quality rule names no metric", where=places.at(*path), hint="metric: " + known[0])
    if metric not in known:
        key = "metric" if rule.metric else "rule"
        raise ProjectError.unknown_name("metric at this level", metric, known, where=places.at(*path, key))
    if rule.unit not in (None, "rows", "percent"):
        raise ProjectError(f"unknown unit {rule.unit!r}", where=places.at(*path, "unit"), hint="rows or percent")
    return metric


def _check_arguments(rule: QualityRule, known: tuple[str, ...], path: PathInFile, places: Places) -> None:
    for name in rule.arguments:
        if name not in known:
            where = places.at(*path, "arguments", name)
            raise ProjectError.unknown_name(f"argument of {rule.metric or rule.rule}", name, known, where=where)


def _comparison(rule: QualityRule, path: PathInFile, places: Places) -> tuple[Comparison, str]:
    given = [name for name in OPERATORS if getattr(rule, name) is not None]
    if len(given) != 1:
        what = "no operator" if not given else "several operators: " + ", ".join(OPERATORS[each] for each in given)
        raise ProjectError(f"a quality rule has {what}", where=places.at(*path), hint="give one, such as mustBe: 0")
    name = given[0]
    bound = getattr(rule, name)
    where = places.at(*path, OPERATORS[name])
    numbers = bound if isinstance(bound, tuple) else (bound,)
    if any(isinstance(each, bool) or not isinstance(each, int | float) or each != each for each in numbers):
        raise ProjectError(f"{OPERATORS[name]} needs a number, not {bound!r}", where=where)
    if isinstance(bound, tuple) and bound[0] > bound[1]:
        raise ProjectError(f"{OPERATORS[name]}: the smaller number comes first", where=where)
    shown = list(bound) if isinstance(bound, tuple) else bound
    return Comparison(name, bound), f"{OPERATORS[name]} {shown} {rule.unit or 'rows'}"


def _warns(rule: QualityRule) -> bool:
    return rule.severity in ("info", "warning")


def _table_rule(rule: QualityRule, label: str, metric: pl.Expr, comparison: Comparison, told: str) -> TableRule:
    return TableRule(rule.name or label, metric, rule.unit == "percent", comparison, told, _warns(rule))


def _broken(metric: str, rule: QualityRule, column: Column, path: PathInFile, places: Places) -> tuple[pl.Expr, str]:
    value = pl.col(column.name)
    where = places.at(*path, "arguments")
    if metric == "nullValues":
        return value.is_null(), "missing"
    if metric == "missingValues":
        marks = rule.arguments.get("missingValues")
        if not isinstance(marks, list) or not marks:
            raise ProjectError("missingValues needs its list", where=where, hint='missingValues: [null, "", "N/A"]')
        present: list[Any] = [each for each in marks if each is not None]
        missing = value.is_null() if None in marks else pl.lit(False)
        return (missing | among(column, present, where) if present else missing), "missing"
    if not rule.arguments:
        raise ProjectError("invalidValues needs arguments", where=places.at(*path), hint="validValues or pattern")
    invalid = pl.lit(False)
    if "validValues" in rule.arguments:
        allowed = rule.arguments["validValues"]
        if not isinstance(allowed, list):
            raise ProjectError("validValues is a list", where=where, hint="validValues: [a, b]")
        invalid = ~among(column, [each for each in allowed if each is not None], where)
    if "pattern" in rule.arguments:
        if column.logical_type == "array":
            hint = "say of its items what they are: items, minItems, maxItems, uniqueItems"
            raise ProjectError(f"{column.name!r} is a list, which no pattern describes", where=where, hint=hint)
        invalid |= ~matching(value.cast(pl.String), rule.arguments["pattern"], where)
    return invalid, "not among the valid values"


def _duplicates(names: list[str]) -> pl.Expr:
    """Rows beyond the first of each key, of rows whose key is whole."""
    whole = pl.all_horizontal(pl.col(each).is_not_null() for each in names)
    key = pl.struct(names).filter(whole)
    return key.len() - key.n_unique()
