"""collect: rows that come late, twice or otherwise; rows without a time; sources that are empty, cut or changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from kreis.collection.collecting import Collected, collect, has_corrections, latest_versions, read_bronze
from kreis.collection.contracts.contract import Contract
from kreis.collection.contracts.rules import Plan
from kreis.collection.history import thin_days
from kreis.collection.sources import Changed, Source, Window
from kreis.errors import ProjectError, ServiceError
from kreis.lake.store import Lake

T0 = datetime(2013, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)

CONTRACT = """
apiVersion: v3.2.0
kind: DataContract
id: sales
version: 1.0.0
schema:
  - name: sales
    properties:
      - {name: id, logicalType: string, KEY}
      - {name: amount, logicalType: number, required: true, logicalTypeOptions: {minimum: 0}}
      - {name: at, logicalType: timestamp, required: true}
    customProperties:
      - {property: kreis.quarantine.at_most, value: 0.2}
      - {property: kreis.changes.at_most, value: 0.5}
MORE
"""


class Till:
    """A source outside that honours its window; its rows can be changed between collections."""

    def __init__(self, rows: list[tuple[str, float | None, datetime | None]]) -> None:
        self.rows = rows
        self.windows: list[Window] = []

    def read(self, window: Window) -> pl.LazyFrame:
        self.windows.append(window)
        schema = {"id": pl.String, "amount": pl.Float64, "at": pl.Datetime("us", "UTC")}
        return pl.LazyFrame(self.rows, schema=schema, orient="row").filter(window.contains("at"))


@pytest.fixture
def till() -> Till:
    return Till([(f"s{day}", float(day), T0 + day * DAY) for day in range(10)])


@pytest.fixture
def make_source(till: Till, write_contract: Callable[[str], Path]) -> Callable[..., Source]:
    def make(key: str = "primaryKey: true", changed: Changed = "replace", more: str = "") -> Source:
        contract = Contract.load(write_contract(CONTRACT.replace("KEY", key).replace("MORE", more)))
        return Source(name="sales", contract=contract, known_at="at", read=till.read, late=3 * DAY, changed=changed)

    return make


KEYED = "primaryKey: true"
KEYLESS = "required: true"


def run(source: Source, lake: Lake, day: float, *, identity: str = "same", accept: bool = False) -> Collected:
    until = T0 + day * DAY
    return collect(
        source, until=until, lake=lake, actor="test", step=f"{until}{identity}", generation="g1", identity=identity,
        accept=accept,
    )  # fmt: skip


def bronze(lake: Lake, source: Source, day: float = 99) -> dict[str, float]:
    return dict(read_bronze(lake, source, T0 + day * DAY).sort("at").select("id", "amount").collect().iter_rows())


@pytest.mark.parametrize("key", [KEYED, KEYLESS])
def test_rows_that_come_late_are_taken_in_and_counted(
    key: str, make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    source = make_source(key)
    run(source, lake, 5)
    till.rows += [("late1", 1.0, T0 + 2.5 * DAY), ("late2", 2.0, T0 + 4.5 * DAY), ("too_late", 3.0, T0 + 1.5 * DAY)]
    second = run(source, lake, 6)
    assert till.windows[-1] == Window(T0 + 2 * DAY, T0 + 6 * DAY)
    assert second.report.late == 2
    assert second.report.taken == ["2 late"]
    assert "3 good rows, 0 quarantined, 2 late" in second.report.verdict
    assert second.changed_since == T0 + 2.5 * DAY
    assert second.table is not None
    assert (second.table.mode, second.table.rows) == ("append", 9)
    assert set(bronze(lake, source)) == {*(f"s{day}" for day in range(7)), "late1", "late2"}
    assert run(source, lake, 7).report.late == 0


@pytest.mark.parametrize("key", [KEYED, KEYLESS])
def test_a_changed_probe_reads_again_from_the_beginning(
    key: str, make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    source = make_source(key)
    run(source, lake, 5)
    till.rows.append(("late", 3.0, T0 + 1.5 * DAY))
    again = run(source, lake, 5, identity="other")
    assert till.windows[-1].after is None
    assert (again.again, again.anew, again.report.late, again.report.held) == (True, False, 1, 6)
    assert again.table is not None
    assert (again.table.mode, again.table.rows) == ("append", 7), "nothing is gone, so nothing is written anew"
    assert run(source, lake, 5, identity="other").report.rows == 1, "repeated, the step tells the same"
    assert bronze(lake, source)["late"] == 3.0


@pytest.mark.parametrize("key", [KEYED, KEYLESS])
def test_a_source_corrected_in_place_replaces_what_was_collected(
    key: str, make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    source = make_source(key)
    run(source, lake, 5)
    till.rows[1] = ("s1", 100.0, T0 + DAY)
    del till.rows[3]
    again = run(source, lake, 5, identity="other")
    assert again.table is not None
    assert (again.table.mode, again.table.rows) == ("overwrite", 5)
    assert bronze(lake, source) == {"s0": 0.0, "s1": 100.0, "s2": 2.0, "s4": 4.0, "s5": 5.0}
    assert again.changed_since == datetime.min.replace(tzinfo=UTC)
    gone = 1 if key == KEYED else 2  # without a key a changed row is one gone and one new
    assert again.report.warnings[0].startswith(f"{gone} collected row")
    assert lake.scan("bronze/sales", 0).collect().height == 6, "the version before stays readable"


def twenty(till: Till, make_source: Callable[..., Source], lake: Lake, key: str = KEYED) -> Source:
    """A source with 20 rows collected, of which a tenth may change at once, as where nothing is declared."""
    till.rows = [(f"s{place}", float(place), T0 + place * timedelta(hours=1)) for place in range(20)]
    source = make_source(key)
    plan = replace(source.contract.plan, changes_at_most=Plan.changes_at_most)
    source = replace(source, contract=replace(source.contract, plan=plan))
    run(source, lake, 5)
    return source


@pytest.mark.parametrize("key", [KEYED, KEYLESS])
@pytest.mark.parametrize(("cut", "waits"), [(2, False), (3, True), (10, True)])
def test_a_source_that_lost_many_of_its_rows_waits_for_somebody_who_accepts_it(
    cut: int, waits: bool, key: str, make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    source = twenty(till, make_source, lake, key)
    del till.rows[-cut:]
    again = run(source, lake, 6, identity="cut")
    assert (again.report.waits, again.report.passed) == (waits, not waits)
    assert len(bronze(lake, source)) == (20 if waits else 20 - cut)
    if waits:
        told = f"{cut} of 20 rows that were collected before ({cut / 20:.1%}) are gone or changed"
        assert again.report.verdict == f"sales breaks its contract: {told}"
        accepted = run(source, lake, 6, identity="cut", accept=True)
        assert accepted.report.warnings[-1] == f"test accepts that {told}"
        assert accepted.report.passed
        assert len(bronze(lake, source)) == 20 - cut
        assert not run(source, lake, 7, identity="cut").report.waits, "accepted is accepted"


@pytest.mark.parametrize(("changed", "waits"), [(2, False), (3, True)])
def test_rows_with_other_values_count_as_those_that_are_gone(
    changed: int, waits: bool, make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    source = twenty(till, make_source, lake)
    till.rows[:changed] = [(name, 99.0, at) for name, _, at in till.rows[:changed]]
    within = run(replace(source, late=9 * DAY), lake, 6)
    assert (within.report.waits, within.report.replaced, within.report.late) == (waits, changed, 0)
    assert (99.0 in bronze(lake, source).values()) is not waits


def test_a_source_collected_anew_with_fewer_rows_waits_too(
    make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    source = twenty(till, make_source, lake)
    del till.rows[:3]
    until = T0 + 6 * DAY
    anew = collect(source, until=until, lake=lake, actor="test", step="anew", generation="g2", identity="same")
    assert (anew.report.waits, anew.report.undone, anew.report.known) == (True, 3, 20)
    assert len(bronze(lake, source)) == 20
    then = T0 + timedelta(hours=5)
    earlier = collect(source, until=then, lake=lake, actor="test", step="then", generation="g2", identity="same")
    assert earlier.report.passed, "as of an earlier moment fewer rows are known"


def test_a_source_whose_changes_are_not_wanted_keeps_what_was_collected(
    make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    source = make_source(changed="keep")
    run(source, lake, 5)
    till.rows[1] = ("s1", 100.0, T0 + DAY)
    del till.rows[3]
    again = run(source, lake, 5, identity="other")
    assert again.report.by_rule == {"id: primary key is held with this at, other values": 1}
    assert (again.report.good, again.report.quarantined, again.report.vanished) == (0, 1, 1)
    assert again.report.passed
    assert bronze(lake, source)["s1"] == 1.0
    assert "s3" in bronze(lake, source)


def test_within_the_look_back_a_changed_value_replaces_and_a_missing_row_stays(
    make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    source = make_source()
    run(source, lake, 5)
    till.rows[4] = ("s4", 400.0, T0 + 4 * DAY)
    del till.rows[3]
    second = run(source, lake, 6)
    assert (second.report.replaced, second.report.vanished, second.report.good) == (1, 1, 2)
    assert (second.report.late, second.report.taken) == (0, ["1 replaced"]), "each row is counted once"
    assert second.report.warnings == ["1 collected row is no longer given by the source; they are kept"]
    assert (second.changed_since, second.again) == (T0 + 4 * DAY, False)
    assert bronze(lake, source) == {f"s{day}": day if day != 4 else 400.0 for day in range(7)}


def test_a_later_known_at_for_a_key_is_a_correction(make_source: Callable[..., Source], till: Till, lake: Lake) -> None:
    source = make_source()
    run(source, lake, 5)
    till.rows.append(("s1", 100.0, T0 + 5.5 * DAY))
    second = run(source, lake, 6)
    assert (second.report.corrected, second.report.quarantined, second.report.late) == (1, 0, 0)
    assert bronze(lake, source)["s1"] == 100.0
    assert bronze(lake, source, day=5)["s1"] == 1.0, "as of an earlier moment, the value known then"
    third = run(source, lake, 7)
    assert (third.report.corrected, third.report.good) == (0, 1)
    versions = read_bronze(lake, source, T0 + 99 * DAY, corrections=True).filter(pl.col("id") == "s1").collect()
    assert versions.sort("at").select("amount", "superseded_at").rows() == [(1.0, T0 + 5.5 * DAY), (100.0, None)]
    assert read_bronze(lake, source, T0 + 5 * DAY, corrections=True).collect()["superseded_at"].null_count() == 6


def test_an_older_value_that_comes_late_does_not_win(
    make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    source = make_source()
    run(source, lake, 5)
    till.rows.append(("s4", 3.5, T0 + 3.5 * DAY))
    second = run(source, lake, 6)
    assert (second.report.late, second.report.corrected) == (1, 0)
    assert bronze(lake, source)["s4"] == 4.0
    assert bronze(lake, source, day=3.5)["s4"] == 3.5


def test_exact_copies_are_left_out_and_counted(make_source: Callable[..., Source], till: Till, lake: Lake) -> None:
    till.rows += [till.rows[2], till.rows[2]]
    first = run(make_source(), lake, 5)
    assert (first.report.good, first.report.repeated, first.report.quarantined) == (6, 2, 0)
    assert run(make_source(), lake, 6).report.repeated == 0


def test_without_a_key_equal_rows_are_rows_of_their_own(
    make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    till.rows += [till.rows[4]]
    source = make_source(KEYLESS)
    assert run(source, lake, 5).report.good == 7
    till.rows += [till.rows[4]]
    assert run(source, lake, 6).report.late == 1
    assert lake.scan("bronze/sales").filter(pl.col("id") == "s4").collect().height == 3


def test_rows_without_a_time_or_ten_years_ahead_are_set_aside_once(
    make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    source = make_source()
    till.rows += [("timeless", 1.0, None)]
    first = run(source, lake, 8)
    assert first.report.by_rule == {"at: missing": 1}
    till.rows += [("far", 1.0, datetime(2023, 5, 10, tzinfo=UTC))]
    second = run(source, lake, 9)
    assert second.report.by_rule == {"at: more than 3,650 days in the future": 1}
    assert not second.report.passed, "one of two rows: the source has to be looked at"
    till.rows.pop()
    third = run(source, lake, 9)
    assert (third.report.passed, third.report.quarantined) == (True, 0)


@pytest.mark.parametrize(("days", "bad"), [(3649, 0), (3651, 1)])
def test_a_time_is_too_far_ahead_from_ten_years_on(days: int, bad: int, write_contract: Callable[[str], Path]) -> None:
    contract = Contract.load(write_contract(CONTRACT.replace("KEY", KEYED).replace("MORE", "")))
    frame = pl.LazyFrame({"id": ["a"], "amount": [1.0], "at": [T0 + days * DAY]})
    assert contract.check(frame, at=T0).report.quarantined == bad


def test_what_a_broken_collection_set_aside_is_judged_again(
    make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    source = make_source()
    run(source, lake, 5)
    till.rows += [(f"bad{place}", -1.0, None) for place in range(9)]
    assert not run(source, lake, 6).report.passed
    assert not run(source, lake, 7).report.passed, "the same bad rows still break it"
    del till.rows[-8:]
    till.rows += [(f"s{place}", 1.0, T0 + place * DAY) for place in (5.1, 5.2, 5.3, 5.4)]
    assert run(source, lake, 8).report.quarantined == 1
    assert run(source, lake, 9).report.quarantined == 0


@pytest.mark.parametrize(("bad", "passed"), [(40, True), (41, False)])
def test_the_tolerated_share_is_the_last_that_passes(
    bad: int, passed: bool, make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    till.rows = [(f"s{place}", -1.0 if place < bad else 1.0, T0) for place in range(200)]
    assert run(make_source(), lake, 1).report.passed is passed


@pytest.mark.parametrize(("bad", "passed"), [(8, True), (9, False)])
def test_what_is_read_again_is_judged_by_all_that_was_read(
    bad: int, passed: bool, make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    till.rows = [(f"s{place}", 1.0, T0) for place in range(32)]
    source = make_source()
    run(source, lake, 1)
    till.rows += [(f"bad{place}", -1.0, T0) for place in range(bad)]
    assert run(source, lake, 1, identity="other").report.passed is passed


def test_fresh_rows_are_judged_by_themselves(make_source: Callable[..., Source], till: Till, lake: Lake) -> None:
    till.rows = [(f"s{place}", 1.0, T0 + DAY) for place in range(1000)]
    source = make_source()
    run(source, lake, 1)
    till.rows += [(f"bad{place}", 1.0, None) for place in range(9)]
    assert not run(source, lake, 2).report.passed, "nothing that came since can be read"


def test_a_window_holds_its_end_and_not_its_beginning() -> None:
    moments = pl.DataFrame({"at": [T0 + hours * timedelta(hours=1) for hours in range(4)]})
    window = Window(T0 + timedelta(hours=1), T0 + timedelta(hours=2))
    assert moments.filter(window.contains("at"))["at"].to_list() == [T0 + timedelta(hours=2)]
    assert moments.filter(Window(None, T0).contains(pl.col("at")))["at"].to_list() == [T0]


def test_a_value_that_must_be_unique_is_looked_for_in_what_was_collected(
    make_source: Callable[..., Source], till: Till, lake: Lake, write_contract: Callable[[str], Path]
) -> None:
    text = CONTRACT.replace("KEY", KEYED).replace("MORE", "").replace("required: true, log", "unique: true, log")
    source = Source(
        name="sales", contract=Contract.load(write_contract(text)), known_at="at", read=till.read, late=3 * DAY
    )
    run(source, lake, 5)
    till.rows += [(f"n{place}", 5.0 if place == 0 else 10.0 + place, T0 + 5.5 * DAY) for place in range(5)]
    till.rows += [("s4", 4.0, T0 + 5.6 * DAY), ("n9", 11.0, T0 + 5.7 * DAY)]
    second = run(source, lake, 6)
    assert second.report.by_rule == {"amount: value came before": 1, "amount: value was collected before": 1}
    assert {"n0", "n9"}.isdisjoint(bronze(lake, source))


@pytest.mark.parametrize("policy", ["refuse", "allow"])
def test_a_source_without_rows_is_refused_or_allowed(
    policy: str, make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    till.rows = []
    more = f"customProperties: [{{property: kreis.empty, value: {policy}}}]" if policy == "allow" else ""
    result = run(make_source(more=more), lake, 5)
    assert result.report.passed is (policy == "allow")
    assert ("the source gave no rows at all" in result.report.verdict) is (policy == "refuse")


def test_a_day_with_far_fewer_rows_than_its_past_is_named(
    make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    till.rows = [
        (f"s{day}_{n}", 1.0, T0 + day * DAY + n * timedelta(minutes=20)) for day in range(20) for n in range(40)
    ]
    source = make_source()
    assert run(source, lake, 10).report.warnings == []
    whole = till.rows
    till.rows = [row for row in whole if row[0].partition("_")[0] != "s12" or int(row[0].partition("_")[2]) < 11]
    cut = run(source, lake, 14)
    assert cut.report.warnings == ["far fewer rows than on the days before: 2013-05-13 has 11 (before: 40 to 40)"]
    assert cut.report.passed
    till.rows = [row for row in whole if row[0] < "s17"]
    assert "2013-05-18 has 0 (before: " in run(source, lake, 20).report.warnings[-1]


@pytest.mark.parametrize(
    ("usual", "last", "thin"),
    [(200, 99, True), (200, 101, False), (200, 140, False), (10, 4, False), (64, 31, True), (64, 33, False)],
)
def test_a_day_is_thin_below_half_of_its_past_and_four_spreads_of_a_count(usual: int, last: int, thin: bool) -> None:
    counts = [*[usual] * 10, last]
    known_at = pl.Series([T0 + day * DAY for day, count in enumerate(counts) for _ in range(count)])
    assert (thin_days(known_at, T0 + 10 * DAY, T0 + 11 * DAY) is not None) is thin
    assert thin_days(known_at, T0 + 11 * DAY, T0 + 11 * DAY) is None, "only the window's own days are judged"
    assert thin_days(known_at, T0 + 10 * DAY, T0 + 10.9 * DAY) is None, "a day that is not over is not judged"


def test_a_row_known_at_the_end_of_the_last_window_is_late(
    make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    source = make_source()
    run(source, lake, 5)
    till.rows.append(("bound", 1.0, T0 + 5 * DAY))
    second = run(source, lake, 6)
    assert (second.report.late, second.changed_since) == (1, T0 + 5 * DAY)


def test_a_quiet_source_is_not_warned_of(make_source: Callable[..., Source], till: Till, lake: Lake) -> None:
    till.rows = [(f"s{day}", 1.0, T0 + day * DAY) for day in range(40) if day % 5]
    source = make_source()
    assert run(source, lake, 20).report.warnings == []
    assert run(source, lake, 40).report.warnings == []


GIVES = [
    (lambda _: None, "gave nothing.*without `return`"),
    (lambda _: [1], "gave a builtins.list.*LazyFrame"),
]


@pytest.mark.parametrize(("function", "says"), GIVES)
def test_a_source_that_gives_no_frame_is_told_so(
    function: Callable[[Window], pl.LazyFrame], says: str, make_source: Callable[..., Source], lake: Lake
) -> None:
    source = Source(name="sales", contract=make_source().contract, known_at="at", read=function)
    with pytest.raises(ProjectError, match=f"(?s)source 'sales'.*{says}"):
        run(source, lake, 1)


def test_a_source_may_give_an_eager_frame(make_source: Callable[..., Source], till: Till, lake: Lake) -> None:
    source = Source(
        name="sales",
        contract=make_source().contract,
        known_at="at",
        read=lambda window: till.read(window).collect(),  # type: ignore[arg-type, return-value]
    )
    assert run(source, lake, 5).report.good == 6


def test_times_without_a_zone_are_explained(make_source: Callable[..., Source], till: Till, lake: Lake) -> None:
    def naive(window: Window) -> pl.LazyFrame:
        frame = pl.LazyFrame({"id": ["a"], "amount": [1.0], "at": [T0.replace(tzinfo=None)]})
        return frame.filter(window.contains("at"))

    source = Source(name="sales", contract=make_source().contract, known_at="at", read=naive)
    with pytest.raises(ServiceError, match="replace_time_zone"):
        run(source, lake, 1)


def test_rows_that_are_gone_are_kept_without_waiting_where_changes_are_not_wanted(
    make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    source = twenty(till, make_source, lake)
    del till.rows[-10:]
    again = run(replace(source, changed="keep"), lake, 6, identity="cut")
    assert (again.report.vanished, again.report.waits, again.report.passed) == (10, False, True)
    assert len(bronze(lake, source)) == 20


def test_rows_outside_the_look_back_are_not_taken_for_gone(
    make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    source = replace(twenty(till, make_source, lake), late=9 * DAY)
    del till.rows[-10:]
    more = run(source, lake, 6)
    assert (more.again, more.report.vanished, more.report.waits) == (False, 10, False)


def test_several_versions_of_a_row_survive_when_its_source_is_read_anew(
    make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    source = make_source()
    run(source, lake, 5)
    till.rows.append(("s1", 100.0, T0 + 5.5 * DAY))
    del till.rows[3]
    again = run(source, lake, 6, identity="other")
    assert again.table is not None
    assert (again.table.mode, again.report.quarantined) == ("overwrite", 0)
    assert (bronze(lake, source)["s1"], bronze(lake, source, day=5)["s1"]) == (100.0, 1.0)


def test_a_row_far_ahead_is_set_aside_when_its_source_is_read_anew(
    make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    till.rows = [(f"s{place}", float(place), T0 + place * timedelta(hours=1)) for place in range(100)]
    source = make_source()
    run(source, lake, 6)
    till.rows[0] = ("far", 1.0, datetime(2023, 5, 10, tzinfo=UTC))
    again = run(source, lake, 6, identity="other")
    assert again.report.vanished == 1
    assert "far" not in bronze(lake, source, day=9999)


def test_a_version_of_the_table_shows_what_it_held(make_source: Callable[..., Source], till: Till, lake: Lake) -> None:
    source = make_source()
    run(source, lake, 5)
    till.rows.append(("s1", 100.0, T0 + 5.5 * DAY))
    run(source, lake, 6)
    late = T0 + 99 * DAY
    assert read_bronze(lake, source, late, 0).collect().height == 6
    assert dict(read_bronze(lake, source, late, 0).select("id", "amount").collect().iter_rows())["s1"] == 1.0
    assert not has_corrections(lake, source, 0)
    assert has_corrections(lake, source)


def test_a_table_without_corrections_has_the_column_that_says_so_on_demand_only(
    make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    source = make_source()
    run(source, lake, 5)
    late = T0 + 99 * DAY
    assert read_bronze(lake, source, late).collect().columns == ["id", "amount", "at"]
    all_versions = read_bronze(lake, source, late, corrections=True).collect()
    assert all_versions.schema["superseded_at"] == pl.Datetime("us", "UTC")
    assert all_versions["superseded_at"].null_count() == 6
    keyless = make_source(KEYLESS)
    assert read_bronze(lake, keyless, late, corrections=True).collect().columns == ["id", "amount", "at"]


def test_the_latest_versions_are_one_a_key(make_source: Callable[..., Source]) -> None:
    rows = pl.LazyFrame({"id": ["a", "a", "b"], "amount": [1.0, 2.0, 3.0], "at": [T0, T0 + DAY, T0]})
    assert latest_versions(rows, make_source()).collect().sort("id").rows() == [
        ("a", 2.0, T0 + DAY),
        ("b", 3.0, T0),
    ]
    assert latest_versions(rows, make_source(KEYLESS)).collect().height == 3
