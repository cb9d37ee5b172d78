"""collect: windows, exactly once, quarantine, and what happens when the contract breaks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from kreis.collection.collecting import Collected, collect, read_bronze
from kreis.collection.contracts.contract import Contract
from kreis.collection.sources import Source, Window
from kreis.errors import ProjectError, ServiceError
from kreis.lake.store import Lake

T0 = datetime(2013, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Shop:
    """A source outside: orders that become known minute by minute."""

    def __init__(self, rows: pl.DataFrame) -> None:
        self.rows = rows
        self.windows: list[Window] = []

    def read(self, window: Window) -> pl.LazyFrame:
        self.windows.append(window)
        return self.rows.lazy().filter(window.contains("at"))


@pytest.fixture
def shop(make_orders: Callable[..., pl.DataFrame]) -> Shop:
    return Shop(make_orders(180, at=T0))


@pytest.fixture
def source(shop: Shop, orders: Contract) -> Source:
    return Source(name="orders", contract=orders, known_at="at", read=shop.read, late=HOUR / 2)


def run(source: Source, lake: Lake, until: datetime, *, step: str | None = None, generation: str = "g1") -> Collected:
    return collect(source, until=until, lake=lake, actor="test", step=step or until.isoformat(), generation=generation)


def ids(lake: Lake) -> list[str]:
    return lake.scan("bronze/orders").select("id").collect().to_series().to_list()


def test_collect_reads_what_became_known_and_a_span_before_it(source: Source, shop: Shop, lake: Lake) -> None:
    first = run(source, lake, T0 + HOUR)
    second = run(source, lake, T0 + 2 * HOUR)
    assert [window.after for window in shop.windows] == [None, T0 + HOUR / 2]
    assert (second.report.held, second.report.late, second.changed_since) == (30, 0, None)
    assert (first.report.good, second.report.good) == (61, 60)
    assert second.table is not None
    assert (second.table.version, second.table.rows, second.table.known_until) == (1, 121, T0 + 2 * HOUR)
    assert second.quarantine is None


def test_windows_of_any_size_give_the_same_rows(source: Source, lake: Lake, shop: Shop) -> None:
    for minutes in (1, 2, 30, 31, 77, 178, 300):
        run(source, lake, T0 + timedelta(minutes=minutes))
    assert ids(lake) == shop.rows["id"].to_list()


def test_a_repeated_step_changes_nothing_and_reports_the_same(source: Source, lake: Lake, shop: Shop) -> None:
    run(source, lake, T0 + HOUR)
    shop.windows.clear()
    first = run(source, lake, T0 + 2 * HOUR)
    assert run(source, lake, T0 + 2 * HOUR) == first
    assert [window.after for window in shop.windows] == [T0 + HOUR / 2, T0 + HOUR / 2]
    assert first.report.rows == 60
    assert first.table is not None
    assert first.table.version == 1


def test_an_earlier_moment_changes_nothing(source: Source, lake: Lake, shop: Shop) -> None:
    table = run(source, lake, T0 + HOUR).table
    assert run(source, lake, T0 + HOUR / 2).table == table
    assert len(shop.windows) == 1


def test_recompute_collects_everything_from_the_beginning(source: Source, lake: Lake, shop: Shop) -> None:
    run(source, lake, T0 + HOUR)
    again = collect(
        source, until=T0 + HOUR, lake=lake, actor="test", step="again", generation="g1", recompute=True
    )  # fmt: skip
    assert [window.after for window in shop.windows] == [None, None]
    assert again.anew
    assert again.table is not None
    assert (again.table.version, again.table.mode, again.table.rows) == (1, "overwrite", 61)


def test_a_window_without_rows_breaks_a_contract_that_demands_rows(source: Source, lake: Lake, shop: Shop) -> None:
    run(source, lake, T0 + HOUR)
    shop.rows = shop.rows.head(61)
    relaxed = Source(name="orders", contract=source.contract, known_at="at", read=shop.read)
    broken = run(relaxed, lake, T0 + 2 * HOUR)
    assert not broken.report.passed, "this contract demands rows"
    assert broken.table is not None
    assert broken.table.known_until == T0 + HOUR


def test_a_window_without_rows_is_remembered_in_an_empty_append(
    source: Source, lake: Lake, shop: Shop, write_contract: Callable[..., object]
) -> None:
    quiet = Source(name="orders", contract=without_row_count(write_contract), known_at="at", read=shop.read)
    run(quiet, lake, T0 + 4 * HOUR)
    later = run(quiet, lake, T0 + 5 * HOUR)
    assert later.table is not None
    assert (later.table.rows, later.table.known_until) == (180, T0 + 5 * HOUR)
    assert later.report.passed
    assert run(quiet, lake, T0 + 5 * HOUR, step="other").table == later.table


def test_bad_rows_go_to_quarantine_as_they_came(source: Source, lake: Lake, shop: Shop) -> None:
    shop.rows = shop.rows.with_columns(quantity=pl.when(pl.col("id") == "O00007").then(0).otherwise("quantity"))
    result = run(source, lake, T0 + HOUR)
    assert result.report.passed
    assert "O00007" not in ids(lake)
    rows = lake.scan("quarantine/orders").collect()
    assert rows.select("id", "quantity", "reasons", "contract").row(0) == (
        "O00007",
        "0",
        ["quantity: below 1"],
        source.contract.digest,
    )


def test_a_broken_contract_leaves_bronze_and_is_collected_once_the_source_is_right(
    source: Source, lake: Lake, shop: Shop
) -> None:
    run(source, lake, T0 + HOUR)
    right = shop.rows
    shop.rows = right.with_columns(quantity=pl.when(pl.col("at") > T0 + HOUR).then(0).otherwise("quantity"))
    broken = run(source, lake, T0 + 2 * HOUR)
    assert not broken.report.passed
    assert broken.table is not None
    assert broken.table.known_until == T0 + HOUR
    assert broken.quarantine is not None
    assert broken.quarantine.rows == 60
    again = run(source, lake, T0 + 2 * HOUR, step="another attempt")
    assert again.quarantine is not None
    assert again.quarantine.rows == 60, "bad rows stand there once"
    shop.rows = right
    fixed = run(source, lake, T0 + 2 * HOUR)
    assert fixed.report.passed
    assert len(ids(lake)) == 121


def test_rows_that_are_not_yet_known_are_left_for_later(source: Source, lake: Lake, shop: Shop) -> None:
    hasty = Source(name="orders", contract=source.contract, known_at="at", read=lambda _: shop.rows.lazy())
    first = run(hasty, lake, T0 + HOUR)
    assert (first.report.rows, first.not_yet_known) == (61, 119)
    assert "119 rows were not yet known" in first.report.warnings[0]
    second = run(hasty, lake, T0 + 2 * HOUR)
    assert (second.report.rows, second.report.held, second.not_yet_known) == (60, 61, 59)
    assert len(ids(lake)) == 121


def test_a_new_generation_is_collected_from_the_beginning(source: Source, lake: Lake, shop: Shop) -> None:
    shop.rows = shop.rows.with_columns(quantity=pl.when(pl.col("id") == "O00007").then(0).otherwise("quantity"))
    run(source, lake, T0 + HOUR)
    anew = run(source, lake, T0 + HOUR, generation="g2")
    assert anew.anew
    assert anew.window.after is None
    assert anew.table is not None
    assert (anew.table.mode, anew.table.version, anew.table.rows) == ("overwrite", 1, 60)
    assert anew.quarantine is not None
    assert anew.quarantine.rows == 1
    assert lake.scan("bronze/orders", 0).collect().height == 60
    assert not run(source, lake, T0 + 2 * HOUR, generation="g2").anew


def test_a_crash_between_quarantine_and_bronze_doubles_nothing(
    source: Source, lake: Lake, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.rows = shop.rows.with_columns(quantity=pl.when(pl.col("id") == "O00007").then(0).otherwise("quantity"))
    append = lake.append

    def dies(table: str, *args: object, **kwargs: object) -> object:
        if table.startswith("bronze/"):
            raise KeyboardInterrupt
        return append(table, *args, **kwargs)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(lake, "append", dies)
        with pytest.raises(KeyboardInterrupt):
            run(source, lake, T0 + HOUR)
    assert lake.latest("bronze/orders") is None
    result = run(source, lake, T0 + 2 * HOUR)
    assert result.quarantine is not None
    assert result.quarantine.rows == 1
    assert len(ids(lake)) == 120


def test_a_source_that_fails_says_which(source: Source, lake: Lake) -> None:
    def fails(_: Window) -> pl.LazyFrame:
        raise OSError("connection refused")

    down = Source(name="orders", contract=source.contract, known_at="at", read=fails)
    with pytest.raises(ServiceError, match="source 'orders': the source could not be read: OSError: connection"):
        run(down, lake, T0)
    assert lake.latest("bronze/orders") is None


def test_a_source_whose_known_at_may_be_missing_is_refused(orders: Contract, shop: Shop) -> None:
    with pytest.raises(ProjectError, match="did you mean 'at'"):
        Source(name="orders", contract=orders, known_at="att", read=shop.read)
    with pytest.raises(ProjectError, match="required: true"):
        Source(name="orders", contract=orders, known_at="email", read=shop.read)


def test_a_row_whose_time_cannot_be_read_is_quarantined(source: Source, lake: Lake, shop: Shop) -> None:
    texts = shop.rows.head(20).with_columns(pl.col("at").dt.to_string("iso:strict"))
    texts = texts.with_columns(at=pl.when(pl.col("id") == "O00003").then(pl.lit("soon")).otherwise("at"))
    odd = Source(name="orders", contract=source.contract, known_at="at", read=lambda _: texts.lazy())
    result = run(odd, lake, T0 + timedelta(minutes=9))
    assert (result.report.good, result.not_yet_known) == (9, 10)
    assert list(result.report.by_rule) == ["at: not a moment in time with a zone"]


def test_read_bronze_shows_what_was_known(source: Source, lake: Lake) -> None:
    run(source, lake, T0 + 3 * HOUR)
    assert read_bronze(lake, source, T0 + HOUR).collect().height == 61
    assert read_bronze(lake, source, T0 + HOUR, version=0).collect()["at"].max() == T0 + HOUR


def test_latency_is_judged_even_when_nothing_came(
    lake: Lake, shop: Shop, write_contract: Callable[..., object]
) -> None:
    contract = without_row_count(
        write_contract, "slaProperties: [{property: latency, value: 2, unit: h, element: at}]\n"
    )
    source = Source(name="orders", contract=contract, known_at="at", read=shop.read)
    assert run(source, lake, T0 + 4 * HOUR).report.passed
    stale = run(source, lake, T0 + 6 * HOUR)
    assert not stale.report.passed
    assert "3:01:00 old" in stale.report.table_failures[0]


def without_row_count(write: Callable[..., object], more: str = "") -> Contract:
    text = """
apiVersion: v3.2.0
kind: DataContract
id: orders
version: 1.0.0
schema:
  - name: orders
    properties:
      - {name: id, logicalType: string, primaryKey: true}
      - {name: at, logicalType: timestamp, required: true}
"""
    return Contract.load(str(write(text + more)))
