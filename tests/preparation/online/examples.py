"""Small views, tables and rows to feed online stores with."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl

from kreis.expressions.tree import Aggregate, Column
from kreis.preparation.online.layout import Layout
from kreis.preparation.online.reader import OnlineFeatures
from kreis.preparation.online.store import OnlineStore, Rows, Value
from kreis.preparation.views import FeatureView

MINUTE = 60_000_000

HOUR = 60 * MINUTE

BASE = 1_700_000_000_000_000

X = Column("x")


def view_of(
    *,
    windows: tuple[str, ...] = (),
    ttl: str | None = None,
    name: str = "v",
    operations: tuple[str, ...] = ("mean", "std", "min", "max", "sum", "last"),
) -> FeatureView:
    features = {"x": X}
    if windows:
        features = {operation: Aggregate(operation, X) for operation in operations}  # type: ignore[misc]
    return FeatureView(
        name=name,
        entity="who",
        table="t",
        event_time="event",
        known_at="known",
        features=features,  # type: ignore[arg-type]
        windows=windows,
        ttl=ttl,
    )


WINDOWED = view_of(windows=("1h", "8h"))

SUMS = view_of(windows=("1h", "8h"), operations=("mean", "sum"))

LATEST = view_of(ttl="2h", name="latest")


def table_of(rows: int, *, entities: int = 5, delay: int = 2 * HOUR, seed: int = 3) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    event = BASE + rng.integers(0, 48 * HOUR, rows)
    moment = pl.Datetime("us", "UTC")
    return pl.DataFrame(
        {
            "who": [f"entity-{each}" for each in rng.integers(0, entities, rows)],
            "event": pl.Series(event).cast(moment),
            "known": pl.Series(event + rng.integers(0, delay, rows)).cast(moment),
            "x": rng.normal(size=rows),
        }
    )


def rows_of(layout: Layout, entities: list[str], event: list[int], x: list[float]) -> Rows:
    times = np.array(event, dtype=np.int64)
    return Rows(layout, entities, times, times, np.array(x, dtype=np.float64).reshape(-1, 1))


def first(values: Iterable[Value | None]) -> bytes:
    """The first value that was read; nothing for a key that is not there."""
    return bytes(next(iter(values)) or b"")


def answers(store: OnlineStore, view: FeatureView, at: int) -> list[list[float]]:
    return OnlineFeatures(store, [view]).vectors([({"who": f"entity-{each}"}, at) for each in range(5)])
