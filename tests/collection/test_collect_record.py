"""collect: what each version says of itself, what the report says where nothing came, and columns that come and go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from kreis.collection.collecting import Collected, collect, read_bronze
from kreis.collection.contracts.contract import Contract
from kreis.collection.sources import Source, Window
from kreis.errors import ContractError, ProjectError, ServiceError
from kreis.lake.store import Lake
from kreis.ledger.records import Run
from kreis.ledger.runs import start_run

T0 = datetime(2013, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)
TIME = "Datetime(time_unit='us', time_zone='UTC')"
CONTRACT = """
apiVersion: v3.2.0
kind: DataContract
id: sales
version: 1.0.0
schema:
  - name: sales
    properties:
      - {name: id, logicalType: string, primaryKey: true}
      - {name: amount, logicalType: number, required: true, logicalTypeOptions: {minimum: 0}}
      - {name: at, logicalType: timestamp, required: true}
    customProperties:
      - {property: kreis.quarantine.at_most, value: 0.5}
      - {property: kreis.changes.at_most, value: 0.5}
      - {property: kreis.columns.extra, value: keep}
"""
Row = dict[str, object]


@dataclass
class Till:
    """A source outside; its rows can be changed between collections."""

    rows: list[Row] = field(default_factory=list)
    sold: int = 0

    def sell(self, day: float, amount: float = 1.0, **more: object) -> None:
        self.rows.append({"id": f"s{self.sold}", "amount": amount, "at": T0 + day * DAY, **more})
        self.sold += 1

    def read(self, window: Window) -> pl.LazyFrame:
        schema = {"id": pl.String, "amount": pl.Float64, "at": pl.Datetime("us", "UTC")}
        frame = pl.from_dicts(self.rows, schema_overrides=schema) if self.rows else pl.DataFrame(schema=schema)
        return frame.lazy().filter(window.contains("at"))


@pytest.fixture
def till() -> Till:
    return Till()


@pytest.fixture
def make_source(till: Till, write_contract: Callable[[str], Path]) -> Callable[..., Source]:
    def make(sla: str = "") -> Source:
        contract = Contract.load(write_contract(CONTRACT + sla))
        return Source(name="sales", contract=contract, known_at="at", read=till.read, late=3 * DAY)

    return make


def run(
    source: Source, lake: Lake, day: float, *, identity: str = "same", generation: str = "g1", run: str | None = None
) -> Collected:
    until = T0 + day * DAY
    key = f"{until}{identity}"
    return collect(
        source, until=until, lake=lake, actor="Ada", step=key, run=run, generation=generation, identity=identity
    )


def test_every_version_names_its_run_and_until_when_all_is_known(
    make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    with lake.ledger.record(event="run.started", subject="run-7", actor="Ada", reason="test") as tx:
        started = Run(id="run-7", project="p", as_of=T0, status="running", trigger="manual", started_at=T0, goal="g")
        start_run(tx, started)
    till.sell(1)
    till.sell(2, amount=-1.0)  # set aside
    first = run(make_source(), lake, 3, run="run-7")
    till.sell(4)
    till.sell(5, amount=-1.0)
    more = run(make_source(), lake, 6, run="run-7")
    anew = run(make_source(), lake, 7, generation="g2", run="run-7")
    tables = [each.table for each in (first, more, anew)] + [each.quarantine for each in (first, more, anew)]
    assert [each.mode for each in tables if each] == ["append", "append", "overwrite"] * 2
    assert {each.run for each in tables if each} == {"run-7"}
    known = [T0 + day * DAY for day in (3, 6, 7)]
    assert [each.known_until for each in tables if each] == known * 2


def test_what_a_broken_collection_sets_aside_is_known_no_further_than_before(
    make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    till.sell(1)
    run(make_source(), lake, 2)
    till.rows += [{"id": f"bad{n}", "amount": -1.0, "at": T0 + 5 * DAY} for n in range(3)]
    broken = run(make_source(), lake, 6)
    assert not broken.report.passed
    assert broken.quarantine is not None
    assert broken.quarantine.known_until == T0 + 2 * DAY - 3 * DAY  # the window's beginning


def test_set_aside_rows_with_a_new_column_are_kept_with_it(
    make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    till.sell(1)
    till.sell(1, amount=-1.0)
    run(make_source(), lake, 2)
    till.sell(3)
    till.sell(3, amount=-2.0, till="north")
    later = run(make_source(), lake, 4)
    assert later.quarantine is not None
    assert later.quarantine.rows == 2


def test_nothing_to_collect_reports_nothing_and_names_what_is_there(
    make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    source = make_source()
    till.sell(1)
    till.sell(1, amount=-1.0)
    before = run(source, lake, 3)
    again = run(source, lake, 2)
    assert (again.table, again.quarantine) == (before.table, before.quarantine)
    assert (again.window.after, again.window.until) == (T0 + 3 * DAY, T0 + 2 * DAY)
    report = again.report
    assert (report.rows, report.good, report.quarantined) == (0, 0, 0)
    assert (report.table, report.contract, report.at_most) == ("sales", source.contract.digest, 0.5)


def test_a_column_that_no_longer_comes_is_null_from_then_on(
    make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    till.sell(1, shop="north")
    run(make_source(), lake, 2)
    till.rows = [{name: value for name, value in row.items() if name != "shop"} for row in till.rows]
    till.sell(6)
    later = run(make_source(), lake, 7)
    rows = read_bronze(lake, make_source(), T0 + 9 * DAY).sort("at").collect()
    assert rows["shop"].to_list() == ["north", None]
    assert set(later.came) == {"id", "amount", "at"}


def test_a_replaced_row_without_the_extra_column_stands_beside_those_that_have_it(
    make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    till.sell(1, shop="north")
    till.sell(2, shop="south")
    run(make_source(), lake, 3)
    till.rows = [
        {**{name: value for name, value in row.items() if name != "shop"}, "amount": 5.0 if at else 1.0}
        for at, row in enumerate(till.rows)
    ]
    run(make_source(), lake, 4)
    rows = read_bronze(lake, make_source(), T0 + 9 * DAY).sort("at").collect()
    assert rows.select("amount", "shop").rows() == [(1.0, "north"), (5.0, None)]


def test_rows_keep_their_order_where_one_is_replaced(
    make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    for hour in range(40):
        till.sell(hour / 24)
    run(make_source(), lake, 2)
    till.rows[3]["amount"] = 9.0
    run(make_source(), lake, 3)
    kept = read_bronze(lake, make_source(), T0 + 9 * DAY).collect()["id"].to_list()
    assert [each for each in kept if each != "s3"] == [f"s{n}" for n in range(40) if n != 3]


def test_rows_that_are_gone_from_a_source_read_as_a_whole_are_gone_from_bronze(
    make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    for day in range(6):
        till.sell(day)
    run(make_source(), lake, 7)
    till.rows.pop(2)
    report = run(make_source(), lake, 7, identity="another").report
    assert "1 collected row is no longer given by the source; they are gone with it" in report.warnings


def test_an_empty_source_is_told_how_to_allow_that(make_source: Callable[..., Source], lake: Lake) -> None:
    report = run(make_source(), lake, 2).report
    assert report.table_failures[0] == "the source gave no rows at all (kreis.empty: allow, where that may be)"


def test_only_days_since_the_last_collection_are_judged_as_thin(
    make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    for day in range(12):
        for hour in range(2 if day == 9 else 40):
            till.sell(day + hour / 48)
    assert any("far fewer rows" in each for each in run(make_source(), lake, 11).report.warnings)
    assert not any("far fewer rows" in each for each in run(make_source(), lake, 12).report.warnings)


@pytest.mark.parametrize("generation", ["g1", "g2"])
def test_a_promise_of_latency_is_judged_however_the_rows_are_read(
    generation: str, make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    source = make_source(sla="slaProperties: [{property: latency, value: 2, unit: d, element: at}]")
    till.sell(1)
    assert run(source, lake, 2).report.passed
    late = run(source, lake, 9, generation=generation, identity="another").report
    assert "at most" in late.table_failures[0]


@pytest.mark.parametrize("generation", ["g2", "g1"])
def test_a_row_known_at_the_last_moment_counts_as_known_before(
    generation: str, make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    till.sell(1)
    till.sell(2)
    run(make_source(), lake, 2)
    again = run(make_source(), lake, 2, generation=generation, identity="another")
    assert again.report.passed
    assert again.report.undone == 0


def test_a_source_collected_anew_at_the_same_moment_with_fewer_rows_waits(
    make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    for day in range(4):
        till.sell(day)
    run(make_source(), lake, 4)
    till.rows = till.rows[:1]
    assert run(make_source(), lake, 4, generation="g2").report.undone == 3


@pytest.mark.parametrize(
    ("error", "said", "hint"),
    [
        (OSError("the till is off\n\nfor today"), "OSError: the till is off\n\nfor today", "run again when it is back"),
        (pl.exceptions.ComputeError("no such file\n\nplan: SCAN"), "ComputeError: no such file", "run again"),
        (pl.exceptions.ComputeError("found more fields than defined in 'Schema'"), "found more", "kreis.read_csv"),
        (pl.exceptions.ComputeError("line 3 has 4 fields than defined in 'Schema'"), "line 3", "kreis.read_csv"),
        (pl.exceptions.ComputeError("found more fields than the header"), "found more", "kreis.read_csv"),
        (pl.exceptions.SchemaError("Datetime expected"), "Datetime expected", "a moment with a zone"),
        (ValueError("no datetime today"), "no datetime today", "run again"),
    ],
)
def test_a_source_that_cannot_be_read_says_why_and_what_next(
    error: Exception, said: str, hint: str, make_source: Callable[..., Source], lake: Lake
) -> None:
    def fail(window: Window) -> pl.LazyFrame:
        raise error

    made = make_source()
    source = Source(name="sales", contract=made.contract, known_at="at", read=fail)
    with pytest.raises(ServiceError) as refused:
        run(source, lake, 1)
    assert said in refused.value.message
    assert "plan" not in refused.value.message
    assert hint in (refused.value.hint or "")
    assert lake.latest("bronze/sales") is None


def test_what_is_collected_anew_may_differ_from_the_beginning_on(
    make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    till.sell(1)
    first = run(make_source(), lake, 2)
    anew = run(make_source(), lake, 3, generation="g2")
    assert first.changed_since is None
    assert anew.changed_since is not None
    assert anew.changed_since < T0
    assert first.came == anew.came == {"id": "String", "amount": "Float64", "at": TIME}


def test_rows_without_their_time_column_are_set_aside_and_counted(
    make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    made = make_source()
    frame = pl.LazyFrame({"id": ["a", "b"], "amount": [1.0, 2.0]})
    source = Source(name="sales", contract=made.contract, known_at="at", read=lambda window: frame)
    found = run(source, lake, 2)
    assert (found.report.rows, found.report.quarantined, found.not_yet_known) == (2, 2, 0)
    assert found.came == {"id": "String", "amount": "Float64"}


def test_a_source_read_anew_because_rows_are_gone_sets_aside_what_is_far_ahead_and_nothing_of_before(
    make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    for day in range(8):
        till.sell(day, amount=-1.0 if day == 2 else 1.0)
    run(make_source(), lake, 8)
    del till.rows[5]
    till.rows[2]["amount"] = 1.0
    for day in (8.2, 8.4, 40 * 365):
        till.sell(day)
    found = run(make_source(), lake, 9, identity="another")
    assert found.report.vanished == 1
    assert found.quarantine is not None
    assert (found.quarantine.mode, found.quarantine.rows) == ("overwrite", 1)
    assert read_bronze(lake, make_source(), T0 + 99_999 * DAY).collect().height == 9


def test_rows_that_a_whole_source_gives_again_are_not_late(
    make_source: Callable[..., Source], till: Till, lake: Lake
) -> None:
    made = make_source()
    source = Source(name="sales", contract=made.contract, known_at="at", read=till.read, whole=True)
    till.sell(1)
    run(source, lake, 2)
    till.sell(1)
    assert run(source, lake, 3, identity="another").report.late == 0


def test_a_function_that_fails_in_kreis_words_is_named(make_source: Callable[..., Source], lake: Lake) -> None:
    for where, said in ((None, "source 'sales'"), ("line 3", "source 'sales', line 3")):

        def fail(window: Window, where: str | None = where) -> pl.LazyFrame:
            raise ContractError("cut off", where=where)

        source = Source(name="sales", contract=make_source().contract, known_at="at", read=fail)
        with pytest.raises(ContractError) as refused:
            run(source, lake, 1)
        assert refused.value.where == said


def test_a_known_at_that_the_contract_lets_be_missing_is_refused(write_contract: Callable[[str], Path]) -> None:
    for known_at, said in (("when", "unknown column of the contract 'when'"), ("at", "may be missing")):
        contract = Contract.load(write_contract(CONTRACT.replace("timestamp, required: true", "timestamp")))
        with pytest.raises(ProjectError, match=said) as refused:
            Source(name="sales", contract=contract, known_at=known_at, read=Till().read)
        assert "sales" in (refused.value.where or "")


def test_a_window_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="2013"):
        Window(T0, T0.replace(tzinfo=None))
