"""One tiny project walks the whole circle: what the end-to-end test of each task shares.

A task's test says the project and its rows; `walked` runs it, serves it, asks a day's rows each day and sends what
happened, looks at each day, brings a challenger into a canary, and rolls it back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from tests.end_to_end.test_service import Serving, serving

from kreis.actions.run import run_circle
from kreis.actions.serve import close_segment
from kreis.clock import SimulatedClock
from kreis.ledger import releases
from kreis.ledger.records import Release
from kreis.watching.children import CircleOutcome
from kreis.watching.watcher import Look, Watcher
from kreis.workspace import Workspace

START = datetime(2025, 8, 15, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass(kw_only=True)
class Asked:
    """A project of one source, `rows.parquet`, with columns `id`, `at` and `seen`, and how it is asked."""

    name: str
    project: str
    contract: str
    rows: pl.DataFrame
    """Of history and of the days on which the service is asked."""
    fields: tuple[str, ...]
    """Columns that a request brings."""
    outcome: str | None
    """The column that is sent as what happened, where it is not null."""
    weaker: tuple[str, str]
    """What makes the first model another than the second: a text of the project, and what stands in its place."""
    wrong: Any = -0.5
    """What is no outcome."""
    days: int = 4
    files: Mapping[str, str] = field(default_factory=dict)
    """What else lies in the project's folder."""


@dataclass
class Walk:
    """What came of it."""

    shop: Any
    workspace: Workspace
    answers: list[dict[str, Any]] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    refused: str = ""
    """What the service said to an outcome that is none."""
    schemas: dict[str, Any] = field(default_factory=dict)
    rolled_back: dict[str, Any] = field(default_factory=dict)

    @property
    def release(self) -> Release:
        """The current one."""
        with self.workspace.ledger.read() as connection:
            found = releases.current_release(connection, self.workspace.load_project().name)
        assert found is not None
        return found


def history(rows: int, days: int, columns: dict[str, Any]) -> pl.DataFrame:
    """So many rows evenly over so many days that end four days after `START`; outcomes are seen six hours later."""
    step = timedelta(days=days) / rows
    end = START + 4 * DAY
    at = pl.Series("at", [end - step * (rows - each) for each in range(rows)]).dt.cast_time_unit("us")
    at = at.dt.truncate("1m")
    frame = pl.DataFrame({"id": [f"r{each:05}" for each in range(rows)], "at": at, **columns})
    return frame.with_columns(seen=pl.col("at") + timedelta(hours=6))


@contextmanager
def walked(asked: Asked, folder: Path, new_shop: Callable[..., Any]) -> Iterator[Walk]:
    """Walk the circle."""
    like = folder / "like"
    like.mkdir()
    (like / "kreis.toml").write_text("[training]\nseed = 7\n")
    (like / "rows.yaml").write_text(asked.contract)
    (like / "project.py").write_text(asked.project)
    for name, text in asked.files.items():
        (like / name).write_text(text)
    asked.rows.write_parquet(like / "rows.parquet")
    shop = new_shop(folder / asked.name, like=like)
    shop.edit(*asked.weaker)
    workspace = Workspace(shop.folder, clock=SimulatedClock(START))
    first = run_circle(workspace.load_project(), workspace, as_of=START)
    assert first.status == "advanced", first.last
    shop.edit(*reversed(asked.weaker))
    workspace.ledger.close()
    workspace = Workspace(shop.folder, clock=SimulatedClock(START))
    walk = Walk(shop, workspace)
    with serving(shop) as served:
        _ask_each_day(asked, walk, served)
        walk.schemas = _schemas(served)
    done = shop.document("rollback", "--to", "1", "--reason", "enough was seen")
    walk.rolled_back = done
    yield walk
    workspace.ledger.close()


def _schemas(served: Serving) -> dict[str, Any]:
    import json

    described: dict[str, Any] = json.loads(served.get("/openapi.json"))
    return dict(described["components"]["schemas"])


def _ask_each_day(asked: Asked, walk: Walk, served: Serving) -> None:
    project, workspace = walk.workspace.load_project(), walk.workspace

    def circle(now: datetime, trigger: str) -> CircleOutcome:
        result = run_circle(project, workspace, as_of=now, trigger=trigger)
        return CircleOutcome(run=result.run, status=result.status, reason=str(result.last))

    def collect(now: datetime) -> CircleOutcome:
        result = run_circle(project, workspace, as_of=now, until="preparation")
        return CircleOutcome(run=result.run, status=result.status, reason=str(result.last))

    watcher = Watcher(project, workspace, circle=circle, collect=collect, close_log=lambda: close_segment(workspace))
    for number in range(asked.days):
        start = START + number * DAY
        _ask(asked, walk, served, start)
        now = start + DAY
        workspace.clock.advance(now)
        walk.looks.append(watcher.look(now))
        if number == 0:
            second = run_circle(project, workspace, as_of=now)
            assert second.status == "advanced", second.last
            assert walk.release.kind == "canary", walk.release
        served.follow(workspace, project.name)
    wrong = {"outcomes": [{"reference": "r00001", "outcome": asked.wrong}]}
    walk.refused = served.refusal("/v1/outcomes", wrong)


def _ask(asked: Asked, walk: Walk, served: Serving, start: datetime) -> None:
    """Rows of one moment are asked in one message; what happened is sent at the end of the day."""
    day = asked.rows.filter(pl.col("at").is_between(start, start + DAY, closed="left"))
    outcomes = []
    for (at,), together in day.group_by("at", maintain_order=True):
        rows = [
            {"fields": {name: row[name] for name in asked.fields}, "reference": row["id"]}
            for row in together.iter_rows(named=True)
        ]
        replies = served.post("/v1/predict", {"rows": rows}, at=at)["predictions"]
        walk.answers += replies
        walk.asked += together.to_dicts()
    for row in day.iter_rows(named=True):
        if asked.outcome is not None and row[asked.outcome] is not None:
            known = {"reference": row["id"], "outcome": row[asked.outcome], "known_at": row["seen"].isoformat()}
            outcomes.append(known)
    if outcomes:
        served.post("/v1/outcomes", {"outcomes": outcomes}, at=start + DAY)
