"""Equal frames give equal Parquet bytes, whatever their history: what fingerprints rest on."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing.parametric import dataframes

from kreis.lake.files import write_data_file, write_parquet
from kreis.lake.folder import FolderStorage
from kreis.lake.layout import TableFolder
from kreis.lake.schema import conform
from kreis.lake.store import Lake

BY: dict[str, Any] = {"actor": "ann", "reason": "test"}
STORABLE = [pl.Boolean, pl.Int8, pl.Int64, pl.UInt32, pl.Float64, pl.String, pl.Binary, pl.Date, pl.Categorical,
            pl.Datetime("us", "UTC"), pl.Decimal(20, 3), pl.List(pl.Float64), pl.List(pl.String)]  # fmt: skip


def parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    write_parquet(conform(frame, "t"), buffer)
    return buffer.getvalue()


@settings(max_examples=60, deadline=None)
@given(dataframes(min_cols=1, max_cols=4, max_size=40, allowed_dtypes=STORABLE, allow_null=True), st.data())
def test_bytes_do_not_depend_on_how_a_frame_came_about(frame: pl.DataFrame, data: st.DataObject) -> None:
    schema = {f"c{position}": dtype for position, dtype in enumerate(frame.dtypes)}
    frame = pl.DataFrame(frame.rows(), schema=schema, orient="row")
    cut = data.draw(st.integers(0, frame.height))
    histories = [
        frame.clone(),
        pl.concat([frame[:cut], frame[cut:]], rechunk=False),
        pl.concat([frame, frame])[frame.height :],
        pl.concat([frame, frame, frame]).slice(frame.height, frame.height),
        frame.with_columns(pl.when(pl.col(name).is_not_null()).then(pl.col(name)) for name in frame.columns),
        frame.with_row_index("_i").sample(fraction=1, shuffle=True, seed=1).sort("_i").drop("_i"),
        pl.read_parquet(io.BytesIO(parquet(frame))) if frame.height else frame,
    ]
    assert {parquet(each) for each in histories} == {parquet(frame)}


@pytest.mark.slow
def test_bytes_do_not_depend_on_threads_or_process() -> None:
    code = (
        "import polars as pl, hashlib, io; from kreis.lake.files import write_parquet;"
        "n = 600_000; i = pl.int_range(n, eager=True);"
        "f = pl.DataFrame({'i': i, 's': (i % 977).cast(pl.String), 'x': (i * 7919 % 1013) / 3}).lazy();"
        "f = f.filter(pl.col('i') % 3 > 0).sort('x', 'i').collect().rechunk();"
        "b = io.BytesIO(); write_parquet(f, b);"
        "print(hashlib.sha256(b.getvalue()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "POLARS_MAX_THREADS": threads, "PYTHONHASHSEED": threads},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for threads in ("1", "2", "4")
    }
    assert len(digests) == 1


def test_a_file_and_a_buffer_hold_the_same_bytes(tmp_path: Path, flights: pl.DataFrame) -> None:
    file = write_data_file(TableFolder(FolderStorage(tmp_path), "bronze/t"), 0, conform(flights, "t"))
    assert (tmp_path / "bronze/t" / file.path).read_bytes() == parquet(flights)


def test_fingerprints_follow_contents_not_names_or_times(
    lake: Lake, reopen: Callable[[], Lake], flights: pl.DataFrame
) -> None:
    def two_steps(table: str, *frames: pl.DataFrame) -> list[str]:
        return [
            lake.append(table, frame, step=f"s{position}", **BY).fingerprint for position, frame in enumerate(frames)
        ]

    same = two_steps("bronze/a", flights, flights)
    assert two_steps("bronze/b", flights, flights) == same
    assert len(set(same)) == 2
    assert two_steps("bronze/c", flights, flights.reverse())[1] != same[1]
    assert two_steps("bronze/d", flights.rename({"delay": "late"}), flights.rename({"delay": "late"}))[0] != same[0]
    assert lake.overwrite("bronze/a", flights, step="again", **BY).fingerprint == same[0]
    assert lake.append("bronze/a", flights.clear(), step="nothing", **BY).fingerprint == same[0]
