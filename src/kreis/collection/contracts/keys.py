"""Rows whose key came before, in the batch or in what was collected earlier.

Keys are hashed to 64 bits and the hashes sorted: where no two neighbours are equal, no key comes twice, for
certain. The keys themselves are compared only among rows whose hash comes twice, so a hash that collides costs
time, never a row.
"""

from __future__ import annotations

import polars as pl

from kreis.collection.contracts.rules import KeyRule, Plan

__all__ = ["repeated_rows"]

_ROW = "__row"


def repeated_rows(
    plan: Plan, table: pl.DataFrame, sound: pl.Series, collected: pl.LazyFrame | None
) -> dict[str, pl.Series]:
    """Reason to a Boolean per row, for the key rules that some row breaks.

    The first of several rows with one key is kept, by the order in which they came; rows that are bad already
    (not `sound`) neither count as first nor are marked.
    """
    found: dict[str, pl.Series] = {}
    for rule in plan.key_rules:
        if (rows := _later_rows(rule, table, sound)).len():
            found[rule.reason] = _mask(rows, table.height)
    if collected is not None and plan.primary_key:
        rows = _collected_rows(plan, table, sound, collected)
        if rows.len():
            found[f"{', '.join(plan.primary_key)}: primary key was collected before"] = _mask(rows, table.height)
    return found


def _later_rows(rule: KeyRule, table: pl.DataFrame, sound: pl.Series) -> pl.Series:
    key = pl.col(rule.columns[0]) if len(rule.columns) == 1 else pl.struct(rule.columns)
    hashes = table.select(key.hash().alias("hash")).to_series()
    whole = _whole(rule, table)
    ordered = (hashes if whole is None else hashes.filter(whole)).sort()
    twice = ordered.filter(ordered == ordered.shift(1)).unique()
    if not twice.len():
        return pl.Series(_ROW, [], dtype=pl.UInt32)
    candidates = (sound if whole is None else sound & whole) & hashes.is_in(twice.implode())
    rows = table.select(rule.columns).with_row_index(_ROW).filter(candidates)
    return rows.filter(~pl.struct(rule.columns).is_first_distinct()).get_column(_ROW)


def _whole(rule: KeyRule, table: pl.DataFrame) -> pl.Series | None:
    """Which rows have every part of the key; None where all have."""
    if not any(table.get_column(name).null_count() for name in rule.columns):
        return None
    return table.select(pl.all_horizontal(pl.col(name).is_not_null() for name in rule.columns)).to_series()


def _collected_rows(plan: Plan, table: pl.DataFrame, sound: pl.Series, collected: pl.LazyFrame) -> pl.Series:
    names = list(plan.primary_key)
    types = {column.name: column.dtype for column in plan.columns}
    batch = table.select(names).with_row_index(_ROW).filter(sound)
    earlier = collected.select(pl.col(name).cast(types[name]) for name in names)
    known = earlier.join(batch.lazy().select(names), on=names, how="semi").collect(engine="streaming")
    if not known.height:
        return pl.Series(_ROW, [], dtype=pl.UInt32)
    return batch.join(known, on=names, how="semi").get_column(_ROW)


def _mask(rows: pl.Series, height: int) -> pl.Series:
    return pl.repeat(False, height, eager=True).scatter(rows, True)
