"""The features of one request: kreis's row path beside a Polars select of one row.

    python benchmarks/expressions.py

Both alternate in one run; printed are medians over rounds, in microseconds of wall time per row. The batch part
does the same for many rows, in nanoseconds per row.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from kreis.expressions.from_polars import from_polars
from kreis.expressions.rows import compile_row
from kreis.expressions.to_polars import kinds_of, to_feature

ROUNDS, CALLS, ROWS = 15, 2_000, 100_000

SCHEMA = {
    "scheduled": pl.Datetime("us", "UTC"),
    "arrives": pl.Datetime("us", "UTC"),
    "distance": pl.Float64,
    "origin": pl.String,
}
LOCAL = pl.col("scheduled").dt.convert_time_zone("America/New_York")
FLIGHT = {
    "hour": LOCAL.dt.hour(),
    "weekday": LOCAL.dt.weekday(),
    "month": LOCAL.dt.month(),
    "distance": pl.col("distance").log1p(),
    "minutes": (pl.col("arrives") - pl.col("scheduled")).dt.total_minutes(),
    "from_jfk": (pl.col("origin") == "JFK").cast(pl.Float64),
}
SIMPLE = {name: FLIGHT[name] for name in ("distance", "from_jfk")}
AT = datetime(2013, 6, 1, 17, 35, tzinfo=UTC)
ROW = {"scheduled": AT, "arrives": AT + timedelta(minutes=345), "distance": 2475.0, "origin": "JFK"}


def micros(call: Callable[[], Any], calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - start) / calls * 1e6


def single(title: str, features: Mapping[str, pl.Expr]) -> None:
    trees = {name: from_polars(expr, where=name) for name, expr in features.items()}
    compute = compile_row(trees, kinds_of(pl.Schema(SCHEMA)))
    exprs = [to_feature(tree).alias(name) for name, tree in trees.items()]
    frame = pl.DataFrame([ROW], schema=SCHEMA)
    assert compute(ROW) == list(frame.select(exprs).row(0))
    ways: dict[str, tuple[Callable[[], Any], int]] = {
        "kreis, a row": (lambda: compute(ROW), CALLS),
        "Polars, select of a ready frame": (lambda: frame.select(exprs), CALLS // 10),
        "Polars, frame from the row, select, values": (
            lambda: pl.DataFrame([ROW], schema=SCHEMA).select(exprs).row(0),
            CALLS // 10,
        ),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, (call, calls) in ways.items():
            taken[name].append(micros(call, calls))
    ours = statistics.median(taken["kreis, a row"])
    print(f"{title}: {len(features)} features of one row")
    for name, values in taken.items():
        median = statistics.median(values)
        print(f"  {name:<45}{median:10.2f} µs{median / ours:8.1f} x{median / len(features):10.2f} µs a feature")


def batch() -> None:
    random = np.random.default_rng(1)
    frame = pl.DataFrame(
        {
            "scheduled": pl.Series(random.integers(1_356_998_400, 1_388_534_400, ROWS) * 1_000_000).cast(
                SCHEMA["scheduled"]
            ),
            "distance": random.normal(1_000, 300, ROWS),
            "origin": random.choice(["JFK", "LGA", "EWR"], ROWS),
        }
    ).with_columns(arrives=pl.col("scheduled") + pl.duration(minutes=345))
    rows = frame.to_dicts()
    print(f"batch: {ROWS:,} rows, ns a row (row by row, Polars as to_polars)")
    for name, expr in FLIGHT.items():
        tree = from_polars(expr, where=name)
        compute = compile_row({name: tree}, kinds_of(frame.schema))
        ours, theirs = [], []
        for _ in range(3):
            start = time.perf_counter()
            for row in rows:
                compute(row)
            middle = time.perf_counter()
            frame.select(to_feature(tree))
            ours.append((middle - start) / ROWS * 1e9)
            theirs.append((time.perf_counter() - middle) / ROWS * 1e9)
        print(f"  {name:<12}{statistics.median(ours):10.1f}{statistics.median(theirs):10.1f}")


if __name__ == "__main__":
    single("simple", SIMPLE)
    single("flight", FLIGHT)
    batch()
