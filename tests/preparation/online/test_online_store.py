from __future__ import annotations

import math
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import lmdb
import msgspec
import numpy as np
import polars as pl
import pytest

from kreis.errors import CorruptionError, StoreError
from kreis.expressions.tree import Aggregate, Call, Column
from kreis.preparation.online.feed import OnlineFeed
from kreis.preparation.online.layout import RECORD_START, Layout
from kreis.preparation.online.lmdb_store import LmdbStore
from kreis.preparation.online.reader import OnlineFeatures
from kreis.preparation.online.store import Rows
from kreis.preparation.point_in_time import join
from kreis.preparation.views import FeatureView

MINUTE = 60_000_000
HOUR = 60 * MINUTE
BASE = 1_700_000_000_000_000
X = Column("x")


def view_of(*, windows: tuple[str, ...] = (), ttl: str | None = None, name: str = "v") -> FeatureView:
    features = {"x": X}
    if windows:
        operations = ("mean", "std", "min", "max", "sum", "last")
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


def test_a_repeated_batch_changes_nothing(store: LmdbStore) -> None:
    layout = Layout(WINDOWED)
    rows = rows_of(layout, ["a", "b"], [BASE, BASE + 1], [1.0, 2.0])
    assert store.append([rows], position=7) == 2
    assert store.append([rows], position=7) == 0
    assert store.append([rows], position=6) == 0
    assert store.position(layout) == 7
    assert (
        OnlineFeatures(store, [WINDOWED]).vector({"who": "a"}, BASE)[WINDOWED.feature_names.index("v__sum_1h")] == 1.0
    )


def test_a_new_feed_goes_on_where_the_last_one_stopped(folder: Path) -> None:
    table = table_of(300)
    store = LmdbStore(folder)
    released = OnlineFeed(store, [(WINDOWED, table)], history=True).advance(BASE + 20 * HOUR)
    store.close()
    store = LmdbStore(folder)
    released += OnlineFeed(store, [(WINDOWED, table)], history=True).advance(BASE + 60 * HOUR)
    store.close()
    assert released == 300


def test_a_failed_append_leaves_the_last_state(store: LmdbStore) -> None:
    layout = Layout(WINDOWED)
    store.append([rows_of(layout, ["a"], [BASE], [1.0])], position=1)
    broken = Rows(Layout(LATEST), ["a"], np.array([BASE]), np.array([BASE]), np.ones((1, 3)))
    with pytest.raises(Exception, match="values of shape"):
        store.append([rows_of(layout, ["a"], [BASE], [5.0]), broken], position=2)
    assert store.position(layout) == 1
    assert (
        OnlineFeatures(store, [WINDOWED]).vector({"who": "a"}, BASE)[WINDOWED.feature_names.index("v__sum_1h")] == 1.0
    )


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


def test_one_process_feeds_at_a_time(store: LmdbStore, folder: Path) -> None:
    with pytest.raises(StoreError, match="another process feeds"):
        LmdbStore(folder)


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


def test_a_missing_store_cannot_be_read(folder: Path) -> None:
    with pytest.raises(StoreError, match="no online store that can be read"):
        LmdbStore(folder, readonly=True)


def test_a_view_that_was_never_fed_is_refused(store: LmdbStore) -> None:
    OnlineFeed(store, [(WINDOWED, table_of(10))]).advance(BASE)
    OnlineFeatures(store, [WINDOWED])
    with pytest.raises(StoreError, match="no rows of the view 'v' as declared"):
        OnlineFeatures(store, [view_of(windows=("2h",))])


def test_entities_of_any_name_are_kept_apart(store: LmdbStore) -> None:
    names = ["", "a", "a\x00", "ü" * 120, "ü" * 400, "ü" * 401, "\U0001f6e9" * 111]
    layout = Layout(LATEST)
    store.append([rows_of(layout, names, [BASE] * len(names), [float(each) for each in range(len(names))])], position=1)
    features = OnlineFeatures(store, [LATEST])
    assert [features.vector({"who": name}, BASE) for name in names] == [[float(each)] for each in range(len(names))]
    assert math.isnan(features.vector({"who": "a\x00\x00"}, BASE)[0])
    assert math.isnan(features.vector({}, BASE)[0])


def test_expiry_drops_what_no_window_reaches(store: LmdbStore) -> None:
    layout = Layout(WINDOWED)
    feed = OnlineFeed(store, [(WINDOWED, table_of(400))])
    for hour in range(49):
        feed.advance(BASE + hour * HOUR)
    with store.snapshot() as read:
        sizes = [len(next(iter(read([layout.entity_key(f"entity-{each}")]))) or b"") for each in range(5)]
    assert min(sizes) > layout.headers_at
    assert max(sizes) <= layout.headers_at + 14 * layout.header.size
    feed.advance(BASE + 70 * HOUR)
    with store.snapshot() as read:
        assert list(read([layout.entity_key("entity-1")])) == [None]


def test_the_newest_row_stays_where_there_is_no_ttl(store: LmdbStore) -> None:
    layout = Layout(view_of())
    store.append([rows_of(layout, ["a", "a"], [BASE, BASE + 10**14], [1.0, 2.0])], position=1)
    assert store.expire(layout, BASE + 10**15) == 1
    assert OnlineFeatures(store, [view_of()]).vector({"who": "a"}, BASE + 10**15) == [2.0]


def test_a_view_is_cleared_alone(store: LmdbStore) -> None:
    views = [(WINDOWED, table_of(50)), (LATEST, table_of(50))]
    OnlineFeed(store, views, history=True).advance(BASE + 60 * HOUR)
    store.clear(Layout(WINDOWED))
    assert store.position(Layout(WINDOWED)) is None
    assert store.position(Layout(LATEST)) == BASE + 60 * HOUR


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
            with pytest.raises(StoreError, match="being fed anew"):
                features.vector({"who": "a"}, BASE)
        feeding.communicate("\n")
    assert features.vector({"who": "a"}, BASE) == [2.0]
    reader.close()


def answers(store: LmdbStore, view: FeatureView, at: int) -> list[list[float]]:
    return OnlineFeatures(store, [view]).vectors([({"who": f"entity-{each}"}, at) for each in range(5)])


@pytest.mark.parametrize("view", [WINDOWED, LATEST], ids=["windowed", "latest"])
@pytest.mark.parametrize("change", ["late row", "corrected value", "corrected time", "deleted row", "other entity"])
def test_a_feed_from_a_corrected_table_puts_right_what_was_fed(folder: Path, view: FeatureView, change: str) -> None:
    """And touches no other entity."""
    at, table = BASE + 24 * HOUR, table_of(400)
    place = int(
        np.flatnonzero((table["event"].dt.epoch("us") > at - 90 * MINUTE) & (table["known"].dt.epoch("us") < at))[0]
    )
    corrected = {
        "late row": table,
        "corrected value": table.with_columns(x=pl.when(pl.int_range(pl.len()) == place).then(99.0).otherwise("x")),
        "corrected time": table.with_columns(
            event=pl.when(pl.int_range(pl.len()) == place)
            .then(pl.col("event") - pl.duration(minutes=3))
            .otherwise("event")
        ),
        "deleted row": table.filter(pl.int_range(pl.len()) != place),
        "other entity": table.with_columns(
            who=pl.when(pl.int_range(pl.len()) == place).then(pl.lit("entity-4")).otherwise("who")
        ),
    }[change]
    store = LmdbStore(folder)
    before = table.filter(pl.int_range(pl.len()) != place) if change == "late row" else table
    OnlineFeed(store, [(view, before)]).advance(at)
    with store.snapshot() as read:
        versions = {name: bytes(next(iter(read([Layout(view).entity_key(name)]))) or b"")[:8] for name in table["who"].unique()}
    OnlineFeed(store, [(view, corrected)]).advance(at + 1)
    fresh = LmdbStore(folder.parent / "fresh")
    OnlineFeed(fresh, [(view, corrected)]).advance(at + 1)
    assert np.array_equal(answers(store, view, at + 1), answers(fresh, view, at + 1), equal_nan=True)
    with store.snapshot() as read:
        touched = {name for name in versions if bytes(next(iter(read([Layout(view).entity_key(name)]))) or b"")[:8] != versions[name]}
    assert touched <= {table["who"][place], corrected["who"][min(place, len(corrected) - 1)]}
    assert touched
    assert OnlineFeed(store, [(view, corrected)]).advance(at + 2) == 0
    store.close()
    fresh.close()


def test_a_table_whose_last_row_was_deleted_leaves_no_entity(store: LmdbStore) -> None:
    table = table_of(40, entities=2)
    OnlineFeed(store, [(LATEST, table)]).advance(BASE + 50 * HOUR)
    OnlineFeed(store, [(LATEST, table.clear())]).advance(BASE + 51 * HOUR)
    assert np.isnan(answers(store, LATEST, BASE + 48 * HOUR)).all()
    with store.snapshot() as read:
        assert list(read([Layout(LATEST).entity_key("entity-0")])) == [None]


def test_a_request_during_a_correction_sees_the_one_or_the_other(folder: Path) -> None:
    """The correction is one transaction: a snapshot that began before it still holds the old rows."""
    store = LmdbStore(folder)
    view, at, table = WINDOWED, BASE + 24 * HOUR, table_of(400)
    OnlineFeed(store, [(view, table)]).advance(at)
    before = answers(store, view, at)
    feed = OnlineFeed(store, [(view, table.with_columns(pl.col("x") + 1))])
    with store.snapshot() as read:
        held = bytes(next(iter(read([Layout(view).entity_key("entity-1")]))) or b"")
        feed.advance(at + 1)
        assert bytes(next(iter(read([Layout(view).entity_key("entity-1")]))) or b"") == held
    assert not np.array_equal(before, answers(store, view, at), equal_nan=True)
    store.close()


@pytest.mark.parametrize(
    "values",
    [
        [0.1, 0.2, -0.3],
        [1e16, 1.0, -1e16, 0.5],
        [49.99, 12.5, -49.99, -12.5, 0.01],
        [1e20, 1.5e-5, -1e20],
        [math.inf, 1.0],
        [math.inf, -math.inf],
        [math.nan, 0.1, 0.2],
    ],
    ids=str,
)
def test_online_sums_equal_training_sums_to_the_bit(folder: Path, values: list[float]) -> None:
    view = view_of(windows=("1h", "8h"))
    moment = pl.Datetime("us", "UTC")
    event = [BASE + place * 20 * MINUTE for place in range(len(values))]
    for order in (values, values[::-1]):
        times = pl.Series(event).cast(moment)
        table = pl.DataFrame({"who": ["a"] * len(order), "event": times, "known": times, "x": order}, strict=False)
        asked = [each + 7 * MINUTE for each in event] + [BASE + 3 * HOUR]
        spine = pl.DataFrame({"who": ["a"] * len(asked), "at": pl.Series(asked).cast(moment)})
        offline = join(spine, [(view, table)], time="at").select("v__sum_1h", "v__sum_8h", "v__mean_8h").to_numpy()
        store = LmdbStore(folder)
        store.clear(Layout(view))
        OnlineFeed(store, [(view, table)], history=True).advance(BASE + 60 * HOUR)
        vectors = np.array(OnlineFeatures(store, [view]).vectors([({"who": "a"}, at) for at in asked]))
        places = [view.feature_names.index(name) for name in ("v__sum_1h", "v__sum_8h", "v__mean_8h")]
        store.close()
        assert np.array_equal(vectors[:, places], offline, equal_nan=True)


def test_a_combined_feature_of_an_unknown_entity_is_that_of_no_rows(store: LmdbStore) -> None:
    share = Call("divide", (Aggregate("count", X), Aggregate("len")))
    view = FeatureView(
        name="v",
        entity="who",
        table="t",
        event_time="event",
        known_at="known",
        features={"share": share, "rows": Aggregate("len")},
        windows=("1h",),
    )
    OnlineFeed(store, [(view, table_of(5))], history=True).advance(BASE + 60 * HOUR)
    rows, share_value = OnlineFeatures(store, [view]).vector({"who": "nobody"}, BASE)
    assert math.isnan(share_value)
    assert rows == 0.0


@pytest.mark.parametrize("view", [WINDOWED, LATEST], ids=lambda view: view.name)
@pytest.mark.parametrize(("late", "seen"), [(0, True), (1, False)])
def test_a_row_is_seen_from_the_very_moment_at_which_it_is_known(
    store: LmdbStore, view: FeatureView, late: int, seen: bool
) -> None:
    moment = pl.Datetime("us", "UTC")
    times = {"event": pl.Series([BASE]).cast(moment), "known": pl.Series([BASE + late]).cast(moment)}
    table = pl.DataFrame({"who": ["a"], **times, "x": [5.0]})
    OnlineFeed(store, [(view, table)], history=True).advance(BASE + HOUR)
    online = OnlineFeatures(store, [view]).vector({"who": "a"}, BASE)
    spine = pl.DataFrame({"who": ["a"], "at": pl.Series([BASE]).cast(moment)})
    joined = join(spine, [(view, table)], time="at").select(view.feature_names).row(0)
    assert (5.0 in online) == (5.0 in joined) == seen


def test_several_requests_are_read_at_one_snapshot(store: LmdbStore) -> None:
    OnlineFeed(store, [(WINDOWED, table_of(300))], history=True).advance(BASE + 60 * HOUR)
    features = OnlineFeatures(store, [WINDOWED])
    asked = [({"who": f"entity-{each % 6}"}, BASE + each * HOUR) for each in range(40)]
    for together, (keys, at) in zip(features.vectors(asked), asked, strict=True):
        assert np.array_equal(together, features.vector(keys, at), equal_nan=True)


def test_the_same_question_again_sees_what_came_meanwhile(store: LmdbStore) -> None:
    layout, at = Layout(WINDOWED), BASE + HOUR // 2
    store.append([rows_of(layout, ["a"], [BASE], [1.0])], position=1)
    features, place = OnlineFeatures(store, [WINDOWED]), WINDOWED.feature_names.index("v__sum_8h")
    assert [features.vector({"who": "a"}, at)[place] for _ in range(2)] == [1.0, 1.0]
    store.append([rows_of(layout, ["a"], [BASE + 1], [3.0])], position=2)
    assert [features.vector({"who": "a"}, moment)[place] for moment in (at, BASE, at)] == [4.0, 1.0, 4.0]


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


@pytest.mark.parametrize("offset", [-1, 0, 1, 7 * MINUTE])
def test_a_window_holds_all_its_tiles_however_many_lie_behind(store: LmdbStore, offset: int) -> None:
    view = view_of(windows=("8h",))
    times = [BASE + each * 10 * MINUTE for each in range(300)]
    feed_rows = rows_of(Layout(view), ["a"] * 300, times, [1.0] * 300)
    store.append([feed_rows], position=1)
    at = times[-1] + max(offset, 0) + (HOUR if offset < 0 else 0) + offset
    total = OnlineFeatures(store, [view]).vector({"who": "a"}, at)[view.feature_names.index("v__sum_8h")]
    assert total == sum(at - 8 * HOUR < time <= at for time in times)
