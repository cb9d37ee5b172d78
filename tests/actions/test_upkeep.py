"""`kreis lake retain`: what is past its time leaves, what a registered model rests on stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from kreis.actions.upkeep import compact_lake, retain_lake
from kreis.clock import SimulatedClock
from kreis.errors import ProjectError
from kreis.ledger import models, releases, runs, steps
from kreis.ledger.records import Route, Run, RunStep, Step
from kreis.workspace import Workspace

T0 = datetime(2024, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
BY: dict[str, Any] = {"actor": "ann", "reason": "test"}


def opened(folder: Path, settings: str = "") -> Workspace:
    (folder / "kreis.toml").write_text(settings)
    return Workspace(folder, clock=SimulatedClock(T0))


def fill(workspace: Workspace) -> None:
    """A gold table written anew on each of five days, and a log of the same days; a model rests on gold 1."""
    clock = workspace.clock
    assert isinstance(clock, SimulatedClock)
    for day in range(5):
        frame = pl.DataFrame({"n": [day], "at": [clock.now()]})
        workspace.lake.overwrite("gold/x", frame, step=str(day), **BY)
        workspace.lake.append("log/predictions", frame, step=str(day), day_of="at", **BY)
        clock.advance(clock.now() + DAY)
    with workspace.ledger.record(event="e", subject="s", **BY) as tx:
        run = Run(id="r1", project="p", as_of=T0, status="running", trigger="manual", started_at=T0, goal="g")
        runs.start_run(tx, run)
        outputs = {"table": "gold/x", "version": 1}
        steps.add_step(tx, Step(key="k", discipline="preparation", name="n", inputs={}, outputs=outputs, seconds=0.0,
                                finished_at=T0))  # fmt: skip
        steps.use_step(tx, RunStep(run="r1", key="k", position=0, remembered=False))
        models.register_model(tx, digest="d" * 64, project="p", candidate="c", run="r1", signature="{}")


def test_by_default_nothing_young_leaves(tmp_path: Path) -> None:
    workspace = opened(tmp_path)
    fill(workspace)
    assert retain_lake(workspace) == []


def test_old_versions_leave_but_for_those_that_a_model_rests_on(tmp_path: Path) -> None:
    workspace = opened(tmp_path, "[lake]\nkeep_versions = '36h'\n")
    fill(workspace)
    planned = retain_lake(workspace, dry_run=True)
    assert [(each.table, each.versions, each.kept) for each in planned] == [
        ("gold/x", 2, [1]),
        ("log/predictions", 3, []),
    ]
    assert retain_lake(workspace) == planned
    assert [workspace.lake.scan("gold/x", version).collect()["n"].item() for version in (1, 3, 4)] == [1, 3, 4]
    for version in (0, 2):
        with pytest.raises(ProjectError, match="was expired"):
            workspace.lake.scan("gold/x", version)
    assert workspace.lake.scan("log/predictions").collect().height == 5
    assert workspace.lake.check(deep=True).findings == []


def test_what_reaches_farthest_stays_after_a_run_as_of_an_earlier_day(tmp_path: Path) -> None:
    workspace = opened(tmp_path, "[lake]\nkeep_versions = '36h'\n")
    clock = workspace.clock
    assert isinstance(clock, SimulatedClock)
    for step, known in enumerate([1, 2, 0, 0]):
        frame = pl.DataFrame({"n": [known]})
        workspace.lake.overwrite("gold/x", frame, step=str(step), known_until=T0 + known * DAY, **BY)
        clock.advance(clock.now() + 2 * DAY)
    assert [(each.versions, each.kept) for each in retain_lake(workspace)] == [(2, [1])]
    farthest = workspace.lake.farthest("gold/x")
    assert farthest is not None
    assert workspace.lake.scan("gold/x", farthest.version).collect()["n"].to_list() == [2]


def test_old_days_of_the_log_leave(tmp_path: Path) -> None:
    workspace = opened(tmp_path, "[lake]\nkeep_versions = ''\nkeep_log = '3d'\n")
    fill(workspace)
    assert [(each.table, each.rows) for each in retain_lake(workspace) if each.rows] == [("log/predictions", 2)]
    assert workspace.lake.scan("log/predictions").collect()["n"].to_list() == [2, 3, 4]
    assert len(list((tmp_path / ".kreis/lake/log/predictions").glob("*.parquet"))) == 3
    assert workspace.lake.scan("gold/x", 0).collect()["n"].item() == 0
    assert workspace.lake.check(deep=True).findings == []


def test_the_days_of_a_running_canary_stay(tmp_path: Path) -> None:
    workspace = opened(tmp_path, "[lake]\nkeep_versions = ''\nkeep_log = '1d'\n")
    clock = workspace.clock
    assert isinstance(clock, SimulatedClock)
    fill(workspace)

    def release(kind: Any) -> None:
        with workspace.ledger.record(event="e", subject="s", **BY) as tx:
            routes = [Route(model="d" * 64, share=1.0)]
            releases.add_release(tx, project="p", routes=routes, kind=kind)

    now = clock.now()
    clock.advance(now + DAY / 2)
    release("canary")
    clock.advance(now + 3 * DAY)
    release("canary")
    workspace.lake.append(
        "log/predictions", pl.DataFrame({"n": [9], "at": [now + DAY / 2]}), step="9", day_of="at", **BY
    )
    assert retain_lake(workspace)
    assert workspace.lake.scan("log/predictions").collect()["n"].to_list() == [9]
    release("promotion")
    assert retain_lake(workspace)
    assert workspace.lake.scan("log/predictions").collect().height == 0


def test_small_files_are_merged(tmp_path: Path) -> None:
    workspace = opened(tmp_path)
    for step in range(3):
        workspace.lake.append("bronze/x", pl.DataFrame({"n": [step]}), step=str(step), **BY)
    assert [(each.table, each.files_before, each.files_after) for each in compact_lake(workspace)] == [
        ("bronze/x", 3, 1)
    ]
    assert compact_lake(workspace) == []
