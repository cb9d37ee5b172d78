from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable
from polars.testing import assert_frame_equal

from kreis.errors import ContractError, ProjectError, StoreError
from kreis.lake.store import Lake
from kreis.ledger.audit import entries
from kreis.ledger.records import Run
from kreis.ledger.runs import start_run
from kreis.ledger.store import Ledger

BY: dict[str, Any] = {"actor": "ann", "reason": "daily collection"}
T0 = datetime(2013, 5, 1, 12, tzinfo=UTC)


def numbers(*values: int) -> pl.DataFrame:
    return pl.DataFrame({"n": list(values)})


def rows(lake: Lake, table: str, version: int | None = None) -> list[int]:
    return lake.scan(table, version).collect()["n"].to_list()


def delta_rows(tmp_path: Path, table: str, version: int | None = None) -> list[int]:
    frame = pl.scan_delta(str(tmp_path / "lake" / table), version=version).collect()
    return sorted(frame["n"].to_list())


def test_append_returns_what_was_acknowledged(lake: Lake, flights: pl.DataFrame) -> None:
    version = lake.append("bronze/flights", flights, step="s1", known_until=T0, **BY)
    assert (version.table, version.version, version.rows, version.mode) == ("bronze/flights", 0, 3, "append")
    assert (version.step, version.known_until, version.at) == ("s1", T0, T0)
    assert lake.latest("bronze/flights") == lake.version("bronze/flights", 0) == version
    assert_frame_equal(lake.scan("bronze/flights").collect(), flights)


def test_append_adds_rows_in_order(lake: Lake) -> None:
    lake.append("bronze/x", numbers(3, 1), step="a", **BY)
    assert lake.append("bronze/x", numbers(2), step="b", **BY).rows == 3
    assert rows(lake, "bronze/x") == [3, 1, 2]


def test_overwrite_replaces_rows_and_schema(lake: Lake, tmp_path: Path) -> None:
    lake.append("silver/x", numbers(1), step="a", **BY)
    lake.append("silver/x", numbers(2), step="b", **BY)
    version = lake.overwrite("silver/x", pl.DataFrame({"m": ["z"]}), step="c", **BY)
    assert (version.rows, version.mode) == (1, "overwrite")
    assert lake.scan("silver/x").collect().to_dict(as_series=False) == {"m": ["z"]}
    assert pl.scan_delta(str(tmp_path / "lake/silver/x")).collect().to_dict(as_series=False) == {"m": ["z"]}
    assert rows(lake, "silver/x", 1) == [1, 2]


def test_overwrite_of_nothing_makes_the_table(lake: Lake) -> None:
    assert lake.overwrite("gold/x", numbers(1), step="a", **BY).version == 0
    assert rows(lake, "gold/x") == [1]


def test_scan_travels_to_any_version(lake: Lake, reopen: Callable[[], Lake], tmp_path: Path) -> None:
    expected: list[list[int]] = []
    for step in range(12):
        write = lake.overwrite if step == 5 else lake.append
        write("bronze/x", numbers(step), step=str(step), **BY)
        expected.append([step] if step == 5 else [*(expected[-1] if expected else []), step])
    for opened in (lake, reopen()):
        assert [rows(opened, "bronze/x", version) for version in range(12)] == expected
        assert [opened.version("bronze/x", version).rows for version in range(12)] == list(map(len, expected))
    assert [delta_rows(tmp_path, "bronze/x", version) for version in range(12)] == [sorted(e) for e in expected]


def test_scan_leaves_out_files_whose_rows_were_known_before(lake: Lake, reopen: Callable[[], Lake]) -> None:
    day = timedelta(days=1)
    for step, known in enumerate((T0, T0 + day, None, T0 + 2 * day)):
        lake.append("log/x", numbers(step), step=str(step), known_until=known, **BY)
    for opened in (lake, reopen()):
        for since, found in ((T0, [0, 1, 2, 3]), (T0 + day, [1, 2, 3]), (T0 + 3 * day, [2])):
            assert opened.scan("log/x", known_since=since).collect()["n"].to_list() == found
        assert opened.scan("log/x", 1, known_since=T0 + 3 * day).collect().schema == {"n": pl.Int64}


def test_other_delta_readers_agree(lake: Lake, tmp_path: Path, flights: pl.DataFrame) -> None:
    for step in range(3):
        lake.append("bronze/flights", flights.with_columns(day=pl.lit(step)), step=str(step), **BY)
    table = DeltaTable(tmp_path / "lake/bronze/flights")
    assert (table.version(), table.protocol().min_reader_version) == (2, 1)
    assert [entry["kreis.step"] for entry in table.history()] == ["2", "1", "0"]
    theirs = pl.scan_delta(str(tmp_path / "lake/bronze/flights")).collect()
    assert_frame_equal(theirs, lake.scan("bronze/flights").collect(), check_row_order=False)


def test_scan_prunes_columns_and_rows(lake: Lake) -> None:
    lake.append("bronze/x", pl.DataFrame({"n": [1, 2], "s": ["a", "b"]}), step="a", **BY)
    plan = lake.scan("bronze/x").filter(pl.col("n") > 1).select("s")
    assert plan.collect().to_dict(as_series=False) == {"s": ["b"]}
    assert "PROJECT 1/2" in plan.explain().upper() or "PROJECT 2/2" in plan.explain().upper()
    assert "SELECTION" in plan.explain()


def test_a_step_writes_once(lake: Lake, reopen: Callable[[], Lake], tmp_path: Path) -> None:
    first = lake.append("bronze/x", numbers(1), step="a", **BY)
    lake.append("bronze/x", numbers(2), step="b", **BY)
    files = sorted((tmp_path / "lake/bronze/x").rglob("*"))
    assert reopen().append("bronze/x", numbers(1), step="a", **BY) == first
    assert sorted((tmp_path / "lake/bronze/x").rglob("*")) == files
    assert rows(lake, "bronze/x") == [1, 2]


def test_a_step_may_write_to_several_tables(lake: Lake) -> None:
    lake.append("bronze/x", numbers(1), step="a", **BY)
    lake.append("quarantine/x", numbers(2), step="a", **BY)
    assert lake.tables() == ["bronze/x", "quarantine/x"]


def test_each_write_is_one_audit_entry(lake: Lake, ledger: Ledger) -> None:
    lake.append("bronze/x", numbers(1), step="a", **BY)
    lake.overwrite("bronze/x", numbers(2), step="b", **BY)
    with ledger.read() as connection:
        said = [(entry.event, entry.subject, entry.actor, entry.outputs["version"]) for entry in entries(connection)]
    assert said == [("lake.appended", "bronze/x", "ann", 0), ("lake.overwritten", "bronze/x", "ann", 1)]


def test_append_within_a_run(lake: Lake, ledger: Ledger) -> None:
    run = Run(id="r1", project="p", as_of=T0, status="running", trigger="manual", started_at=T0, goal="g")
    with ledger.record(event="run.started", subject="r1", actor="ann", reason="test") as tx:
        start_run(tx, run)
    assert lake.append("bronze/x", numbers(1), step="a", run="r1", **BY).run == "r1"


def test_a_run_that_is_not_known_is_refused(lake: Lake) -> None:
    with pytest.raises(ProjectError, match="unknown run"):
        lake.append("bronze/x", numbers(1), step="a", run="r1", **BY)
    assert lake.latest("bronze/x") is None


def test_a_write_that_the_ledger_refuses_leaves_no_commit(lake: Lake, tmp_path: Path) -> None:
    lake.append("bronze/x", numbers(1), step="a", **BY)
    with pytest.raises(ProjectError, match="needs reason"):
        lake.append("bronze/x", numbers(2), step="b", actor="ann", reason=" ")
    assert rows(lake, "bronze/x") == delta_rows(tmp_path, "bronze/x") == [1]
    assert lake.append("bronze/x", numbers(3), step="c", **BY).version == 1
    assert rows(lake, "bronze/x") == delta_rows(tmp_path, "bronze/x") == [1, 3]


def test_a_blank_step_is_refused(lake: Lake) -> None:
    with pytest.raises(ProjectError, match="step"):
        lake.append("bronze/x", numbers(1), step="", **BY)


@pytest.mark.parametrize("version", [-1, 1])
def test_an_unknown_version_is_refused(lake: Lake, version: int) -> None:
    lake.append("bronze/x", numbers(1), step="a", **BY)
    with pytest.raises(ProjectError, match=f"no version {version}"):
        lake.scan("bronze/x", version)


def test_an_unknown_table_comes_with_the_nearest(lake: Lake) -> None:
    lake.append("bronze/flights", numbers(1), step="a", **BY)
    with pytest.raises(ProjectError, match="did you mean 'bronze/flights'"):
        lake.scan("bronze/flight")
    assert lake.latest("bronze/flight") is None


@pytest.mark.parametrize(
    "name",
    ["", "x", "bronze", "bronze/", "iron/x", "bronze/X", "bronze/1x", "bronze/x/y", "bronze/../x", "/etc/x",
     "bronze/x\n", "bronze/ü", "bronze/.x", "bronze/" + "x" * 200, "bronze/x\0"],
)  # fmt: skip
def test_names_that_are_no_table_are_refused(lake: Lake, name: str, tmp_path: Path) -> None:
    for ask in (lake.scan, lake.latest, lambda table: lake.append(table, numbers(1), step="a", **BY)):
        with pytest.raises(StoreError, match="not a valid table name"):
            ask(name)
    assert not (tmp_path / "lake").exists()


def test_a_link_out_of_the_lake_is_refused(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "lake/bronze").mkdir(parents=True)
    (tmp_path / "lake/bronze/x").symlink_to(tmp_path / "outside")
    with pytest.raises(StoreError, match="out of the lake"):
        lake.append("bronze/x", numbers(1), step="a", **BY)
    assert list((tmp_path / "outside").iterdir()) == []


def test_empty_frames(lake: Lake, tmp_path: Path) -> None:
    empty = numbers(1).clear()
    assert lake.append("bronze/x", empty, step="a", **BY).rows == 0
    assert lake.scan("bronze/x").collect().schema == {"n": pl.Int64}
    assert lake.append("bronze/x", numbers(7), step="b", **BY).rows == 1
    assert lake.append("bronze/x", empty, step="c", **BY).added == []
    assert rows(lake, "bronze/x") == delta_rows(tmp_path, "bronze/x") == [7]
    assert lake.overwrite("bronze/x", empty, step="d", **BY).rows == 0
    assert rows(lake, "bronze/x") == delta_rows(tmp_path, "bronze/x") == []


def test_an_append_with_another_schema_names_the_columns(lake: Lake) -> None:
    lake.append("bronze/x", pl.DataFrame({"a": [1], "b": [1], "c": ["x"]}), step="a", **BY)
    with pytest.raises(ContractError) as caught:
        lake.append("bronze/x", pl.DataFrame({"a": [1], "c": [1.5], "d": ["x"]}), step="b", **BY)
    said = str(caught.value)
    assert "added d (String)" in said
    assert "removed b (Int64)" in said
    assert "retyped c from String to Float64" in said
    assert "evolve=True" in said


def test_an_append_may_bring_columns_in_another_order(lake: Lake) -> None:
    lake.append("bronze/x", pl.DataFrame({"a": [1], "b": ["x"]}), step="a", **BY)
    lake.append("bronze/x", pl.DataFrame({"b": ["y"], "a": [2]}), step="b", **BY)
    assert lake.scan("bronze/x").collect().rows() == [(1, "x"), (2, "y")]


def test_evolve_adds_columns_that_read_as_null_before(lake: Lake, tmp_path: Path) -> None:
    lake.append("bronze/x", pl.DataFrame({"a": [1]}), step="a", **BY)
    lake.append("bronze/x", pl.DataFrame({"b": ["y"], "a": [2]}), step="b", evolve=True, **BY)
    expected = pl.DataFrame({"a": [1, 2], "b": [None, "y"]})
    assert_frame_equal(lake.scan("bronze/x").collect(), expected)
    assert_frame_equal(pl.scan_delta(str(tmp_path / "lake/bronze/x")).collect().sort("a"), expected)
    assert lake.scan("bronze/x", 0).collect_schema().names() == ["a"]
    assert lake.schema("bronze/x") == expected.schema
    assert lake.schema("bronze/x", 0) == {"a": pl.Int64}


@pytest.mark.parametrize("frame", [pl.DataFrame({"b": [1]}), pl.DataFrame({"a": [1.5]})])
def test_evolve_neither_drops_nor_retypes(lake: Lake, frame: pl.DataFrame) -> None:
    lake.append("bronze/x", pl.DataFrame({"a": pl.Series([1], dtype=pl.Int32)}), step="a", **BY)
    with pytest.raises(ContractError, match="does not have the table's schema"):
        lake.append("bronze/x", frame, step="b", evolve=True, **BY)
