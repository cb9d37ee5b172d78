"""The battery: corrupted batches are caught with a reason that names the place; valid ones are not touched.

28 kinds × 8 seeds here; `pytest -m slow` runs a thousand of each.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kreis.collection.contracts.contract import Contract
from kreis.collection.contracts.report import ContractReport

Corrupt = Callable[[pl.DataFrame, random.Random], pl.DataFrame]
c = pl.col
JANUARY = datetime(2013, 1, 1, tzinfo=UTC)


def at_row(row: int, column: str, value: pl.Expr | object) -> pl.Expr:
    other = value if isinstance(value, pl.Expr) else pl.lit(value)
    return pl.when(pl.int_range(pl.len()) == row).then(other).otherwise(c(column)).alias(column)


def one(column: str, value: object) -> Corrupt:
    return lambda frame, seed: frame.with_columns(at_row(seed.randrange(frame.height), column, value))


def changed(expression: pl.Expr) -> Corrupt:
    return lambda frame, _: frame.with_columns(expression)


def shift_columns(frame: pl.DataFrame, _: random.Random) -> pl.DataFrame:
    """Each value one column too far to the right, as after a stray separator."""
    texts = frame.select(c("at").dt.to_string("iso:strict"), pl.exclude("at").cast(pl.String)).select(frame.columns)
    return texts.select(c(texts.columns[i - 1]).alias(name) for i, name in enumerate(texts.columns))


def repeat_row(frame: pl.DataFrame, seed: random.Random) -> pl.DataFrame:
    return pl.concat([frame, frame.slice(seed.randrange(frame.height), 1)])


def same_key(frame: pl.DataFrame, seed: random.Random) -> pl.DataFrame:
    return frame.with_columns(at_row(seed.randrange(1, frame.height), "id", c("id").first()))


CORRUPTIONS: dict[str, tuple[Corrupt, str]] = {
    "null in a required column": (one("country", None), "country: missing"),
    "null key": (one("id", None), "id: missing"),
    "NaN": (one("price", float("nan")), "price: not finite"),
    "infinite": (one("weight", float("inf")), "weight: not finite"),
    "negative": (one("quantity", -3), "quantity: below 1"),
    "zero price": (one("price", 0.0), "price: not above 0"),
    "absurdly large": (one("price", 1e9), "price: above 10000"),
    "grams instead of kilograms": (changed(c("weight") * 1000), "weight: above 50"),
    "cents instead of euros": (changed((c("price") + 200) * 100), "price: above 10000"),
    "repeated row": (repeat_row, "id: primary key came before"),
    "key used twice": (same_key, "id: primary key came before"),
    "wrong pattern": (one("id", "12345"), "id: does not match"),
    "look-alike letters": (one("country", "DЕ"), "country: not among"),  # Cyrillic Е
    "invisible characters": (one("id", "O00001\u200b"), "id: does not match"),
    "mangled encoding": (one("email", "mÃ¼ller at example"), "email: not a valid email"),
    "lower case": (changed(c("country").str.to_lowercase()), "country: not among"),
    "blank text": (one("country", ""), "country: not among"),
    "decimal comma": (changed(c("price").cast(pl.String).str.replace(".", ",", literal=True)), "price: not a number"),
    "text in a number": (changed(at_row(0, "quantity", pl.lit("many"))), "quantity: not a whole number"),
    "fraction in a count": (changed(c("quantity") + 0.5), "quantity: not a whole number"),
    "shifted columns": (shift_columns, "id: does not match"),
    "no time zone": (changed(c("at").dt.replace_time_zone(None)), "at: not a moment in time with a zone"),
    "impossible date": (changed(at_row(1, "day", pl.lit("2013-02-30"))), "day: not a date"),
    "milliseconds for a moment": (changed(c("at").dt.epoch("ms")), "at: not a moment"),
    "a century off": (changed(c("at").dt.offset_by("100y")), "at: not below"),
    "month and day swapped": (changed(c("day").dt.strftime("%d/%m/%Y")), "day: not a date"),
    "yes and no": (
        changed(pl.when("paid").then(pl.lit("yes")).otherwise(pl.lit("no")).alias("paid")),
        "paid: not true",
    ),
    "a column renamed": (lambda frame, _: frame.rename({"price": "Price"}), "price: the column is missing"),
}


def corrupted(kind: str, seed: int, make: Callable[..., pl.DataFrame], orders: Contract) -> ContractReport:
    dice = random.Random(f"{kind}{seed}")
    batch = make(dice.randrange(3, 200), dice.randrange(50_000))
    spoiled = CORRUPTIONS[kind][0](batch, dice)
    result = orders.check(spoiled.lazy())
    assert result.good.height + result.quarantined.height == spoiled.height
    assert all(len(reasons) for reasons in result.quarantined["reasons"])
    return result.report


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_corrupted_batches_are_caught_with_a_reason(
    kind: str, orders: Contract, make_orders: Callable[..., pl.DataFrame]
) -> None:
    for seed in range(8):
        report = corrupted(kind, seed, make_orders, orders)
        told = [reason for reason in report.by_rule if reason.startswith(CORRUPTIONS[kind][1])]
        assert report.quarantined > 0, (kind, seed)
        assert told, (kind, seed, report.by_rule)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.integers(1, 300), first=st.integers(0, 90_000), days=st.integers(0, 200))
def test_valid_batches_are_never_touched(
    rows: int, first: int, days: int, orders: Contract, make_orders: Callable[..., pl.DataFrame]
) -> None:
    batch = make_orders(rows, first, JANUARY + timedelta(days=days))
    result = orders.check(batch.lazy(), strict=True)
    assert result.good.equals(batch)
    assert result.report.passed


@pytest.mark.slow
def test_all_of_a_thousand_corrupted_and_none_of_a_thousand_valid(
    orders: Contract, make_orders: Callable[..., pl.DataFrame]
) -> None:
    kinds = list(CORRUPTIONS)
    for i in range(1000):
        kind = kinds[i % len(kinds)]
        report = corrupted(kind, 1000 + i, make_orders, orders)
        assert any(reason.startswith(CORRUPTIONS[kind][1]) for reason in report.by_rule), (kind, i)
    for i in range(1000):
        dice = random.Random(i)
        batch = make_orders(
            dice.randrange(1, 200), dice.randrange(90_000), JANUARY + timedelta(days=dice.randrange(200))
        )
        assert orders.check(batch.lazy()).report.quarantined == 0, i
