"""Online reads in process: kreis beside a bare LMDB, SQLite and dict holding one packed row per entity.

    python benchmarks/online.py [--entities 50000] [--reads 3000]

The work of PEERS: 10 features, 1 and 100 entities per read. The bare ones hold finished numbers and neither
time nor history; kreis also checks event time, known at and ttl against the moment asked for. Then, without a
peer, what a service asks for: four windowed views and one latest, on flight-like tables that keep growing
between the requests. p50 / p99 in microseconds of wall time, contenders in turns.
"""

from __future__ import annotations

import argparse
import sqlite3
import struct
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmdb
import numpy as np
import polars as pl

from kreis.expressions.tree import Aggregate, Column
from kreis.preparation.online.feed import OnlineFeed
from kreis.preparation.online.lmdb_store import LmdbStore
from kreis.preparation.online.reader import OnlineFeatures
from kreis.preparation.views import FeatureView

BASE, DAY, HOUR = 1_767_225_600_000_000, 86_400_000_000, 3_600_000_000
MOMENT = pl.Datetime("us", "UTC")
PACKED = struct.Struct("<10d")
TIMES = {"event_time": "event", "known_at": "known"}


def summary(seconds: list[float]) -> str:
    middle, tail = np.percentile(np.array(seconds) * 1e6, [50, 99])
    return f"{middle:8.1f} / {tail:8.1f}"


def in_turns(readers: dict[str, Callable[[list[str]], Any]], names: list[str], reads: int, size: int) -> None:
    taken: dict[str, list[float]] = {name: [] for name in readers}
    rng = np.random.default_rng(1)
    for _ in range(reads):
        asked = [names[each] for each in rng.integers(0, len(names), size)]
        for name, read in readers.items():
            start = time.perf_counter()
            read(asked)
            taken[name].append(time.perf_counter() - start)
    for name, seconds in taken.items():
        print(f"  {name:28} {summary(seconds)}")


def single_rows(folder: Path, entities: int, reads: int) -> None:
    values = np.random.default_rng(0).normal(size=(entities, 10))
    names = [f"entity-{each}" for each in range(entities)]
    view = FeatureView(
        name="v", entity="who", table="t", ttl="30d", features={f"x{i}": Column(f"x{i}") for i in range(10)}, **TIMES
    )
    event = pl.Series(np.full(entities, BASE)).cast(MOMENT)
    table = pl.DataFrame({"who": names, "event": event, "known": event} | {f"x{i}": values[:, i] for i in range(10)})
    store = LmdbStore(folder / "kreis")
    start = time.perf_counter()
    OnlineFeed(store, [(view, table)]).advance(BASE + 1)
    print(f"fed {entities:,} entities in {time.perf_counter() - start:.2f} s")
    features = OnlineFeatures(store, [view])
    packed = {name: PACKED.pack(*row) for name, row in zip(names, values.tolist(), strict=True)}
    keyed = {name: name.encode() for name in names}

    environment = lmdb.open(str(folder / "bare"), map_size=1 << 30, sync=False)
    with environment.begin(write=True) as transaction:
        for name, row in packed.items():
            transaction.put(keyed[name], row)
    connection = sqlite3.connect(folder / "bare.db")
    connection.execute("create table t (k text primary key, v blob) without rowid")
    connection.executemany("insert into t values (?, ?)", packed.items())
    connection.commit()

    def by_lmdb(asked: list[str]) -> list[Any]:
        with environment.begin(buffers=True) as transaction:
            return [PACKED.unpack(transaction.get(name.encode())) for name in asked]

    def by_sqlite(asked: list[str]) -> list[Any]:
        marks = ",".join("?" * len(asked))
        rows = connection.execute(f"select v from t where k in ({marks})", asked)
        return [PACKED.unpack(row[0]) for row in rows]

    at = BASE + DAY
    readers: dict[str, Callable[[list[str]], Any]] = {
        "kreis": lambda asked: features.vectors([({"who": name}, at) for name in asked]),
        "bare LMDB": by_lmdb,
        "bare SQLite": by_sqlite,
        "dict": lambda asked: [PACKED.unpack(packed[name]) for name in asked],
    }
    for size in (1, 100):
        print(f"\n10 features of {size} {'entity' if size == 1 else 'entities'}, p50 / p99 in µs")
        in_turns(readers, names, reads if size == 1 else reads // 10, size)
    store.close()


def flight_like(rows: int, days: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Arrivals known up to six hours after they were due, at rates like New York's in 2013, and hourly weather."""
    rng = np.random.default_rng(0)

    def drawn(prefix: str, count: int, skew: float) -> list[str]:
        weights = 1 / np.arange(1, count + 1) ** skew
        return [f"{prefix}{each}" for each in rng.choice(count, rows, p=weights / weights.sum())]

    event = np.sort(BASE + rng.integers(0, days * DAY, rows))
    known = event + (rng.random(rows) * 6 * HOUR).astype(np.int64)
    arrivals = pl.DataFrame(
        {"origin": drawn("O", 3, 0.1), "carrier": drawn("C", 16, 1.0), "dest": drawn("D", 105, 0.8)}
        | {
            "tail": drawn("N", 4000, 0.3),
            "event": pl.Series(event).cast(MOMENT),
            "known": pl.Series(known).cast(MOMENT),
        }
        | {"late": rng.random(rows) < 0.2, "delay": np.round(rng.normal(7, 40, rows))}
    )
    hours = pl.Series(np.tile(BASE + np.arange(days * 24) * HOUR, 3)).cast(MOMENT)
    weather = pl.DataFrame(
        {"origin": np.repeat(["O0", "O1", "O2"], days * 24), "event": hours, "known": hours}
        | {f"w{each}": rng.normal(size=days * 72) for each in range(6)}
    )
    return arrivals, weather


def flights(folder: Path, ticks: int) -> None:
    arrivals, weather = flight_like(40 * 920, 40)
    late = {"late_rate": Aggregate("mean", Column("late")), "delay": Aggregate("mean", Column("delay"))}
    windows = {"origin": ("24h", "3d", "7d"), "carrier": ("24h", "7d"), "dest": ("24h", "7d"), "tail": ("24h", "7d")}
    views = [
        FeatureView(name=name, entity=name, table="arrivals", features=late, windows=spans, **TIMES)
        for name, spans in windows.items()
    ]
    latest = FeatureView(
        name="weather",
        entity="origin",
        table="weather",
        ttl="3h",
        features={f"w{i}": Column(f"w{i}") for i in range(6)},
        **TIMES,
    )
    store = LmdbStore(folder / "flights")
    feed = OnlineFeed(store, [*((view, arrivals) for view in views), (latest, weather)])
    feed.advance(BASE + 10 * DAY)
    all_views = OnlineFeatures(store, [*views, latest])
    single = {view.name: OnlineFeatures(store, [view]) for view in (*views, latest)}
    due = arrivals["event"].to_physical().to_numpy()
    place = int(np.searchsorted(due, BASE + 10 * DAY))
    fed: list[float] = []
    first: list[float] = []
    again: list[float] = []
    alone: dict[str, list[float]] = {name: [] for name in single}
    for _ in range(ticks):
        at = int(due[place + 50])
        start = time.perf_counter()
        feed.advance(at)
        fed.append(time.perf_counter() - start)
        for keys in arrivals[place : place + 50].select("origin", "carrier", "dest", "tail").rows(named=True):
            for taken in (first, again):
                start = time.perf_counter()
                all_views.vector(keys, at)
                taken.append(time.perf_counter() - start)
            for name, features in single.items():
                start = time.perf_counter()
                features.vector(keys, at)
                alone[name].append(time.perf_counter() - start)
        place += 50
    store.close()
    print(
        f"\nflight-like: {len(all_views.feature_names)} features of 4 windowed views and a latest one, p50 / p99 in µs"
    )
    print(f"  {'request, as rows arrive':28} {summary(first)}")
    print(f"  {'the same request again':28} {summary(again)}")
    for name, seconds in alone.items():
        print(f"  {'only ' + name:28} {summary(seconds)}")
    print(f"  {'feeding 50 rows to 5 views':28} {summary(fed)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--entities", type=int, default=50_000)
    parser.add_argument("--reads", type=int, default=3_000)
    parser.add_argument("--ticks", type=int, default=300)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        single_rows(Path(folder), options.entities, options.reads)
        flights(Path(folder), options.ticks)


if __name__ == "__main__":
    main()
