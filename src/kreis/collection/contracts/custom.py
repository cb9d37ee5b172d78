"""Quality rules of type custom with the engine kreis: what only kreis can check, such as the language of documents."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec
import polars as pl

from kreis.collection.contracts.columns import Column
from kreis.collection.contracts.document import OPERATORS, QualityRule
from kreis.collection.contracts.reading import PathInFile, Places
from kreis.collection.contracts.rules import MOMENT, BatchRule, Comparison, KeyRule, RowRule, TableRule
from kreis.errors import ProjectError

__all__ = ["compile_custom"]

_HINT = "implementation: {check: empty}"


def compile_custom(
    rule: QualityRule, columns: dict[str, Column], path: PathInFile, places: Places
) -> RowRule | KeyRule | TableRule | BatchRule:
    """Translate a rule of a table into one of those that a batch is judged by.

    Raises:
        ProjectError: there is no such check, it is given wrongly, or a column that it reads is missing.
    """
    from kreis.generative.documents import checks

    where = places.at(*path, "implementation")
    if any(getattr(rule, name) is not None for name in OPERATORS):
        raise ProjectError("a custom rule has no operator", where=places.at(*path), hint="it tolerates no bad row")
    check = _check(rule.implementation, where)
    warns = rule.severity in ("info", "warning")
    match check:
        case checks.Duplicated():
            _need(columns, ("text",), where)
            compiled: RowRule | KeyRule = KeyRule(("text",), primary=False)
            metric = pl.col("text").drop_nulls().len() - pl.col("text").drop_nulls().n_unique()
        case checks.NearDuplicated():
            _need(columns, ("id", "text"), where)
            return BatchRule(("id", "text"), check.found_among, warns_only=warns)
        case checks.Empty():
            _need(columns, ("text",), where)
            compiled = RowRule("text", "empty", ~pl.col("text").str.contains(r"[\p{L}\p{N}]"))
            metric = compiled.broken.sum()
        case checks.Expired():
            _need(columns, ("expires",), where)
            compiled = RowRule("expires", "expired", pl.col("expires") <= pl.col(MOMENT), timed=True)
            metric = compiled.broken.sum()
        case _:
            _need(columns, ("text",), where)
            found = pl.col("text").map_batches(partial(_found, check), return_dtype=pl.String, is_elementwise=True)
            compiled = RowRule("text", check.phrase, found.is_not_null(), detail=found)
            metric = compiled.broken.sum()
    if not warns:
        return compiled
    return TableRule(rule.name or compiled.reason, metric, False, Comparison("must_be", 0), "mustBe 0 rows", True)


def _found(check: Any, texts: pl.Series) -> pl.Series:
    return pl.Series(texts.name, check.found(texts.to_list()), dtype=pl.String)


def _check(given: Any, where: str) -> Any:
    from kreis.generative.documents.checks import DocumentCheck

    if not isinstance(given, dict) or "check" not in given:
        raise ProjectError("a custom rule of kreis names its check", where=where, hint=_HINT)
    known = {str(each.__struct_config__.tag): each for each in DocumentCheck.__args__}
    if given["check"] not in known:
        raise ProjectError.unknown_name("check", str(given["check"]), known, where=where)
    try:
        return msgspec.convert(given, type=known[given["check"]])
    except ProjectError as error:
        error.where = where
        raise
    except msgspec.ValidationError as error:
        hint = "it takes " + (", ".join(known[given["check"]].__struct_fields__) or "nothing beside its name")
        raise ProjectError(str(error), where=where, hint=hint) from error


def _need(columns: dict[str, Column], names: tuple[str, ...], where: str) -> None:
    for name in names:
        if name not in columns:
            raise ProjectError.unknown_name("property", name, columns, where=where)
