"""Rows that came before: copies, corrections and conflicts, in the batch or with what was collected earlier.

A row of a source with a primary key is a *version* of its key. The same key with a later known-at and other values
is a correction, and both versions are kept: which one counts at a moment is decided by what was known then. An exact
copy is left out. Two versions of one moment with different values contradict each other.

Keys are hashed to 64 bits and the hashes sorted: where no two neighbours are equal, no key comes twice, for
certain. The keys themselves are compared only among rows whose hash comes twice, so a hash that collides costs
time, never a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from kreis.collection.contracts.rules import KeyRule, Plan

__all__ = ["Held", "Repeats", "compare"]

_ROW = "__row"
_HELD = "__held"
_STATUS = "__status"


@dataclass(frozen=True, kw_only=True)
class Held:
    """What earlier collections hold."""

    rows: pl.LazyFrame
    """Bronze: every version of every row."""
    since: datetime | None
    """The batch was read from there on: all held rows known after it should be in it. None: from the beginning."""
    until: datetime
    """All that was known by then was collected; a row that comes now and was known by then is late."""
    known_at: str
    quarantine: pl.LazyFrame | None = None
    """Bad rows that a passed collection has set aside: they are not judged again."""
    replace: bool = False
    """Whether another value for a key and known-at that is held replaces it; else it is a bad row."""
    standing: bool = False
    """Whether the batch holds of each key only the version that stands: an older one that does not come is not gone."""


@dataclass(frozen=True)
class Repeats:
    """What rows of a batch came before; a Boolean per row each. No row is in two of them."""

    held: pl.Series
    """Collected already, as they came."""
    copies: pl.Series
    """The same as an earlier row of the batch."""
    corrections: pl.Series
    """Another value for a key that was known with an older one."""
    versions: pl.Series
    """Rows of keys that have several versions by now, corrections among them."""
    replacing: pl.Series
    """Another value for a key and known-at that is held."""
    broken: dict[str, pl.Series]
    """Reason to the rows that break a key rule."""
    vanished: int = 0
    """How many held rows should have come again and did not."""


def compare(plan: Plan, table: pl.DataFrame, sound: pl.Series, known_at: str | None, held: Held | None) -> Repeats:
    """Find the rows that came before.

    Args:
        plan: The contract.
        table: The batch, in the contract's types.
        sound: Which rows are good so far; others neither count as first nor are marked.
        known_at: The column that orders the versions of a key. Without it a key comes once: the first row is kept.
        held: What was collected earlier; only together with `known_at`.
    """
    nothing = pl.repeat(False, table.height, eager=True)
    marks = dict.fromkeys(("held", "copies", "corrections", "versions", "replacing"), nothing)
    broken: dict[str, pl.Series] = {}
    if plan.primary_key and known_at is not None:
        found = _versions(plan, table, sound, known_at, held)
        if found is not None:
            for status, name in (("held", "held"), ("copy", "copies"), ("later", "corrections"), ("new", "replacing")):
                marks[name] = _mask(found.filter(pl.col(_STATUS) == status).get_column(_ROW), table.height)
            marks["versions"] = _mask(found.filter("__several").get_column(_ROW), table.height)
            for status, phrase in (("again", "came before"), ("other", f"is held with this {known_at}, other values")):
                if (rows := found.filter(pl.col(_STATUS) == status).get_column(_ROW)).len():
                    broken[f"{', '.join(plan.primary_key)}: primary key {phrase}"] = _mask(rows, table.height)
    elif held is not None:
        marks["held"] = _mask(_same_rows(plan, table, sound, held), table.height)
    left = sound & ~marks["held"] & ~marks["copies"]
    rules = [rule for rule in plan.key_rules if known_at is None or not rule.primary]
    for rule in rules:
        if (rows := _later_rows(rule, plan, table, left, versioned=known_at is not None)).len():
            broken[rule.reason] = _mask(rows, table.height)
        if held is not None and (rows := _collected_values(rule, plan, table, left, held)).len():
            broken[f"{', '.join(rule.columns)}: value was collected before"] = _mask(rows, table.height)
    vanished = 0 if held is None else _vanished(plan, table, marks["held"], held)
    return Repeats(**marks, broken=broken, vanished=vanished)


def _versions(
    plan: Plan, table: pl.DataFrame, sound: pl.Series, known_at: str, held: Held | None
) -> pl.DataFrame | None:
    """The rows whose key came before, each with its status; None where no key did.

    Status: "held", "copy", "later" (a correction), "new" (replaces), "other" and "again" (bad), null (kept as it is).
    """
    keys = list(plan.primary_key)
    twice = _twice(keys, table)
    names = [column.name for column in plan.columns]
    known = None if held is None else _rows_of_keys(plan, table, held)
    candidates = sound & twice
    if known is not None and known.height:
        batch = table.select(keys).with_row_index(_ROW)
        candidates |= sound & _mask(batch.join(known, on=keys, how="semi").get_column(_ROW), table.height)
    if not candidates.any():
        return None
    rows = table.select(names).with_row_index(_ROW).filter(candidates).with_columns(pl.lit(False).alias(_HELD))
    if known is not None and known.height:
        earlier = known.with_columns(pl.lit(None, dtype=pl.UInt32).alias(_ROW), pl.lit(True).alias(_HELD))
        rows = pl.concat([earlier.select(rows.columns), rows])
    values = [name for name in names if name not in (*keys, known_at)]
    return _judged(rows.sort(*keys, known_at, ~pl.col(_HELD), _ROW), keys, values, known_at, held)


def _judged(rows: pl.DataFrame, keys: list[str], values: list[str], known_at: str, held: Held | None) -> pl.DataFrame:
    """Statuses of the batch's rows; `rows` is in the order of key, known-at, held first, position.

    Rows of one key and moment form a group; its head is the first of them, or the row that replaces a held one.
    """
    same_key = _as_before(keys)
    groups = rows.with_columns((same_key & _as_before([known_at])).fill_null(False).alias("__same"))
    groups = groups.with_row_index("__place").with_columns(
        pl.when(~pl.col("__same")).then("__place").forward_fill().alias("__group")
    )
    equal = pl.all_horizontal(
        pl.lit(True), *(pl.col(each).eq_missing(pl.col(each).gather("__group")) for each in values)
    )
    groups = groups.with_columns(equal.alias("__equal"), pl.col(_HELD).gather("__group").alias("__among_held"))
    first_other = ~pl.col("__equal") & ((~pl.col("__equal")).cum_sum().over("__group") == 1)
    groups = groups.with_columns(
        (first_other & pl.col("__among_held") & pl.lit(held is not None and held.replace)).alias("__new")
    ).with_columns((pl.col("__new") | (~pl.col("__same") & ~pl.col("__new").any().over("__group"))).alias("__head"))
    heads = groups.filter("__head").with_columns(
        same_key.fill_null(False).alias("__later"),
        pl.col(_HELD).shift(1).fill_null(False).alias("__after_held"),
        _as_before(values).alias("__as_before"),
    )
    unchanged = pl.col("__later") & pl.col("__as_before") & ~pl.col(_HELD) & ~pl.col("__new")
    heads = heads.with_columns(unchanged.fill_null(False).alias("__unchanged"))
    heads = heads.with_columns(((pl.len() - pl.col("__unchanged").sum()).over(keys) > 1).alias("__several"))
    status = (
        pl.when("__new").then(pl.lit("new"))
        .when("__unchanged").then(pl.when("__after_held").then(pl.lit("held")).otherwise(pl.lit("copy")))
        .when("__later").then(pl.lit("later"))
    )  # fmt: skip
    first = heads.filter(~pl.col(_HELD)).select(_ROW, status.alias(_STATUS), "__several")
    rest_status = (
        pl.when("__equal").then(pl.when("__among_held").then(pl.lit("held")).otherwise(pl.lit("copy")))
        .when("__among_held").then(pl.lit("other"))
        .otherwise(pl.lit("again"))
    )  # fmt: skip
    rest = groups.filter(~pl.col("__head"), ~pl.col(_HELD))
    return pl.concat([first, rest.select(_ROW, rest_status.alias(_STATUS), pl.lit(False).alias("__several"))])


def _as_before(names: list[str]) -> pl.Expr:
    """Whether the row before has the same values."""
    return pl.all_horizontal(pl.lit(True), *(pl.col(each).eq_missing(pl.col(each).shift(1)) for each in names))


def _twice(names: list[str], table: pl.DataFrame) -> pl.Series:
    """Which rows have a whole key whose hash comes more than once."""
    key = pl.col(names[0]) if len(names) == 1 else pl.struct(names)
    hashes = table.select(key.hash().alias("hash")).to_series()
    whole = _whole(names, table)
    ordered = (hashes if whole is None else hashes.filter(whole)).sort()
    twice = ordered.filter(ordered == ordered.shift(1)).unique()
    if not twice.len():
        return pl.repeat(False, table.height, eager=True)
    found = hashes.is_in(twice.implode())
    return found if whole is None else found & whole


def _whole(names: list[str], table: pl.DataFrame) -> pl.Series | None:
    """Which rows have every part of the key; None where all have."""
    if not any(table.get_column(name).null_count() for name in names):
        return None
    return table.select(pl.all_horizontal(pl.col(name).is_not_null() for name in names)).to_series()


def _rows_of_keys(plan: Plan, table: pl.DataFrame, held: Held) -> pl.DataFrame:
    """The held rows of the batch's keys."""
    keys = list(plan.primary_key)
    earlier = held.rows.select(pl.col(column.name).cast(column.dtype) for column in plan.columns)
    return earlier.join(table.lazy().select(keys), on=keys, how="semi").collect(engine="streaming")


def _same_rows(plan: Plan, table: pl.DataFrame, sound: pl.Series, held: Held) -> pl.Series:
    """Without a primary key: the rows that are held in every column, as often as they are held."""
    names = [column.name for column in plan.columns]
    old = (table.get_column(held.known_at) <= held.until).fill_null(False)
    batch = table.select(names).with_row_index(_ROW).filter(sound & old)
    if not batch.height:
        return batch.get_column(_ROW)
    since = batch.get_column(held.known_at).min()
    earlier = held.rows.filter(pl.col(held.known_at) >= since)
    count = pl.int_range(pl.len()).over(names).alias("__count")
    typed = earlier.select(pl.col(column.name).cast(column.dtype) for column in plan.columns).with_columns(count)
    counted = batch.with_columns(count)
    return counted.join(typed.collect(), on=[*names, "__count"], how="semi", nulls_equal=True).get_column(_ROW)


def _vanished(plan: Plan, table: pl.DataFrame, again: pl.Series, held: Held) -> int:
    """The number of held rows of the time that was read again which are not in the batch."""
    known_at = pl.col(held.known_at)
    earlier = held.rows if held.since is None else held.rows.filter(known_at > held.since)
    if not plan.primary_key:
        came = table.filter(again) if held.since is None else table.filter(again).filter(known_at > held.since)
        return int(earlier.select(pl.len()).collect().item()) - came.height
    place = list(dict.fromkeys([*plan.primary_key, held.known_at]))
    types = {column.name: column.dtype for column in plan.columns}
    typed = earlier.select(pl.col(name).cast(types[name]) for name in place)
    place = list(plan.primary_key) if held.standing else place
    return int(typed.join(table.lazy().select(place), on=place, how="anti").select(pl.len()).collect().item())


def _later_rows(rule: KeyRule, plan: Plan, table: pl.DataFrame, sound: pl.Series, *, versioned: bool) -> pl.Series:
    """The rows whose value came before in the batch; versions of one primary key may share it."""
    names = list(rule.columns)
    candidates = sound & _twice(names, table)
    if not candidates.any():
        return pl.Series(_ROW, [], dtype=pl.UInt32)
    owner = [name for name in plan.primary_key if name not in names] if versioned else []
    rows = table.select(*names, *owner).with_row_index(_ROW).filter(candidates)
    if not owner:
        return rows.filter(~pl.struct(names).is_first_distinct()).get_column(_ROW)
    first = rows.unique(names, keep="first", maintain_order=True)
    return rows.join(first, on=[*names, *owner], how="anti", nulls_equal=True).get_column(_ROW)


def _collected_values(rule: KeyRule, plan: Plan, table: pl.DataFrame, sound: pl.Series, held: Held) -> pl.Series:
    """The rows whose value a row of another primary key holds."""
    names = list(rule.columns)
    owner = [name for name in plan.primary_key if name not in names]
    types = {column.name: column.dtype for column in plan.columns}
    batch = table.select(*names, *owner).with_row_index(_ROW).filter(sound)
    whole = pl.all_horizontal(pl.col(name).is_not_null() for name in names)
    earlier = held.rows.select(pl.col(name).cast(types[name]) for name in (*names, *owner))
    known = earlier.join(batch.lazy().select(names), on=names, how="semi").unique().collect(engine="streaming")
    batch = batch.filter(whole).join(known.select(names).unique(), on=names, how="semi")
    if owner:
        batch = batch.join(known, on=[*names, *owner], how="anti", nulls_equal=True)
    return batch.get_column(_ROW)


def _mask(rows: pl.Series, height: int) -> pl.Series:
    return pl.repeat(False, height, eager=True).scatter(rows, True)
