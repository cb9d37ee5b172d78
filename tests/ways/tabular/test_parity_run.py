"""Which of the served predictions a replay looks at."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from kreis.ways.tabular.parity_run import _drawn


@pytest.fixture
def log(tmp_path: Path) -> pl.LazyFrame:
    """A log of 300 rows in three files."""
    paths = [tmp_path / f"{each}.parquet" for each in range(3)]
    for each, path in enumerate(paths):
        pl.DataFrame({"id": range(each * 100, each * 100 + 100)}).write_parquet(path)
    return pl.scan_parquet(paths)


def test_a_draw_holds_each_row_once_at_most(log: pl.LazyFrame) -> None:
    drawn = _drawn(log, 60, seed=3)["id"].to_list()
    assert len(set(drawn)) == 60
    assert set(drawn) == set(_drawn(log, 60, seed=3)["id"])
    assert set(drawn) != set(_drawn(log, 60, seed=4)["id"])
    assert _drawn(log, 400, seed=3)["id"].to_list() == list(range(300))


def test_every_row_is_as_likely_as_any_other(log: pl.LazyFrame) -> None:
    counts = [0] * 300
    for seed in range(200):
        for each in _drawn(log, 30, seed)["id"]:
            counts[each] += 1
    thirds = [sum(counts[start : start + 100]) for start in (0, 100, 200)]
    assert sum(thirds) == 6_000
    assert all(abs(third - 2_000) < 5 * 35 for third in thirds)  # 35: the standard deviation of a third
