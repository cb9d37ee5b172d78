"""A canary's next move: on, when nothing speaks against the challenger; back, when it is shown to be worse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
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

_ALPHA = 0.025
"""Of each of the two tests; a challenger that is no worse goes back with probability 0.05 at most."""
_SLOW = 0.01
"""The share of answers that the service level lets be slower than its 99th percentile."""
_LOOKS = 48
"""Parts of a hold in which latencies are compared."""


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
    paired. It is made at every look, so it uses a test that stays valid however often one looks. Its observations
    are the means of hours: it shows that the challenger was expected to be worse at some time, given what came
    before, which is reason enough to go back. Latencies are compared in the same way, part of the hold by part: a
    machine that stalls for a moment stalls both, and slow answers of one moment are one observation.

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
    return _slower(rows, champion, challenger, project) or _worse(rows, champion, challenger, project)


def _slower(rows: pl.DataFrame, champion: Package, challenger: Package, project: Project) -> str | None:
    promised = project.goal.service.p99_ms
    part = min(max(project.release_declaration.canary.held / _LOOKS, timedelta(minutes=1)), timedelta(hours=1))
    slow = rows.group_by("model", part=pl.col("at").dt.truncate(part)).agg(
        share=(pl.col("latency_us") > promised * 1000).mean()
    )
    own, other = (slow.filter(pl.col("model") == each.digest) for each in (challenger, champion))
    both = own.join(other, on="part").sort("part")
    test = MeanTest(low=-1.0, high=1.0, limit=_SLOW, shows="above", alpha=_ALPHA)
    if test.observe((both["share"] - both["share_right"]).to_numpy()).rejected_at is None:
        return None
    p99 = float(rows.filter(pl.col("model") == challenger.digest)["latency_us"].quantile(0.99) or 0.0) / 1000
    late = "it is shown to be late more often than the champion"
    return f"canary: 99 % of the challenger's answers took up to {p99:.1f} ms, {promised:g} ms are promised; {late}"


def _worse(rows: pl.DataFrame, champion: Package, challenger: Package, project: Project) -> str | None:
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
    test = MeanTest(low=low - high, high=high - low, limit=0.0, shows="below", alpha=_ALPHA)
    hourly = (
        known.select(hour=pl.col("at").dt.truncate("1h")).with_columns(difference=difference).group_by("hour").mean()
    )
    state = test.observe(hourly.sort("hour")["difference"].to_numpy())
    if state.rejected_at is None:
        return None
    return f"canary: the challenger is worth less, by {-float(np.mean(difference)) * metric.per:,.0f} {metric.unit}"


def _value(known: pl.DataFrame, own: Package, other: Package, metric: DecisionValue, happened: Floats) -> Floats:
    """What each decision would have been worth, had `own` decided."""
    layouts = {each.digest: each.manifest.features for each in (own, other)}
    matrix, _ = feature_matrix(known, own.manifest.features, layouts)
    scores = scorer_of(own).score(np.ascontiguousarray(matrix, dtype=np.float32))
    return metric.values(happened, scores >= own.manifest.threshold)
