"""Collection in a circle: files corrected in place, probes, late rows, and that a person is told of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from kreis.actions.run import run_circle
from kreis.clock import SimulatedClock
from kreis.collection.sources import Window
from kreis.declarations import Declared
from kreis.errors import ProjectError, ServiceError
from kreis.governance.pages.source import source_page
from kreis.governance.pages.status import status_page
from kreis.governance.views.source import SourceView, source_view
from kreis.governance.views.status import status_view
from kreis.loop.machine import RunResult
from kreis.loop.verdicts import Hold, SendBack, in_words, warnings_of
from kreis.workspace import Workspace

T0 = datetime(2025, 8, 15, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def workspace(shop: Any) -> Iterator[Workspace]:
    made = Workspace(shop.folder, clock=SimulatedClock(T0 + 30 * DAY))
    yield made
    made.ledger.close()


def collected(workspace: Workspace, day: int = 0, accept: Collection[str] = ()) -> RunResult:
    workspace.clock.advance(workspace.clock.now() + timedelta(minutes=1))  # type: ignore[attr-defined]
    return run_circle(workspace.load_project(), workspace, as_of=T0 + day * DAY, until="collection", accept=accept)


def orders(workspace: Workspace) -> dict[str, float]:
    rows = workspace.lake.scan("bronze/orders").select("order_id", "amount").collect()
    return dict(rows.iter_rows())


def test_a_file_corrected_in_place_is_read_again(workspace: Workspace, shop: Any) -> None:
    collected(workspace)
    assert collected(workspace).computed == 0
    assert orders(workspace)["o00000"] == 18.02
    shop.edit("o00000,c127,shirts,18.02", "o00000,c127,shirts,19.02", file="data/orders.csv")
    result = collected(workspace)
    assert result.computed == 2
    assert orders(workspace)["o00000"] == 19.02
    assert "1 replaced" in result.last.summary  # type: ignore[union-attr]
    assert collected(workspace).computed == 0


def test_a_file_cut_in_half_waits_until_somebody_accepts_it(workspace: Workspace, shop: Any) -> None:
    collected(workspace)
    path = shop.folder / "data" / "orders.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[: len(lines) // 2]))
    held = collected(workspace)
    assert isinstance(held.last, Hold)
    assert (held.status, held.last.detail["report"]["undone"] > 1000) == ("held", True)
    assert in_words(held.last).startswith("waits for somebody who has looked at the source and accepts it: kreis run")
    assert "10% may be at once (kreis.changes.at_most). Nothing was taken" in held.last.reason
    assert len(orders(workspace)) > 2 * held.last.detail["report"]["undone"] * 0.9
    with pytest.raises(ProjectError, match="unknown source 'order'"):
        collected(workspace, accept=["order"])
    assert "waits for somebody" in shop.kreis("run", "--accept", "orders", code=11), "the other source reads it too"
    told = shop.kreis("run", "--accept", "orders", "--accept", "settlements", "--until", "collection")
    assert "ann accepts that 1," in told
    assert workspace.lake.latest("bronze/orders").mode == "overwrite"
    shown = shop.kreis("show", "source", "orders")
    assert "ann accepts" in shown


def test_a_file_that_was_only_touched_is_not_read_again(workspace: Workspace, shop: Any) -> None:
    collected(workspace)
    (shop.folder / "data" / "orders.csv").touch()
    assert collected(workspace).computed == 0


def test_a_file_that_only_the_plan_names_is_looked_at_too(workspace: Workspace, shop: Any) -> None:
    shop.edit("read_csv(ORDERS)", 'read_csv(Path(__file__).parent / "data" / "orders.csv")')
    shop.edit('ORDERS = Path(__file__).parent / "data" / "orders.csv"', "")
    assert warnings_of(collected(workspace).last) == []
    assert collected(workspace).computed == 0
    shop.edit("o00000,c127,shirts,18.02", "o00000,c127,shirts,19.02", file="data/orders.csv")
    assert collected(workspace).computed == 2
    assert orders(workspace)["o00000"] == 19.02


def test_what_kreis_cannot_see_is_said_once(workspace: Workspace, shop: Any) -> None:
    shop.edit("read_csv(ORDERS)", 'pl.read_csv(str(ORDERS.parent) + "/orders.csv", infer_schema=False).lazy()')
    shop.edit('ORDERS = Path(__file__).parent / "data" / "orders.csv"', "ORDERS = Path(__file__).parent / 'data' / 'x'")
    first = warnings_of(collected(workspace).last)
    assert [each.partition(":")[0] for each in first] == ["source 'orders'", "source 'settlements'"]
    assert "kreis cannot see what it reads" in first[0]
    assert warnings_of(collected(workspace, 1).last) == []


PROBE = """
def probe() -> str:
    return (ORDERS.parent / "probe").read_text()


@project.source(contract="contracts/orders.yaml", version=probe, """


def test_a_changed_probe_brings_in_what_came_later_than_the_look_back(workspace: Workspace, shop: Any) -> None:
    shop.edit('\n@project.source(contract="contracts/orders.yaml", ', PROBE)
    shop.edit("read_csv(ORDERS)", "read_csv(str(ORDERS) + '')")
    (shop.folder / "data" / "probe").write_text("one")
    collected(workspace)
    late = "o90000,c127,shirts,18.02,2025-01-05T04:26Z,2025-01-06T20:26Z,true\n"
    with (shop.folder / "data" / "orders.csv").open("a") as file:
        file.write(late)
    (shop.folder / "data" / "probe").write_text("two")
    result = collected(workspace)
    assert "2 late" in result.last.summary  # type: ignore[union-attr]
    assert "o90000" in orders(workspace)


def test_a_probe_that_fails_is_named(workspace: Workspace, shop: Any) -> None:
    shop.edit('\n@project.source(contract="contracts/orders.yaml", ', PROBE)
    with pytest.raises(ServiceError, match="source 'orders', version=: its probe failed: FileNotFoundError"):
        collected(workspace)


def test_a_row_that_comes_late_is_counted_where_a_person_looks(workspace: Workspace, shop: Any) -> None:
    collected(workspace)
    with (shop.folder / "data" / "orders.csv").open("a") as file:
        file.write("o90000,c127,shirts,18.02,2025-08-12T04:26Z,2025-08-14T20:26Z,true\n")
    result = collected(workspace, 1)
    assert "2 late" in result.last.summary, "the order and its settlement"  # type: ignore[union-attr]
    page = str(status_page(status_view(workspace)))
    assert "orders" in page
    assert "1 late" in page
    view = source_view(workspace, "orders")
    assert isinstance(view, SourceView)
    assert (view.report.late, view.late_days) == (1, 7.0)
    assert "1 came late" in str(source_page(view))
    left = result.state.sources["orders"].output
    assert (left.mode, left.changed_since) == ("append", datetime(2025, 8, 12, 4, 26, tzinfo=UTC))


def test_a_malformed_line_is_named_and_the_rest_goes_on(workspace: Workspace, shop: Any) -> None:
    before = len(orders(workspace)) if collected(workspace) else 0
    shop.edit("o00002,", "o00002,,", file="data/orders.csv")
    result = collected(workspace)
    told = warnings_of(result.last)
    assert any("orders.csv, line 4 is malformed and was set aside: 'o00002,," in each for each in told)
    assert len(orders(workspace)) == before - 1
    found = workspace.lake.scan("quarantine/orders").filter(pl.col("order_id").str.starts_with("o00002,,")).collect()
    assert found["reasons"].to_list() != []


def test_columns_that_the_source_changed_are_told(workspace: Workspace, shop: Any) -> None:
    collected(workspace)
    path = shop.folder / "data" / "orders.csv"
    header, *lines = path.read_text().splitlines()
    path.write_text("\n".join([f"{header},colour", *(f"{line},red" for line in lines)]) + "\n")
    assert warnings_of(collected(workspace).last)[:2] == [
        "source 'orders': columns that the contract does not name were dropped: colour",
        "source 'orders': the source changed its columns: added colour (String)",
    ]


def correct_a_settlement(shop: Any) -> dict[str, str]:
    """The first row once more, settled otherwise and later; read as a correction of the settlement alone."""
    path = shop.folder / "data" / "orders.csv"
    header, first, *_ = path.read_text().splitlines()
    row = dict(zip(header.split(","), first.split(","), strict=True))
    row |= {"settled_at": "2025-08-10T20:26Z", "returned": "false"}
    with path.open("a") as file:
        file.write(",".join(row.values()) + "\n")
    return row


def prepared(workspace: Workspace) -> RunResult:
    workspace.clock.advance(workspace.clock.now() + timedelta(minutes=1))  # type: ignore[attr-defined]
    return run_circle(workspace.load_project(), workspace, as_of=T0, until="preparation")


@pytest.mark.parametrize("corrections", [True, False])
def test_a_corrected_row_counts_once_and_as_it_was_known(corrections: bool, workspace: Workspace, shop: Any) -> None:
    if corrections:
        shop.edit('@project.table(layer="silver")', '@project.table(layer="silver", corrections=True)')
    before = prepared(workspace)
    row = correct_a_settlement(shop)
    after = prepared(workspace)
    outputs = [each.state.features["customer"].output for each in (before, after)]
    spines = [each.state.tables["questions"].output for each in (before, after)]
    assert spines[0].rows == spines[1].rows, "the question is asked once"
    frames = [
        pl.concat(
            [workspace.lake.scan(each.table, each.version).collect() for each in (spine, features)],
            how="horizontal",
        ).filter(pl.col("customer") == row["customer"])
        for spine, features in zip(spines, outputs, strict=True)
    ]
    settled = pl.col("placed_at") >= datetime(2025, 8, 10, 20, 26, tzinfo=UTC)
    names = ["customer__orders_180d", "customer__return_rate_180d"]
    between = [frame.filter(~settled).select(names) for frame in frames]
    assert between[0].equals(between[1]) is corrections
    assert frames[0].filter(settled)["customer__orders_180d"].equals(frames[1].filter(settled)["customer__orders_180d"])
    warned = any("rows of 'settled' were corrected" in each for each in warnings_of(after.last))
    assert warned is not corrections


def test_a_column_that_a_contract_drops_is_named_with_the_contract(workspace: Workspace, shop: Any) -> None:
    shop.edit('.drop("settled_at", "returned")', '.drop("settled_at")')
    shop.edit(
        "return orders.join(",
        'orders = orders.with_columns(\n        again=pl.col("returned")\n    )\n    return orders.join(',
    )
    with pytest.raises(ProjectError) as raised:
        prepared(workspace)
    lines = (shop.folder / "project.py").read_text().splitlines()
    line = lines.index('        again=pl.col("returned")') + 1
    assert f"table 'questions', line {line}" in str(raised.value)
    assert "contracts/orders.yaml does not name it, so it is dropped" in str(raised.value)


def test_a_request_field_that_a_contract_drops_is_named_with_the_contract(workspace: Workspace, shop: Any) -> None:
    shop.edit('.drop("settled_at", "returned")', '.with_columns(coupon=pl.lit("x")).drop("settled_at", "returned")')
    shop.edit('"category": "string"}', '"category": "string", "coupon": "string"}')
    shop.edit('"amount": pl.col("amount"),', '"amount": pl.col("amount"), "coupon": pl.col("coupon") == "x",')
    with pytest.raises(ProjectError, match="the spine has no column 'coupon'") as raised:
        prepared(workspace)
    assert "contracts/orders.yaml does not name it, so it is dropped" in str(raised.value.hint)


def test_a_project_may_lie_in_a_folder_with_brackets(new_shop: Any, tmp_path: Any) -> None:
    odd = new_shop(tmp_path / "sh[o]p * 1")
    workspace = Workspace(odd.folder, clock=SimulatedClock(T0 + 30 * DAY))
    assert prepared(workspace).status == "advanced"
    assert len(orders(workspace)) == 2812
    assert prepared(workspace).computed == 0
    workspace.ledger.close()


def test_a_source_that_is_mended_while_the_work_goes_back_is_collected_in_the_next_round(workspace: Workspace) -> None:
    """Its probe says that the data outside are others by then."""
    project = workspace.load_project()
    orders = project.sources["orders"]
    broken = [True]

    def read(window: Window) -> pl.LazyFrame:
        rows = orders.read(window)
        if not broken:
            return rows
        broken.clear()
        return rows.with_columns(order_id=pl.lit(None, pl.String))

    mended = dataclasses.replace(orders, read=read, version=lambda: str(len(broken)))
    project._sources._declared["orders"] = Declared(mended, "here")
    result = run_circle(project, workspace, as_of=T0, until="collection")
    assert result.status == "advanced"
    assert [(each.round, type(each.verdict).__name__) for each in result.conclusions] == [
        (1, "Advance"),
        (1, "SendBack"),
        (2, "Advance"),
    ]
    assert isinstance(result.conclusions[1].verdict, SendBack)
    assert result.state.sources["orders"].output.quarantined > 0
