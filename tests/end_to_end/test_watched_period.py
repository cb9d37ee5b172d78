"""The example, watched over its whole period: every day's money counted once, every circle explained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest
from tests.conftest import WEAK

from kreis.actions.run import run_circle
from kreis.clock import SimulatedClock, microseconds
from kreis.deployment.packages import Package, open_package
from kreis.deployment.predictions.frames import outcomes_frame, predictions_frame
from kreis.deployment.predictions.records import OutcomeRecord, PredictionRecord
from kreis.deployment.predictions.shipping import OUTCOMES, PREDICTIONS
from kreis.deployment.routing import Router
from kreis.disciplines import Discipline
from kreis.ledger import alerts, audit, models, releases
from kreis.ledger.records import Release
from kreis.monitoring.monitors.business_metric import BusinessMetric
from kreis.watching.children import CircleOutcome
from kreis.watching.watcher import Look, Watcher
from kreis.ways.tabular.rows import read_features, read_spine
from kreis.workspace import Workspace

START, BETTER, END = (datetime(2025, *each, tzinfo=UTC) for each in ((4, 15), (6, 1), (8, 28)))
DAY = timedelta(days=1)


class Counted(BusinessMetric):
    """Notes each day whose money was counted."""

    days: ClassVar[Counter[str]] = Counter()

    def observe(self, day: Any, state: Any, watched: Any) -> Any:
        before = len(state["days"]) if state is not None and state["release"] == watched.release else 0
        after, findings = super().observe(day, state, watched)
        if len(after["days"]) > before and after["recent"] and after["recent"][-1][0] == day.day.isoformat():
            self.days[day.day.isoformat()] += 1
        return after, findings


@pytest.fixture
def workspace(shop: Any) -> Iterator[Workspace]:
    made = Workspace(shop.folder, clock=SimulatedClock(START))
    yield made
    made.ledger.close()


class Orders:
    """Every order as the service would answer it: by the release of its day, with all features of both models."""

    def __init__(self, workspace: Workspace, project: Any) -> None:
        self._workspace, self._project = workspace, project
        ahead = Workspace(workspace.folder, clock=SimulatedClock(END))
        circle = run_circle(project, ahead, as_of=END, until="preparation").state
        self._names = list(project.feature_names)
        rows = read_spine(circle).hstack(read_features(circle, self._names).select(self._names))
        ahead.ledger.close()
        self.rows = rows.filter(pl.col("placed_at") >= START, pl.col("placed_at") < END).sort("placed_at")
        self._packages: dict[str, Package] = {}

    def happen(self, start: datetime) -> None:
        """Ask for the orders of a day, and report what became of earlier ones on it."""
        end, place = start + DAY, self._workspace
        with place.ledger.read() as connection:
            release = releases.current_release(connection, self._project.name)
        assert release is not None
        asked = self.rows.filter(pl.col("placed_at").is_between(start, end, closed="left"))
        known = self.rows.filter(pl.col("settled_at").is_between(start, end, closed="left"))
        outcomes = [
            OutcomeRecord(prediction=name, outcome=float(returned), known_at=microseconds(at))
            for name, returned, at in known.select("order_id", "returned", "settled_at").iter_rows()
            if returned is not None
        ]
        by = {"actor": "test", "reason": "the orders"}
        answers = [self._answer(row, release) for row in asked.iter_rows(named=True)]
        if answers:
            place.lake.append(PREDICTIONS, predictions_frame(answers), step=f"p{start:%Y%m%d}", **by)
        if outcomes:
            place.lake.append(OUTCOMES, outcomes_frame(outcomes), step=f"o{start:%Y%m%d}", **by)

    def _answer(self, row: dict[str, Any], release: Release) -> PredictionRecord:
        package = self._package(Router(release).choose("r" + row["order_id"]))
        features = {name: None if row[name] is None else float(row[name]) for name in self._names}
        taken = [features[name] for name in package.manifest.features]
        matrix = np.array([[np.nan if each is None else each for each in taken]], dtype=np.float32)
        score = float(package.scorer().score(matrix)[0])
        return PredictionRecord(
            id=row["order_id"],
            at=microseconds(row["placed_at"]),
            release=release.id,
            model=package.digest,
            keys={"customer": row["customer"]},
            fields={},
            features=taken,
            score=score,
            decision=package.manifest.decision.one(score),
            latency_us=900,
            extra={name: value for name, value in features.items() if name not in package.manifest.features},
        )

    def _package(self, digest: str) -> Package:
        if digest not in self._packages:
            with self._workspace.ledger.read() as connection:
                model = models.get_model(connection, digest)
            trusted = self._workspace.keys.trusted()
            self._packages[digest] = open_package(digest, model.signature, self._workspace.artifacts, trusted)
        return self._packages[digest]


@pytest.mark.slow
def test_every_day_is_counted_once_and_every_decision_explained(workspace: Workspace, shop: Any) -> None:
    """A weak first model; in June a better one, as a canary that waits for outcomes, is promoted and watched."""
    whole = (shop.folder / "project.py").read_text()
    for old, new in WEAK.items():
        shop.edit(old, new)
    assert run_circle(workspace.load_project(), workspace, as_of=START).status == "advanced"
    (shop.folder / "project.py").write_text(whole)
    project = workspace.load_project()
    orders = Orders(workspace, project)
    for each in project.monitors:
        if isinstance(each.monitor, BusinessMetric):
            del project._monitors._declared[each.monitor.name]
    project.monitor(Counted(falls_by=0.25))

    def circle(now: datetime, trigger: str, to: Discipline) -> CircleOutcome:
        result = run_circle(project, workspace, as_of=now, trigger=trigger)
        return CircleOutcome(run=result.run, status=result.status, reason=result.reason)

    watcher = Watcher(project, workspace, circle=circle)
    looks: list[Look] = []
    for number in range(1, (END - START).days + 1):
        now = START + number * DAY
        orders.happen(now - DAY)
        workspace.clock.advance(now)
        looks.append(watcher.look(now))
        if now == BETTER:
            assert run_circle(project, workspace, as_of=now).status == "advanced"
    with workspace.ledger.read() as connection:
        raised = alerts.list_alerts(connection, project.name)
        assert audit.verify(connection).problems == []
    served = {day for day in orders.rows["placed_at"].dt.date() if day < (END - 14 * DAY).date()}
    turned = [look for look in looks if look.circle is not None]
    moves = [(look.at, look.canary) for look in looks if look.canary is not None]
    for at, move in [moves[0], moves[len(moves) // 2], moves[-1]]:
        print(f"WATCHED {at:%Y-%m-%d} {move.kind}: {move.reason}")  # noqa: T201 (what the test is for)
    print(  # noqa: T201
        f"WATCHED {len(served)} days with orders: {len(Counted.days)} counted, {sum(Counted.days.values())} times;"
        f" {len(raised)} alerts ({sum(each.closed_at is None for each in raised)} open), {len(turned)} circles"
    )
    assert set(Counted.days) == {each.isoformat() for each in served}
    assert set(Counted.days.values()) == {1}
    assert not [error for look in looks for error in look.errors]
    assert all(look.circle is not None and look.circle.reason for look in turned)
    assert sum(each.closed_at is None for each in raised) <= 10
    assert [move.kind for _, move in moves[:14]] == ["waits"] * 14
    assert "outcomes" in moves[0][1].reason
    assert moves[-1][1].kind == "promoted"
    assert "shown to be no worse" in moves[-1][1].reason
