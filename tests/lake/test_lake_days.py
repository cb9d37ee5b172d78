"""Tables kept by day: a reader of a day reads only its files."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable

from kreis.lake.store import Lake

BY: dict[str, Any] = {"actor": "ann", "reason": "test"}
TABLE = "log/x"
MAY_1 = datetime(2013, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def frame(*hours: float) -> pl.DataFrame:
    return pl.DataFrame({"n": [float(each) for each in hours], "at": [MAY_1 + each * HOUR for each in hours]})


@pytest.fixture
def days(lake: Lake) -> Lake:
    """Rows of two days in one commit, of the second day in another, and rows kept by no day in a third."""
    lake.append(TABLE, frame(23.5, 24, 1), step="1", known_until=MAY_1 + DAY, day_of="at", **BY)
    lake.append(TABLE, frame(47.9), step="2", known_until=MAY_1 + 2 * DAY, day_of="at", **BY)
    lake.append(TABLE, frame(30), step="3", known_until=MAY_1 + 30 * HOUR, **BY)
    return lake


def read(lake: Lake, since: datetime | None = None, before: datetime | None = None) -> list[float]:
    return sorted(lake.scan(TABLE, known_since=since, known_before=before).collect()["n"])


def test_rows_of_a_day_are_in_a_file_of_their_own(days: Lake) -> None:
    files = [(file.day, file.rows) for number in range(3) for file in days.version(TABLE, number).added]
    assert files == [("2013-05-01", 2), ("2013-05-02", 1), ("2013-05-02", 1), (None, 1)]
    assert days.scan(TABLE).collect()["n"].to_list() == [23.5, 1, 24, 47.9, 30]


@pytest.mark.parametrize(
    ("since", "before", "found"),
    [
        (None, None, [1, 23.5, 24, 30, 47.9]),
        (MAY_1, MAY_1 + DAY, [1, 23.5, 30]),
        (MAY_1, MAY_1 + DAY + timedelta(microseconds=1), [1, 23.5, 24, 30, 47.9]),
        (MAY_1 + DAY - timedelta(microseconds=1), MAY_1 + DAY, [1, 23.5, 30]),
        (MAY_1 + DAY, MAY_1 + 2 * DAY, [24, 30, 47.9]),
        (MAY_1 + 2 * DAY, None, []),
        (None, MAY_1, [30]),
    ],
)
def test_a_reader_of_days_reads_their_files(
    days: Lake, reopen: Callable[[], Lake], since: datetime | None, before: datetime | None, found: list[float]
) -> None:
    assert read(days, since, before) == read(reopen(), since, before) == found


def test_other_readers_see_one_table(days: Lake, tmp_path: Path) -> None:
    path = tmp_path / "lake" / TABLE
    assert len(DeltaTable(path).file_uris()) == 4
    assert sorted(pl.scan_delta(str(path)).collect()["n"]) == read(days)


def test_a_day_is_that_of_utc(lake: Lake) -> None:
    local = pl.DataFrame({"at": [MAY_1 + 23 * HOUR]}).with_columns(pl.col("at").dt.convert_time_zone("Asia/Tokyo"))
    assert lake.append(TABLE, local, step="1", day_of="at", **BY).added[0].day == str(date(2013, 5, 1))


def test_a_row_without_a_time_is_kept_by_no_day(lake: Lake) -> None:
    rows = pl.concat([frame(1), pl.DataFrame({"n": [2.0], "at": [None]}, schema=frame(1.0).schema)])
    assert [file.day for file in lake.append(TABLE, rows, step="1", day_of="at", **BY).added] == ["2013-05-01", None]
    assert read(lake, MAY_1 + 5 * DAY) == [2.0]
