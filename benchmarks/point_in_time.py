"""Point-in-time join of latest views: kreis beside Polars join_asof and DuckDB's ASOF JOIN, alternately in one run.

    python benchmarks/point_in_time.py [rows ...] [--repeats 3]

The work of PEERS: 3 feature views of rows/2 each, 50,000 entities, 90 days, ttl 30 days; everything is known
when it happens. Each run is a process of its own, so that its peak memory is its own. DuckDB is left out where
it is not installed. Also timed, without a peer: the same tables as windowed means (24h, 7d).
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from kreis.expressions.tree import Aggregate, Column
from kreis.preparation.point_in_time import join
from kreis.preparation.views import FeatureView

ENTITIES, DAYS, VIEWS = 50_000, 90, 3
START = datetime(2026, 1, 1, tzinfo=UTC)


def made(rows: int) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    rng = np.random.default_rng(7)
    moment = pl.Datetime("us", "UTC")
    base = int(START.timestamp() * 1e6)

    def frame(count: int, time: str) -> pl.DataFrame:
        times = base + rng.integers(0, DAYS * 86_400 * 1_000_000, count)
        who = pl.Series("who", rng.integers(0, ENTITIES, count)).cast(pl.String)
        return pl.DataFrame([pl.Series("who", "e-" + who), pl.Series(time, times).cast(moment)])

    spine = frame(rows, "at")
    tables = []
    for place in range(VIEWS):
        values = [pl.Series(f"x{place}_{each}", rng.normal(size=rows // 2)) for each in range(2)]
        tables.append(frame(rows // 2, "event").hstack(values))
    return spine, tables


def views(tables: list[pl.DataFrame], **times: Any) -> list[tuple[FeatureView, pl.DataFrame]]:
    made = []
    for place, table in enumerate(tables):
        columns = [Column(name) for name in table.columns[2:]]
        features: dict[str, Any] = {
            each.name: Aggregate("mean", each) if "windows" in times else each for each in columns
        }
        view = FeatureView(
            name=f"v{place}", entity="who", table="t", event_time="event", known_at="event", features=features, **times
        )
        made.append((view, table))
    return made


def by_kreis(spine: pl.DataFrame, tables: list[pl.DataFrame]) -> pl.DataFrame:
    return join(spine, views(tables, ttl="30d"), time="at")


def by_kreis_windows(spine: pl.DataFrame, tables: list[pl.DataFrame]) -> pl.DataFrame:
    return join(spine, views(tables, windows=("24h", "7d")), time="at")


def by_polars(spine: pl.DataFrame, tables: list[pl.DataFrame]) -> pl.DataFrame:
    result = spine.with_row_index("row").sort("at")
    ttl = timedelta(days=30) - timedelta(microseconds=1)
    for table in tables:
        result = result.join_asof(
            table.sort("event"), left_on="at", right_on="event", by="who", tolerance=ttl, check_sortedness=False
        ).drop("event", strict=False)
    return result.sort("row").drop("row")


def loaded_in_duckdb(spine: pl.DataFrame, tables: list[pl.DataFrame]) -> Any:
    """The frames as DuckDB's own tables; by way of files, since DuckDB reads Polars only with pyarrow's help."""
    import duckdb

    connection = duckdb.connect()
    connection.execute("set threads = 2")
    with tempfile.TemporaryDirectory() as folder:
        for name, frame in {
            "s": spine.with_row_index("row"),
            **{f"t{i}": table for i, table in enumerate(tables)},
        }.items():
            frame.write_parquet(f"{folder}/{name}.parquet")
            connection.execute(f"create table {name} as from '{folder}/{name}.parquet'")
    return connection


def by_duckdb(connection: Any, tables: list[pl.DataFrame]) -> pl.DataFrame:
    kept = ", ".join(
        f"case when t{place}.event > s.at - interval 30 days then t{place}.{name} end as {name}"
        for place, table in enumerate(tables)
        for name in table.columns[2:]
    )
    joins = " ".join(
        f"asof left join t{place} on s.who = t{place}.who and s.at >= t{place}.event" for place in range(VIEWS)
    )
    columns = connection.execute(f"select s.row, s.at, {kept} from s {joins} order by s.row").fetchnumpy()
    filled = {
        name: column if name in ("row", "at") else np.ma.filled(column, np.nan) for name, column in columns.items()
    }
    return pl.DataFrame(filled)


CONTENDERS: dict[str, Callable[[Any, list[pl.DataFrame]], pl.DataFrame]] = {
    "kreis": by_kreis,
    "polars": by_polars,
    "duckdb": by_duckdb,
    "kreis windows": by_kreis_windows,
}


def measure(name: str, rows: int) -> None:
    spine, tables = made(rows)
    few = spine.head(1000), [table.head(1000) for table in tables]
    given: Any = spine
    if name == "duckdb":
        few, given = (loaded_in_duckdb(*few), few[1]), loaded_in_duckdb(spine, tables)
    CONTENDERS[name](*few)
    before = resource.getrusage(resource.RUSAGE_SELF)
    start = time.perf_counter()
    result = CONTENDERS[name](given, tables)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    bare = np.column_stack([result[column].fill_null(np.nan).to_numpy() for column in result.columns[2:]])
    digest = hashlib.sha256(np.nan_to_num(bare, nan=-1e300).tobytes()).hexdigest()[:12]
    peak = after.ru_maxrss / 1024
    print(
        json.dumps({"seconds": seconds, "cpu": cpu, "peak": peak, "before": before.ru_maxrss / 1024, "digest": digest})
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("rows", nargs="*", type=int, default=[100_000, 1_000_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", choices=CONTENDERS)
    options = parser.parse_args()
    if options.one:
        return measure(options.one, options.rows[0])
    names = [name for name in CONTENDERS if name != "duckdb" or importlib.util.find_spec("duckdb")]
    for rows in options.rows:
        runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
        for _ in range(options.repeats):
            for name in names:
                command = [sys.executable, __file__, str(rows), "--one", name]
                runs[name].append(
                    json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                )
        report(rows, runs)
    return None


def report(rows: int, runs: dict[str, list[dict[str, Any]]]) -> None:
    def median(name: str, key: str) -> float:
        return statistics.median(run[key] for run in runs[name])

    same = {runs[name][0]["digest"] for name in runs if name != "kreis windows"}
    print(f"\n{rows:,} spine rows x {VIEWS} views of {rows // 2:,}; answers {'agree' if len(same) == 1 else 'DIFFER'}")
    print(f"{'':14} {'rows/s':>10} {'seconds':>8} {'CPU s':>7} {'peak MB':>8} {'(inputs)':>8} {'times polars':>13}")
    for name in runs:
        seconds = median(name, "seconds")
        ratio = median("polars", "seconds") / seconds
        peak, before = median(name, "peak"), median(name, "before")
        line = (
            f"{name:14} {rows / seconds:10,.0f} {seconds:8.3f} {median(name, 'cpu'):7.2f} {peak:8,.0f} {before:8,.0f}"
        )
        print(f"{line} {ratio:13.2f}")


if __name__ == "__main__":
    main()
