"""Applies a compiled contract to a batch: one Polars pass finds the bad rows, a second look at those alone says why.

Nearly all rows are good, so the pass computes one Boolean per row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from kreis.collection.contracts.columns import Column, as_text, read
from kreis.collection.contracts.keys import Held, compare
from kreis.collection.contracts.report import CheckResult, ContractReport
from kreis.collection.contracts.rules import MOMENT, UNREADABLE, Plan, RowRule

__all__ = ["check"]

_BAD = "__bad"
_ROW = "__row"
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
    plan: Plan, digest: str, frame: pl.LazyFrame, *, at: datetime | None, known_at: str | None, held: Held | None
) -> CheckResult:
    """Part a batch; see `Contract.check`."""
    prepared = _prepare(plan, frame.collect_schema(), at)
    broken = pl.any_horizontal(rule.broken for rule in prepared.rules) if prepared.rules else pl.lit(False)
    kept = [each.meta.output_name() for each in prepared.values]
    table = frame.with_columns(prepared.values).select(kept).with_columns(broken.fill_null(False).alias(_BAD)).collect()
    repeats = compare(plan, table, ~table.get_column(_BAD), known_at, held)
    bad = table.get_column(_BAD)
    for mask in repeats.broken.values():
        bad = bad | mask
    left = ~(repeats.held | repeats.copies)
    if held is not None and at is not None:
        left &= ~_quarantined_before(plan, prepared, table, bad, held, at)
    sound = left & ~bad
    names = [*plan_names(plan), *(prepared.extra if plan.keep_extra else [])]
    good = table.select(names) if sound.all() else table.select(names).filter(sound)
    quarantined, by_rule = _explain(plan, digest, prepared, table, left & bad, repeats.broken)
    failures, warnings = _judge_table(plan, prepared, table if left.all() else table.filter(left), at, held)
    for rule in plan.batch_rules:  # among all that came: one that is held may be like one that is new
        found = rule.found(*(table.get_column(name).to_list() for name in rule.columns))
        (warnings if rule.warns_only else failures).extend(found)
    fresh = left if held is None else left & _is_fresh(table, held, at)
    late = sound.clear() if held is None else (table.get_column(held.known_at) <= held.until).fill_null(False)
    report = ContractReport(
        table=plan.table,
        contract=digest,
        rows=int(left.sum()),
        good=good.height,
        quarantined=quarantined.height,
        by_rule=by_rule,
        table_failures=failures,
        warnings=warnings,
        at_most=plan.at_most,
        late=int((late & sound & ~repeats.replacing).sum()) if len(late) else 0,
        corrected=int((repeats.corrections & sound).sum()),
        replaced=int((repeats.replacing & sound).sum()),
        vanished=repeats.vanished,
        repeated=int(repeats.copies.sum()),
        held=int(repeats.held.sum()),
        fresh=int(fresh.sum()),
        fresh_bad=int((fresh & bad).sum()),
    )
    return CheckResult(good, quarantined, report, repeats.versions.filter(sound), repeats.replacing.filter(sound))


def _is_fresh(table: pl.DataFrame, held: Held, at: datetime | None) -> pl.Series:
    """The rows of the time after what was collected; one whose time cannot be read may be any time's."""
    old = (table.get_column(held.known_at) <= held.until).fill_null(at is not None and at <= held.until)
    return ~old


def _quarantined_before(
    plan: Plan, prepared: _Prepared, table: pl.DataFrame, bad: pl.Series, held: Held, at: datetime
) -> pl.Series:
    """The bad rows read again that a passed collection has set aside already, as they came."""
    nothing = pl.repeat(False, table.height, eager=True)
    known_at = table.get_column(held.known_at)
    bad = bad & (known_at.is_null() | (known_at <= held.until) | (known_at > at))
    if held.quarantine is None or not bad.any():
        return nothing
    earlier = held.quarantine.collect_schema()
    names = [name for name in plan_names(plan) if name in earlier]
    texts = table.with_row_index(_ROW).filter(bad).select(_ROW, *_texts(names, prepared, table.schema))
    found = texts.join(held.quarantine.select(names).unique().collect(), on=names, how="semi", nulls_equal=True)
    return nothing.scatter(found.get_column(_ROW), True)


def plan_names(plan: Plan) -> list[str]:
    """The names of the contract's columns, in order."""
    return [column.name for column in plan.columns]


def _prepare(plan: Plan, schema: pl.Schema, at: datetime | None) -> _Prepared:
    extra = sorted(set(schema) - {column.source_name for column in plan.columns} - set(plan_names(plan)))
    extra = [name for name in extra if not name.startswith("__")]
    prepared = _Prepared([], {}, [], [], [], extra)
    unreadable: dict[str, pl.Expr] = {}
    for i, column in enumerate(plan.columns):
        if (broken := _prepare_column(prepared, column, schema, f"__came_{i}", at)) is not None:
            unreadable[column.name] = broken
    for rule in plan.row_rules:
        reasons = {each.reason for each in prepared.rules}
        if rule.column in prepared.lacking or rule.reason in reasons or (rule.timed and at is None):
            continue
        other = unreadable.get(rule.column)
        prepared.rules.append(rule if other is None else replace(rule, broken=rule.broken & ~other))
    if UNREADABLE in schema:
        unread = pl.col(UNREADABLE).is_not_null()
        others = [replace(rule, broken=rule.broken & ~unread) for rule in prepared.rules]
        told = RowRule("file", "could not be read", unread, detail=pl.col(UNREADABLE))
        prepared.rules[:] = [told, *others]
        prepared.values.append(pl.col(UNREADABLE))
    if any(rule.timed for rule in prepared.rules):
        prepared.values.append(pl.lit(at, dtype=pl.Datetime("us", "UTC")).alias(MOMENT))
    if plan.keep_extra:
        prepared.values.extend(pl.col(name) for name in extra)
    return prepared


def _prepare_column(
    prepared: _Prepared, column: Column, schema: pl.Schema, kept: str, at: datetime | None
) -> pl.Expr | None:
    """Add how a column is read and the rules that hold for it as such; returns where it is unreadable."""
    if column.source_name not in schema:
        prepared.values.append(pl.lit(None, dtype=column.dtype).alias(column.name))
        (prepared.lacking if column.required else prepared.filled).append(column.name)
        if column.required:
            prepared.rules.append(RowRule(column.name, "the column is missing", pl.lit(True)))
        return None
    reading = read(column, schema[column.source_name], kept)
    prepared.values.append(reading.value.alias(column.name))
    if reading.came is not None:
        prepared.values.append(reading.came.alias(kept))
        prepared.came[column.name] = kept
    if reading.unreadable is not None:
        prepared.rules.append(RowRule(column.name, reading.phrase, reading.unreadable))
    if at is not None and column.ahead is not None:
        far = pl.col(column.name) > at + column.ahead
        prepared.rules.append(RowRule(column.name, f"more than {column.ahead.days:,} days in the future", far))
    if column.required:
        came = pl.col(prepared.came.get(column.name, column.name))
        prepared.rules.append(RowRule(column.name, "missing", came.is_null()))
    return reading.unreadable


def _explain(
    plan: Plan, digest: str, prepared: _Prepared, table: pl.DataFrame, bad: pl.Series, keyed: Mapping[str, pl.Series]
) -> tuple[pl.DataFrame, dict[str, int]]:
    """The bad rows as they came, each with its reasons; and how many rows each reason holds for."""
    marks = {f"__key_{i}": mask for i, mask in enumerate(keyed.values())}
    rows = table.with_columns(**marks).filter(bad)
    conditions = {rule.reason: rule.broken for rule in prepared.rules}
    conditions |= {reason: pl.col(mark) for reason, mark in zip(keyed, marks, strict=True)}
    counts = _counts(rows, conditions)
    details = {rule.reason: rule.detail for rule in prepared.rules if rule.detail is not None}
    # Joined by +: with pl.format here Polars 2.1.0 panicked on some frames (two unreadable rows behind two others).
    told = {
        reason: pl.lit(f"{reason}: ") + details[reason] if reason in details else pl.lit(reason) for reason in counts
    }
    reasons = pl.concat_list(
        [pl.when(conditions[reason]).then(told[reason]) for reason in counts] or [pl.lit(None, dtype=pl.String)]
    ).list.drop_nulls()
    texts = _texts(plan_names(plan), prepared, table.schema)
    selection = [*texts, reasons.alias("reasons"), pl.lit(digest).alias("contract")]
    # In slices, because the reasons of all rules stand side by side before the empty ones are dropped.
    pieces = [rows.slice(start, _SLICE).select(selection) for start in range(0, max(rows.height, 1), _SLICE)]
    return pl.concat(pieces), counts


def _texts(names: list[str], prepared: _Prepared, schema: pl.Schema) -> list[pl.Expr]:
    """The columns as text, as they came."""
    came = {name: prepared.came.get(name, name) for name in names}
    return [as_text(column, schema[column]).alias(name) for name, column in came.items()]


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
    plan: Plan, prepared: _Prepared, table: pl.DataFrame, at: datetime | None, held: Held | None
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
    if at is not None and plan.latency:
        failures += _latency_failures(plan, table, at, held)
    return failures, warnings


def _latency_failures(plan: Plan, table: pl.DataFrame, at: datetime, held: Held | None) -> list[str]:
    """The promises of latency that are broken at a moment: the newest value counts, of this batch or held before."""
    failures = []
    for rule in plan.latency:
        newest = [table.get_column(rule.column).max()]
        if held is not None and (newest[0] is None or _late(newest[0], at) > rule.at_most):
            newest.append(held.rows.select(pl.col(rule.column).max()).collect().item())
        spans = [_late(each, at) for each in newest if each is not None]
        if spans and (late := min(spans)) > rule.at_most:
            promised = f"at most {_span(rule.at_most)} is promised"
            failures.append(f"the newest {rule.column} is {_span(late)} old, but {promised}")
    return failures


def _late(newest: Any, at: datetime) -> timedelta:
    return at - (newest if isinstance(newest, datetime) else datetime.combine(newest, datetime.min.time(), at.tzinfo))


def _span(span: timedelta) -> str:
    """A span to the second, such as "3 days 4:05:09", "2 days", "0:30:00"."""
    days, rest = span.days, timedelta(seconds=span.seconds)
    told = [f"{days:,} day{'s' if days > 1 else ''}"] if days else []
    return " ".join([*told, *([str(rest)] if rest or not days else [])])
