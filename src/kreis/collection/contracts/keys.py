"""Rows whose key came before, in the batch or in what was collected earlier."""

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
        if not _surely_distinct(rule, table) and (rows := _later_rows(rule, table, sound)).len():
            found[rule.reason] = _mask(rows, table.height)
    if collected is not None and plan.primary_key:
        rows = _collected_rows(plan, table, sound, collected)
        if rows.len():
            found[f"{', '.join(plan.primary_key)}: primary key was collected before"] = _mask(rows, table.height)
    return found


def _hashes(rule: KeyRule, table: pl.DataFrame) -> pl.Series:
    key = pl.col(rule.columns[0]) if len(rule.columns) == 1 else pl.struct(rule.columns)
    return table.select(key.hash().alias("hash")).to_series()


def _whole(rule: KeyRule, table: pl.DataFrame) -> pl.Series | None:
    """Which rows have every part of the key; None where all have."""
    if not any(table.get_column(name).null_count() for name in rule.columns):
        return None
    return table.select(pl.all_horizontal(pl.col(name).is_not_null() for name in rule.columns)).to_series()


def _surely_distinct(rule: KeyRule, table: pl.DataFrame) -> bool:
    hashes, whole = _hashes(rule, table), _whole(rule, table)
    if whole is not None:
        hashes = hashes.filter(whole)
    return hashes.n_unique() == hashes.len()


def _later_rows(rule: KeyRule, table: pl.DataFrame, sound: pl.Series) -> pl.Series:
    whole = _whole(rule, table)
    candidates = sound if whole is None else sound & whole
    hashes = _hashes(rule, table)
    among = hashes.filter(candidates)
    twice = among.filter(~among.is_first_distinct()).unique()
    rows = table.select(rule.columns).with_row_index(_ROW).filter(candidates & hashes.is_in(twice.implode()))
    return rows.filter(~pl.struct(rule.columns).is_first_distinct()).get_column(_ROW)


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
