"""The example, watched over its whole period: every day's money counted once, every circle explained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest

from kreis.clock import SimulatedClock, microseconds
from kreis.deployment.packages import open_package
from kreis.deployment.predictions.frames import outcomes_frame, predictions_frame
from kreis.deployment.predictions.records import OutcomeRecord, PredictionRecord
from kreis.deployment.predictions.shipping import OUTCOMES, PREDICTIONS
from kreis.ledger import alerts, audit, models, releases
from kreis.loop.children import CircleOutcome
from kreis.loop.circle import run_circle
from kreis.loop.disciplines.evaluation import scorer_of
from kreis.loop.disciplines.preparation import read_features, read_spine
from kreis.loop.watching import Look, Watcher
from kreis.loop.workspace import Workspace
from kreis.monitoring.monitors.business_metric import BusinessMetric

START, END = datetime(2025, 5, 15, tzinfo=UTC), datetime(2025, 8, 15, tzinfo=UTC)
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


def log_of_orders(workspace: Workspace, project: Any) -> set[date]:
    """Every order from the release on as the released model answers it, with what became of it; the days of those whose
    outcomes are all known by the end.
    """
    with workspace.ledger.read() as connection:
        release = releases.current_release(connection, project.name)
        assert release is not None
        model = models.get_model(connection, release.routes[0].model)
    package = open_package(model.digest, model.signature, workspace.artifacts, workspace.keys.trusted())
    ahead = Workspace(workspace.folder, clock=SimulatedClock(END))
    circle = run_circle(project, ahead, as_of=END, until="preparation").circle
    features = list(package.manifest.features)
    rows = read_spine(circle).hstack(read_features(circle, features).select(features))
    ahead.ledger.close()
    rows = rows.filter(pl.col("placed_at") >= START, pl.col("placed_at") < END).sort("placed_at")
    matrix = rows.select(pl.col(features).cast(pl.Float64).fill_null(float("nan"))).to_numpy().astype(np.float32)
    scores = scorer_of(package).score(np.ascontiguousarray(matrix))
    predictions, outcomes = [], []
    for row, taken, score in zip(rows.iter_rows(named=True), matrix, scores, strict=True):
        predictions.append(
            PredictionRecord(
                id=row["order_id"],
                at=microseconds(row["placed_at"]),
                release=release.id,
                model=model.digest,
                keys={"customer": row["customer"]},
                fields={},
                features=[None if np.isnan(each) else float(each) for each in taken],
                score=float(score),
                decision=bool(score >= package.manifest.threshold),
                latency_us=900,
            )
        )
        if row["returned"] is not None:
            known_at = microseconds(row["settled_at"])
            outcomes.append(
                OutcomeRecord(prediction=row["order_id"], outcome=float(row["returned"]), known_at=known_at)
            )
    by = {"step": "log", "actor": "test", "reason": "the orders"}
    workspace.lake.append(PREDICTIONS, predictions_frame(predictions), **by)
    workspace.lake.append(OUTCOMES, outcomes_frame(outcomes), **by)
    return {day for day in rows["placed_at"].dt.date() if day < (END - 14 * DAY).date()}


@pytest.mark.slow
def test_every_day_is_counted_once_and_every_circle_explained(workspace: Workspace) -> None:
    project = workspace.load_project()
    assert run_circle(project, workspace, as_of=START).status == "advanced"
    served = log_of_orders(workspace, project)
    project._declared.monitors[:] = [each for each in project.monitors if not isinstance(each.monitor, BusinessMetric)]
    project.monitor(Counted(falls_by=0.25))

    def circle(now: datetime, trigger: str) -> CircleOutcome:
        result = run_circle(project, workspace, as_of=now, trigger=trigger)
        last = result.last
        return CircleOutcome(run=result.run, status=result.status, reason=getattr(last, "reason", "") or str(last))

    watcher = Watcher(project, workspace, circle=circle)
    looks: list[Look] = []
    for number in range(1, (END - START).days + 1):
        now = START + number * DAY
        workspace.clock.advance(now)
        looks.append(watcher.look(now))
    with workspace.ledger.read() as connection:
        raised = alerts.list_alerts(connection, project.name)
        assert audit.verify(connection).problems == []
    turned = [look for look in looks if look.circle is not None]
    print(  # noqa: T201 (what the test is for)
        f"WATCHED {len(served)} days with orders: {len(Counted.days)} counted, {sum(Counted.days.values())} times;"
        f" {len(raised)} alerts ({sum(each.closed_at is None for each in raised)} open), {len(turned)} circles"
    )
    assert set(Counted.days) == {each.isoformat() for each in served}
    assert set(Counted.days.values()) == {1}
    assert not [error for look in looks for error in look.errors]
    assert all(look.circle is not None and look.circle.reason for look in turned)
    assert sum(each.closed_at is None for each in raised) <= 10
