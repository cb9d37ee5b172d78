"""What is LMDB's own: the map, the files, the process that feeds; the behaviour of any store is in `behaviour/`."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import lmdb
import msgspec
import numpy as np
import pytest
from tests.preparation.online.examples import (
    BASE,
    HOUR,
    LATEST,
    MINUTE,
    WINDOWED,
    rows_of,
    table_of,
)

from kreis.errors import CorruptionError, StoreError
from kreis.preparation.online.feed import OnlineFeed
from kreis.preparation.online.layout import RECORD_START, Layout
from kreis.preparation.online.lmdb_store import LmdbStore
from kreis.preparation.online.reader import OnlineFeatures


def contents(folder: Path) -> dict[bytes, bytes]:
    """All that a closed store holds, but for the version and the checksum of each record."""
    environment = lmdb.open(str(folder), readonly=True)
    with environment.begin() as transaction:
        found = {key: value[8:-4] if key[:1] == b"e" else value for key, value in transaction.cursor()}
    environment.close()
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "online"


@pytest.fixture
def store(folder: Path) -> Iterator[LmdbStore]:
    opened = LmdbStore(folder)
    yield opened
    opened.close()


def test_a_rebuilt_store_equals_a_grown_one(tmp_path: Path) -> None:
    table = table_of(600)
    grown, rebuilt = LmdbStore(tmp_path / "grown"), LmdbStore(tmp_path / "rebuilt")
    views = [(WINDOWED, table), (LATEST, table)]
    feed = OnlineFeed(grown, views, history=True)
    for hour in range(0, 52, 3):
        feed.advance(BASE + hour * HOUR)
    assert feed.advance(BASE + 60 * HOUR) == 0
    OnlineFeed(rebuilt, views, history=True).advance(BASE + 60 * HOUR)
    grown.close()
    rebuilt.close()
    assert contents(tmp_path / "grown") == contents(tmp_path / "rebuilt")


def test_the_map_grows_when_it_is_full(folder: Path) -> None:
    store = LmdbStore(folder, map_size=1 << 17)
    layout = Layout(WINDOWED)
    features = None
    for step in range(20):
        names = [f"{step}-{each}" for each in range(50)]
        store.append([rows_of(layout, names, [BASE] * 50, [float(step)] * 50)], position=step)
        features = features or OnlineFeatures(store, [WINDOWED])
        assert features.vector({"who": f"{step}-7"}, BASE)[0] == step
    assert store._env.info()["map_size"] > 1 << 17
    store.close()


def test_a_reader_in_another_process_follows_a_growing_map(folder: Path) -> None:
    store = LmdbStore(folder, map_size=1 << 17)
    layout = Layout(LATEST)
    store.append([rows_of(layout, ["first"], [BASE], [1.0])], position=0)
    program = textwrap.dedent(
        f"""
        import sys
        from pathlib import Path
        import msgspec
        from kreis.preparation.online.lmdb_store import LmdbStore
        from kreis.preparation.online.reader import OnlineFeatures
        from kreis.preparation.views import FeatureView
        view = msgspec.json.decode(sys.stdin.readline(), type=FeatureView)
        features = OnlineFeatures(LmdbStore(Path({str(folder)!r}), readonly=True, map_size=1 << 17), [view])
        for line in sys.stdin:
            print(features.vector({{"who": line.strip()}}, {BASE}), flush=True)
        assert not {{"polars", "deltalake", "sqlalchemy", "sklearn"}} & set(sys.modules), "too heavy"
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None

        def ask(name: str) -> str:
            assert reader.stdin is not None
            assert reader.stdout is not None
            reader.stdin.write(name + "\n")
            reader.stdin.flush()
            return reader.stdout.readline().strip()

        reader.stdin.write(msgspec.json.encode(LATEST).decode() + "\n")
        assert ask("first") == "[1.0]"
        names = [f"entity {each}" for each in range(5000)]
        store.append([rows_of(layout, names, [BASE] * 5000, [2.0] * 5000)], position=1)
        assert ask("entity 4999") == "[2.0]"
        assert ask("nobody") == "[nan]"
        reader.stdin.close()
        assert reader.wait(10) == 0
    store.close()


def test_a_store_left_open_when_the_machine_went_down_is_fed_anew(folder: Path) -> None:
    store = LmdbStore(folder)
    store.append([rows_of(Layout(LATEST), ["a"], [BASE], [1.0])], position=1)
    store.close()
    (folder / "open").write_bytes(b"another boot of the machine")
    with pytest.raises(StoreError, match="no online store that can be read"):
        LmdbStore(folder, readonly=True)
    store = LmdbStore(folder)
    assert store.position(Layout(LATEST)) is None
    store.close()


def test_a_damaged_record_is_reported(store: LmdbStore) -> None:
    layout = Layout(WINDOWED)
    store.append([rows_of(layout, ["a"], [BASE], [1.0])], position=1)
    with store._env.begin(write=True) as transaction:
        transaction.put(layout.entity_key("a"), RECORD_START.pack(9, BASE) + b"torn")
    with pytest.raises(CorruptionError, match="not what was written"):
        OnlineFeatures(store, [WINDOWED]).vector({"who": "a"}, BASE)


def test_a_record_under_another_key_is_reported(store: LmdbStore) -> None:
    layout = Layout(LATEST)
    store.append([rows_of(layout, ["a", "b"], [BASE, BASE], [1.0, 2.0])], position=1)
    with store._env.begin(write=True) as transaction:
        transaction.put(layout.entity_key("a"), transaction.get(layout.entity_key("b")))
    with pytest.raises(CorruptionError, match="not what was written"):
        OnlineFeatures(store, [LATEST]).vector({"who": "a"}, BASE)


def test_damage_below_new_rows_stays_seen(store: LmdbStore) -> None:
    layout = Layout(WINDOWED)
    store.append([rows_of(layout, ["a", "a"], [BASE, BASE + 1], [1.0, 2.0])], position=1)
    key = layout.tile_key(layout.entity_key("a"), BASE // layout.tile)
    with store._env.begin(write=True) as transaction:
        value = bytearray(transaction.get(key))
        value[20] ^= 1
        transaction.put(key, bytes(value))
    store.append([rows_of(layout, ["a"], [BASE + 2], [3.0])], position=2)
    with pytest.raises(CorruptionError, match="not what was written"):
        OnlineFeatures(store, [WINDOWED]).vector({"who": "a"}, BASE + HOUR)


def test_a_store_that_was_cut_off_is_refused(folder: Path) -> None:
    store = LmdbStore(folder)
    OnlineFeed(store, [(WINDOWED, table_of(3000))], history=True).advance(BASE + 60 * HOUR)
    store.close()
    data = folder / "data.mdb"
    with data.open("r+b") as file:
        file.truncate(data.stat().st_size - 4096)
    for readonly in (True, False):
        with pytest.raises(CorruptionError, match="cut off"):
            LmdbStore(folder, readonly=readonly)


def test_a_reader_goes_over_to_the_store_that_takes_the_place_of_a_damaged_one(folder: Path) -> None:
    layout = Layout(LATEST)
    store = LmdbStore(folder)
    store.append([rows_of(layout, ["a"], [BASE], [1.0])], position=1)
    store.close()
    reader = LmdbStore(folder, readonly=True)
    features = OnlineFeatures(reader, [LATEST])
    assert features.vector({"who": "a"}, BASE) == [1.0]
    feeder = f"""
        from pathlib import Path
        import numpy as np
        from kreis.preparation.online.lmdb_store import LmdbStore, discard
        from kreis.preparation.online.layout import Layout
        from kreis.preparation.online.store import Rows
        from kreis.expressions.tree import Column
        from kreis.preparation.views import FeatureView
        import msgspec
        view = msgspec.json.decode({msgspec.json.encode(LATEST)!r}, type=FeatureView)
        folder, times = Path({str(folder)!r}), np.array([{BASE}])
        discard(folder)
        store = LmdbStore(folder)
        print("empty", flush=True)
        input()
        store.append([Rows(Layout(view), ["a"], times, times, np.array([[2.0]]))], position=1)
        store.close()
    """
    program = [sys.executable, "-c", textwrap.dedent(feeder)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as feeding:
        assert feeding.stdout is not None
        assert feeding.stdout.readline() == "empty\n"
        reader._checked -= 1.1  # a second has passed
        for _ in range(2):
            with pytest.raises(StoreError, match="being fed again"):
                features.vector({"who": "a"}, BASE)
        feeding.communicate("\n")
    assert features.vector({"who": "a"}, BASE) == [2.0]
    reader.close()


@pytest.mark.faults
def test_killing_the_feeder_at_any_moment_leaves_a_store_that_can_be_continued(folder: Path, tmp_path: Path) -> None:
    table = table_of(2000, delay=HOUR)
    table.write_parquet(tmp_path / "table.parquet")
    (tmp_path / "view.json").write_bytes(msgspec.json.encode(WINDOWED))
    program = textwrap.dedent(
        f"""
        from pathlib import Path
        import msgspec, polars as pl
        from kreis.preparation.online.feed import OnlineFeed
        from kreis.preparation.online.lmdb_store import LmdbStore
        from kreis.preparation.views import FeatureView
        here = Path({str(tmp_path)!r})
        view = msgspec.json.decode((here / "view.json").read_bytes(), type=FeatureView)
        feed = OnlineFeed(LmdbStore(here / "online"), [(view, pl.read_parquet(here / "table.parquet"))], history=True)
        print("ready", flush=True)
        for minute in range(60 * 60):
            feed.advance({BASE} + minute * {MINUTE})
        """
    )
    rng = np.random.default_rng(5)
    for _ in range(8):
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as feeder:
            assert feeder.stdout is not None
            assert feeder.stdout.readline() == "ready\n"
            with pytest.raises(subprocess.TimeoutExpired):
                feeder.wait(float(rng.uniform(0.001, 0.04)))
            feeder.kill()
    store = LmdbStore(folder)
    assert (store.position(Layout(WINDOWED)) or 0) > BASE
    OnlineFeed(store, [(WINDOWED, table)], history=True).advance(BASE + 60 * HOUR)
    store.close()
    whole = LmdbStore(tmp_path / "whole")
    OnlineFeed(whole, [(WINDOWED, table)], history=True).advance(BASE + 60 * HOUR)
    whole.close()
    assert contents(folder) == contents(tmp_path / "whole")
