"""Applies a compiled contract to a batch: one Polars pass finds the bad rows, a second look at those alone says why.

Nearly all rows are good, so the pass computes one Boolean per row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from kreis.collection.contracts.columns import as_text, read
from kreis.collection.contracts.keys import repeated_rows
from kreis.collection.contracts.report import CheckResult, ContractReport
from kreis.collection.contracts.rules import Plan, RowRule

__all__ = ["check", "latency_failures"]

_BAD = "__bad"
_SLICE = 200_000


@dataclass(frozen=True)
class _Prepared:
    """The expressions of one check, bound to how this frame's columns come."""

    values: list[pl.Expr]
    came: dict[str, str]
    """Column to the column that holds what came, where that may differ."""
    rules: list[RowRule]
    lacking: list[str]
    """Required columns that did not come."""
    filled: list[str]
    """Other columns that did not come."""
    extra: list[str]


def check(
    plan: Plan, digest: str, frame: pl.LazyFrame, *, at: datetime | None, collected: pl.LazyFrame | None
) -> CheckResult:
    """Part a batch; see `Contract.check`."""
    prepared = _prepare(plan, frame.collect_schema())
    broken = pl.any_horizontal(rule.broken for rule in prepared.rules) if prepared.rules else pl.lit(False)
    kept = [each.meta.output_name() for each in prepared.values]
    table = frame.with_columns(prepared.values).select(kept).with_columns(broken.fill_null(False).alias(_BAD)).collect()
    keyed = repeated_rows(plan, table, ~table.get_column(_BAD), collected)
    names = [*plan_names(plan), *(prepared.extra if plan.keep_extra else [])]
    bad = table.get_column(_BAD)
    for mask in keyed.values():
        bad = bad | mask
    good = table.select(names).filter(~bad) if bad.any() else table.select(names)
    quarantined, by_rule = _explain(plan, digest, prepared, table, bad, keyed)
    failures, warnings = _judge_table(plan, prepared, table, at)
    report = ContractReport(
        table=plan.table,
        contract=digest,
        rows=table.height,
        good=good.height,
        quarantined=quarantined.height,
        by_rule=by_rule,
        table_failures=failures,
        warnings=warnings,
        at_most=plan.at_most,
    )
    return CheckResult(good, quarantined, report)


def plan_names(plan: Plan) -> list[str]:
    """The names of the contract's columns, in order."""
    return [column.name for column in plan.columns]


def _prepare(plan: Plan, schema: pl.Schema) -> _Prepared:
    extra = sorted(set(schema) - {column.source_name for column in plan.columns} - set(plan_names(plan)))
    extra = [name for name in extra if not name.startswith("__")]
    prepared = _Prepared([], {}, [], [], [], extra)
    unreadable: dict[str, pl.Expr] = {}
    for i, column in enumerate(plan.columns):
        if column.source_name not in schema:
            prepared.values.append(pl.lit(None, dtype=column.dtype).alias(column.name))
            (prepared.lacking if column.required else prepared.filled).append(column.name)
            if column.required:
                prepared.rules.append(RowRule(column.name, "the column is missing", pl.lit(True)))
            continue
        kept = f"__came_{i}"
        reading = read(column, schema[column.source_name], kept)
        prepared.values.append(reading.value.alias(column.name))
        if reading.came is not None:
            prepared.values.append(reading.came.alias(kept))
            prepared.came[column.name] = kept
        if reading.unreadable is not None:
            unreadable[column.name] = reading.unreadable
            prepared.rules.append(RowRule(column.name, reading.phrase, reading.unreadable))
        if column.required:
            came = pl.col(prepared.came.get(column.name, column.name))
            prepared.rules.append(RowRule(column.name, "missing", came.is_null()))
    for rule in plan.row_rules:
        reasons = {each.reason for each in prepared.rules}
        if rule.column in prepared.lacking or rule.reason in reasons:
            continue
        other = unreadable.get(rule.column)
        broken = rule.broken if other is None else rule.broken & ~other
        prepared.rules.append(RowRule(rule.column, rule.phrase, broken))
    if plan.keep_extra:
        prepared.values.extend(pl.col(name) for name in extra)
    return prepared


def _explain(
    plan: Plan, digest: str, prepared: _Prepared, table: pl.DataFrame, bad: pl.Series, keyed: Mapping[str, pl.Series]
) -> tuple[pl.DataFrame, dict[str, int]]:
    """The bad rows as they came, each with its reasons; and how many rows each reason holds for."""
    marks = {f"__key_{i}": mask for i, mask in enumerate(keyed.values())}
    rows = table.with_columns(**marks).filter(bad)
    conditions = {rule.reason: rule.broken for rule in prepared.rules}
    conditions |= {reason: pl.col(mark) for reason, mark in zip(keyed, marks, strict=True)}
    counts = _counts(rows, conditions)
    reasons = pl.concat_list(
        [pl.when(conditions[reason]).then(pl.lit(reason)) for reason in counts] or [pl.lit(None, dtype=pl.String)]
    ).list.drop_nulls()
    texts = [
        as_text(prepared.came.get(name, name), table.schema[prepared.came.get(name, name)]).alias(name)
        for name in plan_names(plan)
    ]
    selection = [*texts, reasons.alias("reasons"), pl.lit(digest).alias("contract")]
    # In slices, because the reasons of all rules stand side by side before the empty ones are dropped.
    pieces = [rows.slice(start, _SLICE).select(selection) for start in range(0, max(rows.height, 1), _SLICE)]
    return pl.concat(pieces), counts


def _counts(rows: pl.DataFrame, conditions: Mapping[str, pl.Expr]) -> dict[str, int]:
    if not rows.height:
        return {}
    sums = rows.select(
        pl.when(broken).then(1).otherwise(0).sum().alias(str(i)) for i, broken in enumerate(conditions.values())
    )
    # A literal condition (a missing column) is not as long as the frame: it holds for every row.
    literal = {reason for reason, broken in conditions.items() if not broken.meta.root_names()}
    found = {
        reason: (rows.height if reason in literal and count else count)
        for reason, count in zip(conditions, sums.row(0), strict=True)
        if count
    }
    return dict(sorted(found.items(), key=lambda each: -each[1]))


def _judge_table(
    plan: Plan, prepared: _Prepared, table: pl.DataFrame, at: datetime | None
) -> tuple[list[str], list[str]]:
    failures = [f"the required column {name!r} is missing" for name in prepared.lacking]
    warnings = [f"the column {name!r} is missing and was filled with nulls" for name in prepared.filled]
    if prepared.extra:
        done = "kept" if plan.keep_extra else "dropped"
        warnings.append(f"columns that the contract does not name were {done}: {', '.join(prepared.extra)}")
    if plan.table_rules:
        numbers = table.select(
            rule.metric.cast(pl.Float64).alias(str(i)) for i, rule in enumerate(plan.table_rules)
        ).row(0)
        for rule, number in zip(plan.table_rules, numbers, strict=True):
            measured = 100 * number / max(table.height, 1) if rule.percent else number
            if not rule.comparison.holds(measured):
                told = f"{rule.label} is {measured:g}, but {rule.told}"
                (warnings if rule.warns_only else failures).append(told)
    if at is not None and table.height:
        failures += latency_failures(
            plan, {each.column: table.get_column(each.column).max() for each in plan.latency}, at
        )
    return failures, warnings


def latency_failures(plan: Plan, newest: Mapping[str, Any], at: datetime) -> list[str]:
    """The promises of latency that are broken at a moment, given the newest value of each column."""
    failures = []
    for rule in plan.latency:
        latest = newest.get(rule.column)
        if latest is None:
            continue
        if not isinstance(latest, datetime):
            latest = datetime.combine(latest, datetime.min.time(), at.tzinfo)
        if (late := at - latest) > rule.at_most:
            promised = f"at most {_span(rule.at_most)} is promised"
            failures.append(f"the newest {rule.column} is {_span(late)} old, but {promised}")
    return failures


def _span(span: timedelta) -> str:
    """A span to the second, such as "3 days 4:05:09", "2 days", "0:30:00"."""
    days, rest = span.days, timedelta(seconds=span.seconds)
    told = [f"{days:,} day{'s' if days > 1 else ''}"] if days else []
    return " ".join([*told, *([str(rest)] if rest or not days else [])])
