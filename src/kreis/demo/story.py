"""What the replay led to, month by month: kreis, the first version had it stayed, and the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
import polars as pl

from kreis.arrays import Floats
from kreis.deployment.packages import Package
from kreis.evaluation.blocks import as_blocks
from kreis.evaluation.intervals import Estimate, estimate, mean_estimate
from kreis.ledger import models, releases
from kreis.monitoring.timeline import Band, Month, SendBack, Timeline, VersionChange
from kreis.monitoring.traffic import feature_matrix, read_traffic
from kreis.project import Project
from kreis.tasks.metrics.auc import Auc
from kreis.tasks.metrics.yes_no import YesNoRows
from kreis.watching.children import CircleOutcome
from kreis.watching.watcher import Look
from kreis.workspace import Workspace

__all__ = ["Story", "tell"]

_DAY_US = 86_400_000_000


@dataclass(frozen=True, kw_only=True)
class Story:
    """The timeline, and the served value of the whole time with intervals, per unit of the metric."""

    timeline: Timeline
    served: Estimate
    frozen: Estimate
    baseline: Estimate
    gain: Estimate | None
    """Served less frozen, paired by decision; None where every decision was the same."""
    over_baseline: Estimate


@dataclass(frozen=True)
class _Judged:
    """Decisions with known outcomes: per-row values of the three, and what they came from."""

    months: pl.Series
    days: Floats
    served: Floats
    frozen: Floats
    baseline: Floats
    happened: Floats
    scores: Floats


def tell(project: Project, workspace: Workspace, looks: Sequence[Look], start: datetime, end: datetime) -> Story:
    """Read the record and the prediction log, and judge."""
    rows = read_traffic(workspace.lake, start, end, known_by=datetime(9999, 1, 1, tzinfo=UTC))
    known = rows.filter(pl.col("outcome").is_not_null())
    judged = _judge(project, workspace, known)
    per = project.goal.metric.per
    apart = judged.served - judged.frozen
    gain = _money(apart, judged.days, per) if apart.any() else None
    timeline = Timeline(
        project=project.name,
        unit=project.goal.metric.unit,
        baseline=_baseline_name(project),
        months=_months(judged, workspace, project, known, looks),
        overall=_band(_money(judged.served, judged.days, per)),
        gain=None if gain is None else _band(gain),
        changes=_changes(workspace, project),
        send_backs=_send_backs(looks),
    )
    return Story(
        timeline=timeline,
        served=_money(judged.served, judged.days, per),
        frozen=_money(judged.frozen, judged.days, per),
        baseline=_money(judged.baseline, judged.days, per),
        gain=gain,
        over_baseline=_money(judged.served - judged.baseline, judged.days, per),
    )


def _judge(project: Project, workspace: Workspace, known: pl.DataFrame) -> _Judged:
    metric = project.goal.metric
    packages = _packages(workspace, project)
    layouts = {digest: package.manifest.features for digest, package in packages.items()}
    with workspace.ledger.read() as connection:
        first = releases.get_release(connection, 1, project=project.name)
    happened = known["outcome"].cast(pl.Float64).to_numpy()

    def decided_by(digest: str) -> Floats:
        package = packages[digest]
        matrix, _ = feature_matrix(known, package.manifest.features, layouts)
        scores = package.scorer().score(np.ascontiguousarray(matrix, dtype=np.float32))
        return metric.values(happened, package.manifest.decision.many(scores))

    baseline = first.fallback or first.routes[0].model
    return _Judged(
        months=known["at"].dt.truncate("1mo").dt.date(),
        days=known["at"].dt.epoch("us").to_numpy() // _DAY_US,
        served=metric.values(happened, known["decision"].to_numpy()),
        frozen=decided_by(first.routes[0].model),
        baseline=decided_by(baseline),
        happened=happened,
        scores=known["score"].to_numpy(),
    )


def _packages(workspace: Workspace, project: Project) -> dict[str, Package]:
    with workspace.ledger.read() as connection:
        known = models.list_models(connection, project.name)
    return {each.digest: workspace.open_model(each.digest) for each in known}


def _baseline_name(project: Project) -> str:
    return project.release_declaration.fallback or next(
        name for name, declared in project.candidates.items() if declared.baseline
    )


def _money(values: Floats, days: Floats, per: int) -> Estimate:
    return mean_estimate(values * per, as_blocks(days))


def _band(found: Estimate) -> Band:
    return Band(found.value, found.low, found.high)


def _months(
    judged: _Judged, workspace: Workspace, project: Project, known: pl.DataFrame, looks: Sequence[Look]
) -> list[Month]:
    per = project.goal.metric.per
    with workspace.ledger.read() as connection:
        numbers = {model.digest: model.version for model in models.list_models(connection, project.name)}
    drifts = _drift_by_month(looks)
    months = []
    for month in judged.months.unique().sort().to_list():
        mine = (judged.months == month).to_numpy()
        days = judged.days[mine]
        answered = known.filter(pl.Series(mine)).group_by("model").agg(pl.col("at").min()).sort("at")["model"]
        rows = YesNoRows(judged.happened[mine] > 0.5, judged.scores[mine], np.zeros(int(mine.sum()), dtype=bool))
        drift, drifting = drifts.get(month, (None, None))
        months.append(
            Month(
                month=month,
                versions=[numbers[digest] for digest in answered],
                value=_band(_money(judged.served[mine], days, per)),
                frozen=_band(_money(judged.frozen[mine], days, per)),
                baseline=_band(_money(judged.baseline[mine], days, per)),
                auc=_band(estimate(Auc(), rows, as_blocks(days))),
                drift=drift,
                drifting=drifting,
            )
        )
    return months


def _drift_by_month(looks: Sequence[Look]) -> dict[date, tuple[float, str]]:
    """The greatest drift that a look saw in each month, and of which feature."""
    greatest: dict[date, tuple[float, str]] = {}
    for look in looks:
        if look.drift is None or not look.days:
            continue
        month = look.days[-1].replace(day=1)
        greatest[month] = max(greatest.get(month, (0.0, "")), look.drift)
    return greatest


def _changes(workspace: Workspace, project: Project) -> list[VersionChange]:
    with workspace.ledger.read() as connection:
        numbers = {model.digest: model.version for model in models.list_models(connection, project.name)}
        history = releases.list_releases(connection, project.name)
    changes: list[VersionChange] = []
    for release in sorted(history, key=lambda each: each.number):
        version = numbers[max(release.routes, key=lambda route: route.share).model]
        if not changes or changes[-1].version != version:
            changes.append(VersionChange(at=release.at.date(), version=version))
    return changes


def _send_backs(looks: Sequence[Look]) -> list[SendBack]:
    """Each time that a monitor's alert turned the circle, and how that ended."""
    return [
        SendBack(
            at=look.at.date(),
            to=look.sent_back.to or "collection",
            reason=f"by {look.sent_back.monitor} → {_ended(look.circle)}",
        )
        for look in looks
        if look.sent_back is not None and look.circle is not None
    ]


def _ended(circle: CircleOutcome) -> str:
    if circle.status == "advanced":
        return f"a better version was released: {circle.reason.split(';')[0]}"
    return f"the version in service stayed: {circle.reason.split('; ')[-2:][0]}"
