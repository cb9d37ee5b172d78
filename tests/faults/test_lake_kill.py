"""kill -9 around every operation of a commit, and at random instants: the last state or the next one."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from kreis.clock import SystemClock
from kreis.lake.store import Lake
from kreis.ledger.store import open_ledger

pytestmark = pytest.mark.faults

CHILD = Path(__file__).parent.parent / "lake" / "process_that_appends.py"


def run_child(folder: Path, writer: str, count: int, *kill_at: int) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, str(CHILD), str(folder), writer, str(count), *map(str, kill_at)]
    return subprocess.run(arguments, capture_output=True, text=True, check=False)


def rows(folder: Path, *, resume_to: int = 0) -> list[int]:
    """The rows after a reopening, which finishes or undoes what the crash left; both ways to read agree."""
    with open_ledger(folder / "ledger.db", clock=SystemClock()) as ledger:
        lake = Lake(folder / "lake", ledger)
        for number in range(resume_to):
            frame = pl.DataFrame({"writer": ["w"], "n": [number]})
            lake.append("bronze/x", frame, step=f"w-{number}", actor="w", reason="test")
        if lake.latest("bronze/x") is None:
            return []
        ours = lake.scan("bronze/x").collect()["n"].to_list()
        assert sorted(pl.scan_delta(str(folder / "lake/bronze/x")).collect()["n"]) == sorted(ours)
        assert lake.repair().ok
        assert lake.check(deep=True).findings == []
        return ours


@pytest.mark.parametrize("before", [0, 2])
def test_killed_at_every_instant_of_a_commit(tmp_path: Path, before: int) -> None:
    start = tmp_path / "start"
    assert run_child(start, "w", before).returncode == 0
    shutil.copytree(start, tmp_path / "whole")
    instants = int(run_child(tmp_path / "whole", "w", before + 1, 0).stdout.split()[-1])
    assert instants >= 16
    seen = set()
    for instant in range(1, instants + 1, 1 if before else 2):
        folder = tmp_path / str(instant)
        shutil.copytree(start, folder)
        killed = run_child(folder, "w", before + 1, instant)
        assert killed.returncode == -9
        after = rows(folder)
        assert after in (list(range(before)), list(range(before + 1)))
        assert len(after) >= len(killed.stdout.splitlines())
        seen.add(len(after))
        assert rows(folder, resume_to=before + 1) == list(range(before + 1))
    assert seen == {before, before + 1}


def test_killed_at_random_instants_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    pick = random.Random(5)
    for attempt in range(10):
        child = subprocess.Popen(
            [sys.executable, str(CHILD), str(tmp_path), "w", "100000"], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        said = [child.stdout.readline() for _ in range((attempt + 1) * 5)]
        try:
            child.wait(pick.random() * 0.03)
        except subprocess.TimeoutExpired:
            child.kill()
        said += child.stdout.readlines()
        child.wait()
        child.stdout.close()
        after = rows(tmp_path)
        assert after == list(range(len(after)))
        assert len(after) >= len([line for line in said if line.endswith("\n")])
