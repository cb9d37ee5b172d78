"""A canary's next move: on, when nothing speaks against the challenger; back, when it is shown to be worse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
import polars as pl

from kreis.deployment.packages import Package
from kreis.deployment.releases import advance_canary, challenger_of, champion_of, rollback
from kreis.evaluation.metrics.metric import Floats
from kreis.evaluation.sequential import MeanTest
from kreis.ledger.records import Release
from kreis.loop.disciplines.evaluation import scorer_of
from kreis.loop.workspace import Workspace
from kreis.monitoring.traffic import feature_matrix, read_traffic
from kreis.project import Project
from kreis.requirements.metric import DecisionValue

__all__ = ["CanaryMove", "move_canary"]

_ENOUGH = 200
"""Latencies are judged from so many answers on."""


@dataclass(frozen=True, kw_only=True)
class CanaryMove:
    """A release that a canary led to."""

    kind: Literal["advanced", "promoted", "rolled back"]
    release: Release
    reason: str


def move_canary(
    project: Project,
    workspace: Workspace,
    release: Release,
    now: datetime,
    *,
    open_model: Callable[[str], Package],
) -> CanaryMove | None:
    """Move a canary on, or back; None where there is none, or nothing to decide yet.

    Both models score every logged request since the canary began, whoever answered it, so the comparison is
    paired. It is made at every look, so it uses a test that stays valid however often one looks (alpha 0.05). Its
    observations are the means of hours: it shows that the challenger was expected to be worse at some time, given
    what came before, which is reason enough to go back.

    Args:
        project: Whose canary.
        workspace: Where.
        release: The current release.
        now: The present.
        open_model: Opens a model's package by digest.
    """
    challenger = challenger_of(release)
    if challenger is None:
        return None
    canary = project.release_declaration.canary
    rows = read_traffic(workspace.lake, release.at, now, known_by=now)
    against = _harm(rows, open_model(champion_of(release)), open_model(challenger), project)
    ledger, actor = workspace.ledger, workspace.actor
    if against is not None:
        back = rollback(ledger, project.name, actor=actor, reason=against)
        return CanaryMove(kind="rolled back", release=back, reason=against)
    share = next(route.share for route in release.routes if route.model == challenger)
    step = canary.next_step(share)
    if step is None or now - release.at < canary.held:
        return None
    reason = f"canary held {canary.hold} at {share:.0%} over {len(rows):,} requests; nothing speaks against it"
    made = advance_canary(
        ledger, project.name, step, actor=actor, reason=reason, approval=project.release_declaration.approval
    )
    return CanaryMove(kind="promoted" if step >= 1.0 else "advanced", release=made, reason=reason)


def _harm(rows: pl.DataFrame, champion: Package, challenger: Package, project: Project) -> str | None:
    """What speaks against the challenger, in a sentence."""
    limit, slower = project.goal.service.p99_ms, _p99(rows, challenger)
    if slower > max(limit, 2 * _p99(rows, champion)):
        return (
            f"canary: 99 % of the challenger's answers took up to {slower:.1f} ms, twice as long as the champion's;"
            f" {limit:g} ms are promised"
        )
    compared = [champion.digest, challenger.digest]
    known = rows.filter(pl.col("outcome").is_not_null(), pl.col("model").is_in(compared))
    if known.is_empty():
        return None
    metric = project.goal.metric
    happened = known["outcome"].cast(pl.Float64).to_numpy()
    difference = _value(known, challenger, champion, metric, happened) - _value(
        known, champion, challenger, metric, happened
    )
    low, high = metric.bounds
    test = MeanTest(low=low - high, high=high - low, limit=0.0, shows="below")
    hourly = (
        known.select(hour=pl.col("at").dt.truncate("1h")).with_columns(difference=difference).group_by("hour").mean()
    )
    state = test.observe(hourly.sort("hour")["difference"].to_numpy())
    if state.rejected_at is None:
        return None
    return f"canary: the challenger is worth less, by {-float(np.mean(difference)) * metric.per:,.0f} {metric.unit}"


def _p99(rows: pl.DataFrame, model: Package) -> float:
    """The 99th percentile of a model's latency, in milliseconds; 0 with too few answers to say."""
    answered = rows.filter(pl.col("model") == model.digest)["latency_us"]
    return float(answered.cast(pl.Float64).quantile(0.99) or 0.0) / 1000 if len(answered) >= _ENOUGH else 0.0


def _value(known: pl.DataFrame, own: Package, other: Package, metric: DecisionValue, happened: Floats) -> Floats:
    """What each decision would have been worth, had `own` decided."""
    layouts = {each.digest: each.manifest.features for each in (own, other)}
    matrix, _ = feature_matrix(known, own.manifest.features, layouts)
    scores = scorer_of(own).score(np.ascontiguousarray(matrix, dtype=np.float32))
    return metric.values(happened, scores >= own.manifest.threshold)
