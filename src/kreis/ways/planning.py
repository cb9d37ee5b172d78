"""A project's canary, planned: what it can show at the traffic that was seen."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from kreis.deployment.canary_plan import CanaryPlan, plan_canary
from kreis.deployment.releases import challenger_of, champion_of
from kreis.errors import ProjectError
from kreis.evaluation.paired import DaySums, within_day
from kreis.ledger.models import latest_evaluation
from kreis.ledger.releases import current_release
from kreis.monitoring.traffic import read_predictions
from kreis.project import Project
from kreis.ways.canary import margin_of
from kreis.ways.paired_traffic import ReadPaired, days_before
from kreis.workspace import Workspace

__all__ = ["plan_now", "plan_of"]

_WEEK = timedelta(days=7)


def plan_of(
    project: Project,
    workspace: Workspace,
    champion: str,
    now: datetime,
    *,
    before: DaySums | None = None,
    per_day: float | None = None,
    differing: float | None = None,
) -> CanaryPlan | None:
    """Plan a canary against the champion; None where no traffic was seen and none is given.

    Args:
        project: Declares goal and canary.
        workspace: Where.
        champion: Digest of the model in service.
        now: The present.
        before: Days on which champion and challenger were compared, if there are any.
        per_day: Requests a day; as in the last week if not given.
        differing: Share of decisions in which the models differ.

    Raises:
        ProjectError: the champion has no evaluation, or the margin does not fit.
    """
    with workspace.ledger.read() as connection:
        evaluation = latest_evaluation(connection, champion)
    wanted = project.goal.task.planned_from
    found = {} if evaluation is None else {name: evaluation.metrics.get(name, {}).get("value") for name in wanted}
    rates = {name: float(value) for name, value in found.items() if value is not None}
    if len(rates) < len(wanted):
        raise ProjectError(
            f"model {champion[:12]} has no evaluation on record to plan with", where="canary", hint="kreis run"
        )
    margin_of(project, workspace, champion)
    traffic = per_day or _seen_a_day(workspace, now)
    if not traffic:
        return None
    known = before is not None and sum(before.decisions) > 0
    if before is not None and known and differing is None:
        differing = sum(before.differing) / sum(before.decisions)
    return plan_canary(
        project.release_declaration.canary,
        project.goal.task,
        rates,
        per_day=traffic,
        outcomes_within=project.horizon,
        within_day=within_day(before) if before is not None and known else None,
        differing=differing,
    )


def plan_now(
    project: Project,
    workspace: Workspace,
    read: ReadPaired,
    *,
    per_day: float | None = None,
    differing: float | None = None,
) -> CanaryPlan:
    """Plan a canary against what is in service; one that is going on says how often the models differ.

    Raises:
        ProjectError: nothing is in service, there is no traffic, or no canary is declared.
    """
    if len(project.release_declaration.canary.steps) < 2:
        raise ProjectError(
            "no canary is declared: a model that passes its gates gets all traffic at once",
            where=f"project {project.name!r}",
            hint='project.release(Canary(steps=[0.2, 1.0], hold="2d"))',
        )
    with workspace.ledger.read() as connection:
        release = current_release(connection, project.name)
    if release is None:
        raise ProjectError("nothing is in service yet", where=f"project {project.name!r}", hint="kreis run")
    now, champion, challenger = workspace.clock.now(), champion_of(release), challenger_of(release)
    before = None
    if challenger is not None:
        pair = workspace.open_model(champion), workspace.open_model(challenger)
        before = days_before(project, workspace, pair, now, read)
    plan = plan_of(project, workspace, champion, now, before=before, per_day=per_day, differing=differing)
    if plan is None:
        raise ProjectError(
            "no request was logged in the last week",
            where="kreis release plan",
            hint="kreis release plan --per-day NUMBER",
        )
    return plan


def _seen_a_day(workspace: Workspace, now: datetime) -> float:
    """Requests a day, over the last week or what there was of it."""
    rows = read_predictions(workspace.lake, now - _WEEK, now).select(pl.col("at").min().alias("first"), n=pl.len())
    first, n = rows.collect().row(0)
    return 0.0 if not n else n / max((now - first) / timedelta(days=1), 1.0)
