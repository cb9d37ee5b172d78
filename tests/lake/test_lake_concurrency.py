from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from kreis.lake.store import Lake

BY: dict[str, Any] = {"actor": "ann", "reason": "test"}
CHILD = Path(__file__).with_name("process_that_appends.py")


def test_writers_in_several_processes_lose_nothing(tmp_path: Path, reopen: Callable[[], Lake]) -> None:
    writers = [
        subprocess.Popen([sys.executable, str(CHILD), str(tmp_path), f"w{number}", "8"], stdout=subprocess.DEVNULL)
        for number in range(4)
    ]
    seen = 0
    while any(writer.poll() is None for writer in writers):
        latest = reopen().latest("bronze/x")
        if latest is not None:
            height = reopen().scan("bronze/x", latest.version).collect().height
            assert height == latest.rows >= seen
            seen = height
    assert [writer.returncode for writer in writers] == [0] * 4
    frame = reopen().scan("bronze/x").collect()
    assert sorted(frame.rows()) == [(f"w{number}", n) for number in range(4) for n in range(8)]
    assert all(group["n"].is_sorted() for group in frame.partition_by("writer"))
    assert reopen().check(deep=True).findings == []
    assert pl.scan_delta(str(tmp_path / "lake/bronze/x")).collect().height == 32


def test_threads_that_share_a_lake_lose_nothing(lake: Lake) -> None:
    def write(writer: int) -> None:
        for number in range(5):
            lake.append("bronze/x", pl.DataFrame({"n": [writer * 5 + number]}), step=f"{writer}-{number}", **BY)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(lake.scan("bronze/x").collect()["n"]) == list(range(20))
    assert lake.check(deep=True).findings == []


def test_one_step_in_many_threads_writes_once(lake: Lake) -> None:
    versions = []

    def write() -> None:
        versions.append(lake.append("bronze/x", pl.DataFrame({"n": [1]}), step="only", **BY))

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(versions) == 8
    assert {version.version for version in versions} == {0}
    assert lake.scan("bronze/x").collect().height == 1


def test_a_scan_keeps_its_version_while_others_write(lake: Lake) -> None:
    lake.append("bronze/x", pl.DataFrame({"n": [1]}), step="1", **BY)
    plan = lake.scan("bronze/x")
    lake.overwrite("bronze/x", pl.DataFrame({"n": [2, 3]}), step="2", **BY)
    assert plan.collect()["n"].to_list() == [1]
    assert lake.scan("bronze/x").collect()["n"].to_list() == [2, 3]
