"""A tiny project of any task, walked the whole way: run, serve, ask, outcome, watch, canary, rollback."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from tests.end_to_end.test_service import Serving, serving

from kreis.actions.parity import prove_parity
from kreis.actions.release import roll_back
from kreis.actions.run import run_circle
from kreis.actions.serve import close_segment
from kreis.clock import SimulatedClock
from kreis.ledger import releases
from kreis.watching.children import CircleOutcome
from kreis.watching.watcher import Look, Watcher
from kreis.workspace import Workspace

START = datetime(2025, 8, 15, tzinfo=UTC)
"""The first day in service; what came before is history."""
DAY = timedelta(days=1)

PROJECT = """
from pathlib import Path
import polars as pl
from kreis import *

project = Project("tickets", goal=Goal(
    question="{question}", decision="Act on it.", risk=Risk.minimal(because="a test"), metric={metric}, {goal}
))

@project.source(contract="tickets.yaml", known_at="seen")
def tickets(window: Window) -> pl.LazyFrame:
    return pl.scan_parquet(Path(__file__).parent / "tickets.parquet").filter(window.contains("seen"))

@project.spine(id="ticket", time="at", keys=["desk"], outcome="kind", outcome_known_at="seen", outcome_within="1d")
def rows(tickets: pl.LazyFrame) -> pl.LazyFrame:
    return tickets

project.request_view("row", fields={{"a": "number", "b": "number"}}, features={{"a": pl.col("a"), "b": pl.col("b")}})
project.split(TimeSplit(test="{test}"))
project.candidate("mean", Mean(), baseline=True)
project.candidate("model", {weak})
project.release(Canary(steps=[0.5, 1.0], hold="1d"), fallback="mean")
project.monitor(Drift(window_days=3), BusinessMetric())
"""

CONTRACT = """
apiVersion: v3.2.0
kind: DataContract
id: tickets
version: 1.0.0
schema:
  - name: tickets
    properties:
      - {{name: ticket, logicalType: string, primaryKey: true}}
      - {{name: desk, logicalType: string}}
      - {{name: a, logicalType: number}}
      - {{name: b, logicalType: number}}
      - {{name: kind, logicalType: {outcome}}}
      - {{name: at, logicalType: timestamp, required: true}}
      - {{name: seen, logicalType: timestamp, required: true}}
"""


@dataclass(frozen=True, kw_only=True)
class Walk:
    """What a project of a task asks and says."""

    question: str
    metric: str
    """As project.py has it."""
    goal: str = ""
    outcome: str
    """The outcome's logical type."""
    weak: str
    """The first candidate, as project.py has it."""
    strong: str
    frame: Callable[[int], pl.DataFrame]
    """So many rows: `a`, `b` and the outcome `kind`."""
    sent: Callable[[Any], Any] = field(default=lambda kind: kind)
    """An outcome as a client sends it."""
    test: str = "10d"
    """The newest part of the history, for evaluation."""
    per_day: int = 60
    history: int = 40
    served: int = 6
    """Days in service."""


@dataclass
class Walked:
    """What came of it."""

    shop: Any
    workspace: Workspace
    answers: list[dict[str, Any]]
    looks: list[Look]
    schemas: dict[str, Any]
    """Of the service's description."""


def write(folder: Path, walk: Walk) -> pl.DataFrame:
    """The project's files, and all rows by time."""
    days = walk.history + walk.served
    frame = walk.frame(days * walk.per_day)
    begin = START - walk.history * DAY
    at = [begin + each * DAY / walk.per_day for each in range(len(frame))]
    frame = frame.with_columns(
        at=pl.Series(at, dtype=pl.Datetime("us", "UTC")),
        desk=pl.lit("one"),
        ticket=pl.arange(len(frame)).cast(pl.String),
    ).with_columns(seen=pl.col("at") + timedelta(hours=6))
    frame.write_parquet(folder / "tickets.parquet")
    (folder / "kreis.toml").write_text(f'[clock]\nas_of = "{START:%Y-%m-%d}"\n[training]\nseed = 7\n')
    (folder / "tickets.yaml").write_text(CONTRACT.format(outcome=walk.outcome))
    said = {name: getattr(walk, name) for name in ("question", "metric", "goal", "weak", "test")}
    (folder / "project.py").write_text(PROJECT.format(**said))
    return frame


def ask(service: Serving, rows: pl.DataFrame, walk: Walk, start: datetime) -> list[dict[str, Any]]:
    """Ask about a day's rows at once; say in the evening what happened."""
    asked = [
        {"fields": {"a": row["a"], "b": row["b"]}, "reference": row["ticket"], "keys": {"desk": "one"}}
        for row in rows.iter_rows(named=True)
    ]
    answers = service.post("/v1/predict", {"rows": asked}, at=start + DAY / 2)["predictions"]
    outcomes = [
        {"reference": row["ticket"], "outcome": walk.sent(row["kind"]), "known_at": (start + 0.9 * DAY).isoformat()}
        for row in rows.iter_rows(named=True)
    ]
    service.post("/v1/outcomes", {"outcomes": outcomes}, at=start + 0.95 * DAY)
    return list(answers)


@contextmanager
def walked(folder: Path, new_shop: Any, walk: Walk) -> Iterator[Walked]:
    """A weak model goes into service; on the second day a better one is trained, and a canary compares them."""
    like = folder / "like"
    like.mkdir()
    frame = write(like, walk)
    shop = new_shop(folder / "shop", like=like)
    workspace = Workspace(shop.folder, clock=SimulatedClock(START))
    _run(workspace, START)
    shop.edit(walk.weak, walk.strong)
    project = workspace.load_project()

    def circle(now: datetime, trigger: str) -> CircleOutcome:
        raise AssertionError(f"the circle starts again: {trigger}")

    def collect(now: datetime) -> CircleOutcome:
        result = run_circle(project, workspace, as_of=now, until="preparation")
        return CircleOutcome(run=result.run, status=result.status, reason=str(result.last))

    watcher = Watcher(project, workspace, circle=circle, collect=collect, close_log=lambda: close_segment(workspace))
    found = Walked(shop, workspace, [], [], {})
    with serving(shop) as service:
        for number in range(walk.served):
            day = START + number * DAY
            rows = frame.filter(pl.col("at").is_between(day, day + DAY, closed="left"))
            found.answers += ask(service, rows, walk, day)
            workspace.clock.advance(day + DAY)
            found.looks.append(watcher.look(day + DAY))
            if number == 0:
                _run(workspace, day + DAY)
            service.follow(workspace, project.name)
        found.schemas = json.loads(service.get("/openapi.json"))["components"]["schemas"]
        yield found
    workspace.ledger.close()


def _run(workspace: Workspace, as_of: datetime) -> None:
    result = run_circle(workspace.load_project(), workspace, as_of=as_of)
    assert result.status == "advanced", result.last


def releases_of(found: Walked) -> list[str]:
    """The kinds of all releases, in order."""
    with found.workspace.ledger.read() as connection:
        return [each.kind for each in reversed(releases.list_releases(connection, "tickets"))]


def check_walk(found: Walked, walk: Walk) -> None:
    """Of each task: nothing failed, the better model was promoted, answers are proved; and one can go back."""
    assert [error for look in found.looks for error in look.errors] == []
    assert sum(look.outcomes for look in found.looks) == len(found.answers) == walk.per_day * walk.served
    assert releases_of(found) == ["release", "canary", "promotion"], found.looks[-1].canary
    proved = prove_parity(found.workspace, rows=200)
    assert (proved.ok, proved.rows, proved.differences) == (True, 200, 0)
    back = roll_back(found.workspace, reason="a test")
    assert [back.kind, back.routes[0].model] == ["rollback", found.answers[0]["model"]]
