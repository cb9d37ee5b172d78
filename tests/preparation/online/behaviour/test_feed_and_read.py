"""What every online store does. A new one is done when it is a row of the fixture `place` and this passes."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from tests.preparation.online.conftest import Counted
from tests.preparation.online.examples import (
    BASE,
    HOUR,
    LATEST,
    MINUTE,
    SUMS,
    WINDOWED,
    X,
    answers,
    first,
    rows_of,
    table_of,
    view_of,
)

from kreis.errors import CorruptionError, StoreError
from kreis.expressions.tree import Aggregate, Call
from kreis.preparation.online.feed import OnlineFeed
from kreis.preparation.online.layout import Layout
from kreis.preparation.online.reader import OnlineFeatures
from kreis.preparation.online.store import OnlinePlace, Rows
from kreis.preparation.point_in_time import join
from kreis.preparation.views import FeatureView


def test_a_repeated_batch_changes_nothing(store: Counted) -> None:
    layout = Layout(WINDOWED)
    rows = rows_of(layout, ["a", "b"], [BASE, BASE + 1], [1.0, 2.0])
    assert store.append([rows], position=7) == 2
    assert store.append([rows], position=7) == 0
    assert store.append([rows], position=6) == 0
    assert store.position(layout) == 7
    assert (
        OnlineFeatures(store, [WINDOWED]).vector({"who": "a"}, BASE)[WINDOWED.feature_names.index("v__sum_1h")] == 1.0
    )


def test_a_new_feed_goes_on_where_the_last_one_stopped(place: OnlinePlace) -> None:
    table = table_of(300)
    store = place.open()
    released = OnlineFeed(store, [(WINDOWED, table)], history=True).advance(BASE + 20 * HOUR)
    store.close()
    store = place.open()
    released += OnlineFeed(store, [(WINDOWED, table)], history=True).advance(BASE + 60 * HOUR)
    store.close()
    assert released == 300


def test_a_failed_append_leaves_the_last_state(store: Counted) -> None:
    layout = Layout(WINDOWED)
    store.append([rows_of(layout, ["a"], [BASE], [1.0])], position=1)
    broken = Rows(Layout(LATEST), ["a"], np.array([BASE]), np.array([BASE]), np.ones((1, 3)))
    with pytest.raises(Exception, match="values of shape"):
        store.append([rows_of(layout, ["a"], [BASE], [5.0]), broken], position=2)
    assert store.position(layout) == 1
    assert (
        OnlineFeatures(store, [WINDOWED]).vector({"who": "a"}, BASE)[WINDOWED.feature_names.index("v__sum_1h")] == 1.0
    )


def test_one_process_feeds_at_a_time(store: Counted, place: OnlinePlace) -> None:
    with pytest.raises(StoreError, match="another process feeds"):
        place.open()


def test_a_missing_store_cannot_be_read(place: OnlinePlace) -> None:
    assert not place.exists()
    assert place.problems() == []
    with pytest.raises(StoreError, match="no online store that can be read"):
        place.open(readonly=True)
    place.open().close()
    assert place.exists()
    place.open(readonly=True, checked=True).close()
    place.discard()
    assert not place.exists()


def test_a_view_that_was_never_fed_is_refused(store: Counted) -> None:
    OnlineFeed(store, [(WINDOWED, table_of(10))]).advance(BASE)
    OnlineFeatures(store, [WINDOWED])
    with pytest.raises(StoreError, match="no rows of the view 'v' as declared"):
        OnlineFeatures(store, [view_of(windows=("2h",))])


def test_entities_of_any_name_are_kept_apart(store: Counted) -> None:
    names = ["", "a", "a\x00", "ü" * 120, "ü" * 400, "ü" * 401, "\U0001f6e9" * 111]
    layout = Layout(LATEST)
    store.append([rows_of(layout, names, [BASE] * len(names), [float(each) for each in range(len(names))])], position=1)
    features = OnlineFeatures(store, [LATEST])
    assert [features.vector({"who": name}, BASE) for name in names] == [[float(each)] for each in range(len(names))]
    assert math.isnan(features.vector({"who": "a\x00\x00"}, BASE)[0])
    assert math.isnan(features.vector({}, BASE)[0])


def test_expiry_drops_what_no_window_reaches(store: Counted) -> None:
    layout = Layout(WINDOWED)
    feed = OnlineFeed(store, [(WINDOWED, table_of(400))])
    for hour in range(49):
        feed.advance(BASE + hour * HOUR)
    with store.snapshot() as read:
        sizes = [len(first(read([layout.entity_key(f"entity-{each}")]))) for each in range(5)]
    assert min(sizes) > layout.headers_at
    assert max(sizes) <= layout.headers_at + 14 * layout.header.size
    feed.advance(BASE + 70 * HOUR)
    with store.snapshot() as read:
        assert list(read([layout.entity_key("entity-1")])) == [None]


def test_the_newest_row_stays_where_there_is_no_ttl(store: Counted) -> None:
    layout = Layout(view_of())
    store.append([rows_of(layout, ["a", "a"], [BASE, BASE + 10**14], [1.0, 2.0])], position=1)
    assert store.expire(layout, BASE + 10**15) == 1
    assert OnlineFeatures(store, [view_of()]).vector({"who": "a"}, BASE + 10**15) == [2.0]


def test_a_view_is_cleared_alone(store: Counted) -> None:
    views = [(WINDOWED, table_of(50)), (LATEST, table_of(50))]
    OnlineFeed(store, views, history=True).advance(BASE + 60 * HOUR)
    store.clear(Layout(WINDOWED))
    assert store.position(Layout(WINDOWED)) is None
    assert store.position(Layout(LATEST)) == BASE + 60 * HOUR


@pytest.mark.parametrize("view", [WINDOWED, LATEST], ids=["windowed", "latest"])
@pytest.mark.parametrize("change", ["late row", "corrected value", "corrected time", "deleted row", "other entity"])
def test_a_feed_from_a_corrected_table_puts_right_what_was_fed(
    new_place: Callable[[], OnlinePlace], view: FeatureView, change: str
) -> None:
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
    store = new_place().open()
    before = table.filter(pl.int_range(pl.len()) != place) if change == "late row" else table
    OnlineFeed(store, [(view, before)]).advance(at)
    with store.snapshot() as read:
        versions = {name: first(read([Layout(view).entity_key(name)]))[:8] for name in table["who"].unique()}
    OnlineFeed(store, [(view, corrected)]).advance(at + 1)
    fresh = new_place().open()
    OnlineFeed(fresh, [(view, corrected)]).advance(at + 1)
    assert np.array_equal(answers(store, view, at + 1), answers(fresh, view, at + 1), equal_nan=True)
    with store.snapshot() as read:
        touched = {name for name in versions if first(read([Layout(view).entity_key(name)]))[:8] != versions[name]}
    assert touched <= {table["who"][place], corrected["who"][min(place, len(corrected) - 1)]}
    assert touched
    assert OnlineFeed(store, [(view, corrected)]).advance(at + 2) == 0
    store.close()
    fresh.close()


def test_a_table_whose_last_row_was_deleted_leaves_no_entity(store: Counted) -> None:
    table = table_of(40, entities=2)
    OnlineFeed(store, [(LATEST, table)]).advance(BASE + 50 * HOUR)
    OnlineFeed(store, [(LATEST, table.clear())]).advance(BASE + 51 * HOUR)
    assert np.isnan(answers(store, LATEST, BASE + 48 * HOUR)).all()
    with store.snapshot() as read:
        assert list(read([Layout(LATEST).entity_key("entity-0")])) == [None]


def test_a_request_during_a_correction_sees_the_one_or_the_other(place: OnlinePlace) -> None:
    """The correction is one transaction: a snapshot that began before it still holds the old rows."""
    store = place.open()
    view, at, table = WINDOWED, BASE + 24 * HOUR, table_of(400)
    OnlineFeed(store, [(view, table)]).advance(at)
    before = answers(store, view, at)
    feed = OnlineFeed(store, [(view, table.with_columns(pl.col("x") + 1))])
    with store.snapshot() as read:
        held = first(read([Layout(view).entity_key("entity-1")]))
        feed.advance(at + 1)
        assert first(read([Layout(view).entity_key("entity-1")])) == held
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
@pytest.mark.parametrize("view", [WINDOWED, SUMS], ids=["sums among others", "sums alone"])
def test_online_sums_equal_training_sums_to_the_bit(place: OnlinePlace, values: list[float], view: FeatureView) -> None:
    moment = pl.Datetime("us", "UTC")
    event = [BASE + place * 20 * MINUTE for place in range(len(values))]
    names = ["v__sum_1h", "v__sum_8h", "v__mean_1h", "v__mean_8h"]
    for order in (values, values[::-1]):
        times = pl.Series(event).cast(moment)
        table = pl.DataFrame({"who": ["a"] * len(order), "event": times, "known": times, "x": order}, strict=False)
        asked = [each + 7 * MINUTE for each in event] + [BASE + 3 * HOUR]
        spine = pl.DataFrame({"who": ["a"] * len(asked), "at": pl.Series(asked).cast(moment)})
        offline = join(spine, [(view, table)], time="at").select(names).to_numpy()
        store = place.open()
        store.clear(Layout(view))
        OnlineFeed(store, [(view, table)], history=True).advance(BASE + 60 * HOUR)
        vectors = np.array(OnlineFeatures(store, [view]).vectors([({"who": "a"}, at) for at in asked]))
        places = [view.feature_names.index(name) for name in names]
        store.close()
        assert np.array_equal(vectors[:, places], offline, equal_nan=True)


def test_a_combined_feature_of_an_unknown_entity_is_that_of_no_rows(store: Counted) -> None:
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
    store: Counted, view: FeatureView, late: int, seen: bool
) -> None:
    moment = pl.Datetime("us", "UTC")
    times = {"event": pl.Series([BASE]).cast(moment), "known": pl.Series([BASE + late]).cast(moment)}
    table = pl.DataFrame({"who": ["a"], **times, "x": [5.0]})
    OnlineFeed(store, [(view, table)], history=True).advance(BASE + HOUR)
    online = OnlineFeatures(store, [view]).vector({"who": "a"}, BASE)
    spine = pl.DataFrame({"who": ["a"], "at": pl.Series([BASE]).cast(moment)})
    joined = join(spine, [(view, table)], time="at").select(view.feature_names).row(0)
    assert (5.0 in online) == (5.0 in joined) == seen


def test_several_requests_are_read_at_one_snapshot(store: Counted) -> None:
    OnlineFeed(store, [(WINDOWED, table_of(300))], history=True).advance(BASE + 60 * HOUR)
    features = OnlineFeatures(store, [WINDOWED])
    asked = [({"who": f"entity-{each % 6}"}, BASE + each * HOUR) for each in range(40)]
    for together, (keys, at) in zip(features.vectors(asked), asked, strict=True):
        assert np.array_equal(together, features.vector(keys, at), equal_nan=True)


@pytest.mark.parametrize("view", [WINDOWED, LATEST], ids=["windowed", "latest"])
def test_who_changes_an_answer_does_not_change_the_next_one(store: Counted, view: FeatureView) -> None:
    store.append([rows_of(Layout(view), ["a"], [BASE], [1.0])], position=1)
    features = OnlineFeatures(store, [view])
    for name in ("a", "b"):
        answer = features.vector({"who": name}, BASE)
        kept = answer.copy()
        answer.clear()
        assert np.array_equal(features.vector({"who": name}, BASE), kept, equal_nan=True)
        assert len(kept) == len(view.feature_names)


def test_the_same_question_again_sees_what_came_meanwhile(store: Counted) -> None:
    layout, at = Layout(WINDOWED), BASE + HOUR // 2
    store.append([rows_of(layout, ["a"], [BASE], [1.0])], position=1)
    features, place = OnlineFeatures(store, [WINDOWED]), WINDOWED.feature_names.index("v__sum_8h")
    assert [features.vector({"who": "a"}, at)[place] for _ in range(2)] == [1.0, 1.0]
    store.append([rows_of(layout, ["a"], [BASE + 1], [3.0])], position=2)
    assert [features.vector({"who": "a"}, moment)[place] for moment in (at, BASE, at)] == [4.0, 1.0, 4.0]


@pytest.mark.parametrize("offset", [-1, 0, 1, 7 * MINUTE])
def test_a_window_holds_all_its_tiles_however_many_lie_behind(store: Counted, offset: int) -> None:
    view = view_of(windows=("8h",))
    times = [BASE + each * 10 * MINUTE for each in range(300)]
    feed_rows = rows_of(Layout(view), ["a"] * 300, times, [1.0] * 300)
    store.append([feed_rows], position=1)
    at = times[-1] + max(offset, 0) + (HOUR if offset < 0 else 0) + offset
    total = OnlineFeatures(store, [view]).vector({"who": "a"}, at)[view.feature_names.index("v__sum_8h")]
    assert total == sum(at - 8 * HOUR < time <= at for time in times)


def test_a_request_asks_the_store_twice_at_most_whatever_the_number_of_views(store: Counted) -> None:
    """Once for all records, once for all tiles that windows cut through; then these are in memory."""
    views = [view_of(windows=(f"{hours}h",), name=f"v{hours}") for hours in range(2, 12)]
    views += [view_of(ttl="2h", name="latest"), view_of(windows=("1h", "5h", "8h"), name="several")]
    OnlineFeed(store, [(view, table_of(2000)) for view in views], history=True).advance(BASE + 60 * HOUR)
    features, at = OnlineFeatures(store, views), BASE + 52 * HOUR
    store.trips.clear()
    features.vector({"who": "entity-1"}, at)
    assert [len(views)] == store.trips[:1]
    assert len(store.trips) == 2
    store.trips.clear()
    features.vector({"who": "entity-1"}, at + 1)
    assert store.trips == [len(views)]
    for past in (BASE + 30 * HOUR, BASE + 20 * HOUR):
        store.trips.clear()
        features.vectors([({"who": f"entity-{each}"}, past) for each in range(5)])
        assert len(store.trips) == 2


def test_a_past_moment_is_read_as_right_as_a_new_reader_reads_it(store: Counted) -> None:
    """What is in memory of other moments changes nothing."""
    OnlineFeed(store, [(WINDOWED, table_of(1500)), (LATEST, table_of(1500))], history=True).advance(BASE + 60 * HOUR)
    features = OnlineFeatures(store, [WINDOWED, LATEST])
    moments = [BASE + hour * HOUR + 1 for hour in (50, 3, 44, 17, 50, 31, 8, 29, 3, 48)]
    for at in moments:
        fresh = OnlineFeatures(store, [WINDOWED, LATEST]).vector({"who": "entity-2"}, at)
        assert np.array_equal(features.vector({"who": "entity-2"}, at), fresh, equal_nan=True)


SUMS = FeatureView(
    name="sums",
    entity="who",
    table="t",
    event_time="event",
    known_at="known",
    features={operation: Aggregate(operation, X) for operation in ("sum", "mean", "count")},
    windows=("1h", "2h", "8h"),
)
"""Of a past moment its totals are those of now less what was not seen yet."""


@pytest.mark.parametrize("view", [SUMS, WINDOWED], ids=["sums", "extremes too"])
def test_a_past_moment_is_read_as_the_join_sees_it(store: Counted, view: FeatureView) -> None:
    """Rows that became known later hide in the very tiles that windows cut through."""
    table = table_of(1500)
    OnlineFeed(store, [(view, table)], history=True).advance(BASE + 60 * HOUR)
    features = OnlineFeatures(store, [view])
    moments = [BASE + minutes * MINUTE for minutes in range(10 * 60, 50 * 60, 37)]
    spine = pl.DataFrame({"who": ["entity-2"] * len(moments), "at": moments}).cast({"at": pl.Datetime("us", "UTC")})
    wanted = join(spine, [(view, table)], time="at").select(view.feature_names).fill_null(math.nan).to_numpy()
    found = [features.vector({"who": "entity-2"}, at) for at in moments]
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


def test_what_failed_once_is_read_again(store: Counted) -> None:
    """A tile that could not be read is asked for by the next request, not remembered as missing."""
    OnlineFeed(store, [(WINDOWED, table_of(300))], history=True).advance(BASE + 60 * HOUR)
    features, at = OnlineFeatures(store, [WINDOWED]), BASE + 40 * HOUR
    key = Layout(WINDOWED).entity_key("entity-1")
    right = OnlineFeatures(store, [WINDOWED]).vector({"who": "entity-1"}, at)
    store.hide = b"t" + key[1:]
    with pytest.raises(CorruptionError, match="does not fit its header"):
        features.vector({"who": "entity-1"}, at)
    store.hide = b""
    assert np.array_equal(features.vector({"who": "entity-1"}, at), right, equal_nan=True)
