"""Batch and online against an oracle that looks at every row for every question, and against each other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from kreis.durations import duration_us
from kreis.expressions.tree import Aggregate, Call, Column, Expression
from kreis.preparation import point_in_time_timeline
from kreis.preparation.online.feed import OnlineFeed
from kreis.preparation.online.layout import Layout
from kreis.preparation.online.lmdb_store import LmdbStore
from kreis.preparation.online.reader import OnlineFeatures
from kreis.preparation.point_in_time import join
from kreis.preparation.views import FeatureView

SECOND = 1_000_000
BASE = 1_700_000_000 * SECOND
X, Y = Column("x"), Column("y")
OPERATIONS: tuple[str, ...] = ("sum", "mean", "min", "max", "count", "std", "last")

Row = tuple[str | None, int | None, int | None, float | None, float | None]

# Ties, and edges to the microsecond: 30-second steps around windows of whole minutes.
moments = st.builds(
    lambda step, edge: BASE + step * 30 * SECOND + edge, st.integers(0, 14), st.sampled_from([0, 0, 0, -1, 1])
)
delays = st.sampled_from([0, 0, 0, 1, 30 * SECOND, 60 * SECOND, 200 * SECOND, -30 * SECOND, None])
numbers = st.one_of(
    st.integers(-3, 3).map(float),
    st.sampled_from([0.1, 0.3, 1e6, 1e-3, 12345.678]),
    st.floats(-1e9, 1e9).map(lambda value: round(value, 12)),
    st.just(float("nan")),
    st.none(),
)
entities = st.sampled_from(["a", "a", "a", "b", "ü-3", None])


@st.composite
def rows(draw: st.DrawFn) -> Row:
    event = draw(st.one_of(moments, moments, moments, moments, st.none()))
    delay = draw(delays)
    known = None if delay is None else (event or BASE) + delay
    return draw(entities), event, known, draw(numbers), draw(numbers)


tables = st.lists(rows(), max_size=25)
spines = st.lists(
    st.tuples(st.sampled_from(["a", "b", "ü-3", "nobody", None]), st.one_of(moments, st.none())), max_size=12
)


def table_frame(table: list[Row]) -> pl.DataFrame:
    moment = pl.Datetime("us", "UTC")
    schema = {"who": pl.String, "event": moment, "known": moment, "x": pl.Float64, "y": pl.Float64}
    return pl.DataFrame(table, schema=schema, orient="row")


def spine_frame(spine: list[tuple[str | None, int | None]]) -> pl.DataFrame:
    return pl.DataFrame(spine, schema={"who": pl.String, "at": pl.Datetime("us", "UTC")}, orient="row")


def view_of(features: dict[str, Expression], *, windows: tuple[str, ...] = (), ttl: str | None = None) -> FeatureView:
    times = {"event_time": "event", "known_at": "known"}
    return FeatureView(name="v", entity="who", table="t", features=features, windows=windows, ttl=ttl, **times)


WINDOWED = view_of(
    {
        **{f"{operation}_x": Aggregate(operation, X) for operation in OPERATIONS},
        "rows": Aggregate("len"),
        "mean_y": Aggregate("mean", Y),
        "share": Call("divide", (Aggregate("count", Y), Aggregate("len"))),
    },
    windows=("1m", "3m", "1h"),
)


def seen(table: list[Row], who: str | None, at: int | None, reach: float) -> list[Row]:
    """What the law says may be seen, oldest first."""
    if who is None or at is None:
        return []
    kept = [
        (event, known, place)
        for place, (entity, event, known, _, _) in enumerate(table)
        if entity == who and event is not None and known is not None
        if at - reach < event <= at and known <= at
    ]
    return [table[place] for _, _, place in sorted(kept)]


def expected(operation: str, rows: list[Row], column: int) -> float:
    values = [row[column] for row in rows if row[column] is not None and not math.isnan(row[column])]
    match operation:
        case "len":
            return float(len(rows))
        case "count":
            return float(len(values))
        case "sum":
            return math.fsum(values)
        case "last":
            last = rows[-1][column] if rows else None
            return math.nan if last is None else last
        case "std":
            return float(np.std(np.array(values), ddof=1)) if len(values) > 1 else math.nan
    if not values:
        return math.nan
    return {"mean": lambda: math.fsum(values) / len(values), "min": lambda: min(values), "max": lambda: max(values)}[
        operation
    ]()


def agrees(got: float, want: float, scale: float) -> bool:
    return (math.isnan(got) and math.isnan(want)) or math.isclose(got, want, rel_tol=1e-9, abs_tol=1e-14 * scale)


def check_windows(view: FeatureView, table: list[Row], spine: list[Any]) -> None:
    result = join(spine_frame(spine), [(view, table_frame(table))], time="at")
    assert result.columns == ["who", "at", *view.feature_names]
    for (who, at), got in zip(spine, result.iter_rows(named=True), strict=True):
        for window in view.windows:
            kept = seen(table, who, at, duration_us(window))
            for column, name in ((3, "x"), (4, "y")):
                scale = sum(abs(row[column]) for row in kept if row[column] is not None and not math.isnan(row[column]))
                for operation in OPERATIONS:
                    key = f"v__{operation}_{name}_{window}"
                    if key in got:
                        assert agrees(got[key], expected(operation, kept, column), scale), (key, who, at)
            assert got[f"v__rows_{window}"] == len(kept)
            share = expected("count", kept, 4) / len(kept) if kept else math.nan
            assert agrees(got[f"v__share_{window}"], share, 0)


def check_latest(ttl: str | None, table: list[Row], spine: list[Any]) -> None:
    view = view_of({"x": X, "sum": Call("add", (X, Y))}, ttl=ttl)
    result = join(spine_frame(spine), [(view, table_frame(table))], time="at")
    for (who, at), got in zip(spine, result.iter_rows(named=True), strict=True):
        kept = seen(table, who, at, duration_us(ttl) if ttl else math.inf)
        x, y = (expected("last", kept, column) for column in (3, 4))
        assert agrees(got["v__x"], x, 0)
        assert agrees(got["v__sum"], x + y, 0)


def crowded(seed: int) -> tuple[list[Row], list[tuple[str | None, int | None]]]:
    """Many rows of two entities on few moments, so that ties and edges are the rule; asked at every edge."""
    rng = np.random.default_rng(seed)
    delays = [0, 0, 1, 30 * SECOND, 60 * SECOND, 60 * SECOND - 1, 180 * SECOND, -30 * SECOND]
    table: list[Row] = []
    for _ in range(int(rng.integers(20, 150))):
        event = BASE + int(rng.integers(0, 14)) * 30 * SECOND
        x = None if rng.random() < 0.1 else float(rng.integers(-3, 4)) + 0.1
        table.append((str(rng.choice(["a", "b"])), event, event + int(rng.choice(delays)), x, float(rng.normal())))
    edges = {time + width * SECOND for time in {row[1] for row in table if row[1]} for width in (0, 60, 120, 180)}
    asked = sorted(edge + by for edge in edges for by in (-1, 0, 1))
    return table, [(str(rng.choice(["a", "b"])), at) for at in asked]


@settings(max_examples=200, deadline=None)
@given(tables, spines)
def test_a_windowed_feature_is_the_aggregate_of_what_was_known(table: list[Row], spine: list[Any]) -> None:
    check_windows(WINDOWED, table, spine)


@settings(max_examples=200, deadline=None)
@given(tables, spines, st.sampled_from([None, "1m", "2m", "1h"]))
def test_a_latest_feature_is_that_of_the_last_row_known(table: list[Row], spine: list[Any], ttl: str | None) -> None:
    check_latest(ttl, table, spine)


@pytest.mark.parametrize("seed", range(8))
def test_ties_and_edges_are_decided_by_the_law(seed: int) -> None:
    table, spine = crowded(seed)
    check_windows(WINDOWED, table, spine)
    for ttl in (None, "1m", "2m"):
        check_latest(ttl, table, spine)


def test_keys_too_large_for_one_integer_are_ranked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(point_in_time_timeline, "_LARGEST_KEY", 1000)
    table, spine = crowded(99)
    check_windows(WINDOWED, table, spine)
    check_latest("2m", table, spine)


@pytest.mark.parametrize("view", [WINDOWED, view_of({"x": X, "y": Y}), view_of({"x": X, "y": Y}, ttl="2m")])
@pytest.mark.parametrize("seed", range(6))
def test_a_corrected_row_is_seen_until_its_correction_was_known(view: FeatureView, seed: int) -> None:
    """Against the table as it stood at each moment."""
    table, spine = crowded(seed)
    rng = np.random.default_rng(seed)
    until = [None if rng.random() < 0.6 else row[2] + int(rng.integers(-1, 5)) * 30 * SECOND for row in table if row[2]]
    frame = table_frame(table).with_columns(pl.Series("superseded_at", until, dtype=pl.Datetime("us", "UTC")))
    result = join(spine_frame(spine), [(view, frame)], time="at")
    for at in {at for _, at in spine}:
        stands = frame.filter(pl.col("superseded_at").dt.epoch("us").fill_null(2**62) > at).drop("superseded_at")
        asked = pl.col("at").dt.epoch("us") == at
        expected = join(spine_frame(spine).filter(asked), [(view, stands)], time="at")
        assert_frame_equal(result.filter(asked), expected)


SHORT = view_of(WINDOWED.features, windows=("1m", "3m"))
"""Many tiles: one spans 22.5 seconds."""
LATEST = view_of({"x": X, "sum": Call("add", (X, Y))}, ttl="2m")
EVER = view_of({"x": X, "y": Y})
shared_folder = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LmdbStore]:
    folder: Path = tmp_path_factory.mktemp("online")
    opened = LmdbStore(folder)
    yield opened
    opened.close()


FED = ["as known", "as known, all kept", "all", "all, in pieces"]


def check_online(store: LmdbStore, view: FeatureView, table: list[Row], spine: list[Any], fed: str) -> None:
    spine = sorted((each for each in spine if each[1] is not None), key=lambda each: each[1])
    frame = table_frame(table)
    batch = join(spine_frame(spine), [(view, frame)], time="at").select(view.feature_names)
    store.clear(Layout(view))
    feed = OnlineFeed(store, [(view, frame)], history=fed != "as known")
    feed.advance(BASE - 10**9)
    features = OnlineFeatures(store, [view])
    if fed == "all, in pieces":
        for step in range(0, 20, 2):
            feed.advance(BASE + step * 30 * SECOND)
    if fed.startswith("all"):
        feed.advance(BASE + 10**10)
    scale = sum(abs(value) for row in table for value in row[3:] if value is not None and not math.isnan(value))
    for (who, at), want in zip(spine, batch.iter_rows(), strict=True):
        if not fed.startswith("all"):
            feed.advance(at)
        got = features.vector({} if who is None else {"who": who}, at)
        for name, online, offline in zip(view.feature_names, got, want, strict=True):
            exact = "std" not in name
            same = online == offline or (math.isnan(online) and (offline is None or math.isnan(offline)))
            assert same if exact else agrees(online, offline, scale), (name, who, at, online, offline)


@shared_folder
@given(tables, spines, st.sampled_from([SHORT, SHORT, WINDOWED, LATEST, EVER]), st.sampled_from(FED))
def test_online_equals_batch(store: LmdbStore, table: list[Row], spine: list[Any], view: FeatureView, fed: str) -> None:
    check_online(store, view, table, spine, fed)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("fed", FED)
def test_online_equals_batch_at_ties_and_edges(store: LmdbStore, fed: str, seed: int) -> None:
    table, spine = crowded(seed)
    for view in (SHORT, LATEST, EVER):
        check_online(store, view, table, spine, fed)
