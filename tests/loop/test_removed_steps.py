"""A step whose table version has left is computed again; one whose version is there is remembered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from kreis.clock import SimulatedClock
from kreis.lake.store import Lake
from kreis.lake.tending import expire
from kreis.ledger.records import Run
from kreis.ledger.runs import start_run
from kreis.ledger.steps import steps_of
from kreis.ledger.store import open_ledger
from kreis.loop.planning import Planning
from kreis.loop.steps import Memory, StepOutput

T0 = datetime(2024, 3, 1, tzinfo=UTC)


class Left(StepOutput, frozen=True, kw_only=True):
    table: str
    version: int


def planned(memory: Planning) -> str:
    memory.step("preparation", "x", parameters={}, inputs={"day": 1}, result=Left, compute=lambda key: Left(
        table="", version=0))  # fmt: skip
    return memory.planned[0].fate


def test_a_step_whose_table_version_is_gone_is_computed_again(tmp_path: Path) -> None:
    clock = SimulatedClock(T0)
    with open_ledger(tmp_path / "ledger.db", clock=clock) as ledger:
        lake = Lake(tmp_path / "lake", ledger)
        with ledger.record(event="run.started", subject="r1", actor="ann", reason="test") as tx:
            start_run(tx, Run(id="r1", project="p", as_of=T0, status="running", trigger="m", started_at=T0, goal="g"))
        memory = Memory(ledger, run="r1", actor="ann", libraries={})

        def compute(key: str) -> Left:
            version = lake.overwrite("gold/x", pl.DataFrame({"n": [1]}), step=key, actor="ann", reason="test")
            return Left(table="gold/x", version=version.version)

        def step(day: int) -> tuple[int, bool]:
            done = memory.step("preparation", "x", parameters={}, inputs={"day": day}, result=Left, compute=compute)
            return done.output.version, done.remembered

        assert [step(1), step(1), step(2)] == [(0, False), (0, True), (1, False)]
        with ledger.read() as connection:
            left = [found for _, found in steps_of(connection, "r1") if found.inputs == {"day": 1}]
        assert planned(Planning(ledger, libraries={}, among=left)) == "remembered"
        clock.advance(T0 + timedelta(days=9))
        expire(lake, "gold/x", None, actor="ann", reason="test")
        assert planned(Planning(ledger, libraries={}, among=left)) == "computed", "its table is gone"
        assert [step(2), step(1), step(1)] == [(1, True), (2, False), (2, True)]
