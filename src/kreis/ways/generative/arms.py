"""Two answerers in service, compared between the requests that each of them got.

An outcome belongs to the answer that was given: nobody knows what would have come of the other one's. So the two are
not compared on the same request, but between arms. A request that the challenger answered counts with its value over
the share of traffic that the challenger had, one of the champion's with minus its value over the champion's share
(Horvitz and Thompson 1952). Requests are drawn by chance to the arms, so the mean of that is the difference in value,
whatever the shares were and however they changed. What is taken off every value beforehand, the champion's worth in its
evaluation, changes nothing of the mean and makes the terms smaller.

What nobody said anything about counts for nothing. Of questions that were passed on everything is known at once, of
answers only where somebody says what came of them; so of the former as large a share is taken, drawn by chance, as of
the latter is known: else who passes on more would be judged by that alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from kreis.arrays import Booleans, Floats
from kreis.deployment.packages import Package
from kreis.deployment.routing import place
from kreis.ledger.models import latest_evaluation
from kreis.ledger.releases import list_releases
from kreis.monitoring.traffic import read_traffic
from kreis.project import Project
from kreis.tasks.goal_metric import GoalMetric
from kreis.tasks.outcomes import Feedback
from kreis.ways.paired_traffic import PairedTraffic
from kreis.workspace import Workspace

__all__ = ["Arms", "compare_arms", "read_arms"]

_NEEDED = ("model", "release", "decision", "latency_us", "fields", "keys")
_SALT = b"known feedback"
_FAR_APART = 4.0
"""Standard errors between the shares of answers with feedback: more is no chance, however often one looks."""


def read_arms(
    project: Project, workspace: Workspace, models: tuple[Package, Package], since: datetime, now: datetime
) -> PairedTraffic:
    """Read the log: what each request was worth, for and against the challenger.

    Of what goes to one arm together, the questions of a conversation (a reference) and the same question asked again,
    the first counts.

    Args:
        project: Has the goal, and says how long feedback takes.
        workspace: Where the log is.
        models: Champion and challenger.
        since: First moment.
        now: The present; later outcomes are not seen.
    """
    champion, challenger = (each.digest for each in models)
    rows = read_traffic(workspace.lake, since, now, known_by=now, columns=_NEEDED)
    rows = rows.filter(pl.col("model").is_in([champion, challenger]))
    shares = _shares(project, workspace, champion, challenger)
    both = rows.filter(pl.col("release").is_in(list(shares)), pl.col("at") <= now - project.horizon)
    asked = pl.format("{} {}", pl.col("fields").str.json_path_match("$.question"), "keys")
    units = pl.coalesce(pl.format("reference {}", "reference"), asked)
    mature = both.unique(units, keep="first", maintain_order=True)
    share = np.array([shares[each] for each in mature["release"]], dtype=np.float64)
    arms = compare_arms(
        project.goal.metric,
        own=(mature["model"] == challenger).to_numpy(),
        share=share,
        decisions=mature["decision"].cast(pl.Float64).to_numpy(),
        outcomes=mature["outcome"].cast(pl.Float64).to_numpy(),
        drawn=_drawn(mature["id"]),
        worth=_worth(workspace, champion, project.goal.metric),
    )
    return PairedTraffic(
        rows=rows.select("at", "model", "latency_us"),
        mature=len(mature),
        whole=int(arms.taken.sum()),
        differences=arms.differences,
        most=arms.most,
        days=mature["at"].dt.epoch("d").to_numpy()[arms.taken].astype(np.int64),
        overlap=1.0,
        within_day=0.0,
        unlike=arms.unlike,
        lacking="have no feedback, or were passed on as others were whose feedback is not known",
    )


@dataclass(frozen=True, eq=False)
class Arms:
    """What n requests say of two answerers."""

    differences: Floats
    """For and against the challenger, of the requests that are taken; their mean is the difference in value."""
    taken: Booleans
    """Which these are, shape (n,)."""
    most: float
    """The most that one of the n can count for, whatever comes of it."""
    unlike: str
    """Why those taken do not speak for all, where that is seen."""


def compare_arms(
    metric: GoalMetric,
    *,
    own: Booleans,
    share: Floats,
    decisions: Floats,
    outcomes: Floats,
    drawn: Floats,
    worth: float,
) -> Arms:
    """Weigh what requests were worth, for and against the challenger.

    Args:
        metric: The goal's.
        own: Which requests the challenger answered, shape (n,).
        share: The challenger's share of the traffic at the time of each.
        decisions: What was decided, above 0 where the answer was given.
        outcomes: What came of it, NaN where nobody said.
        drawn: A number of chance for each, in [0, 1), that stays the same however often one looks.
        worth: What a decision of the champion was worth before.
    """
    weights = np.where(own, 1 / share, -1 / (1 - share))
    values = metric.values(outcomes, decisions) - worth
    given: Booleans = decisions > 0
    known = ~np.isnan(values)
    told = float(known[given].mean()) if given.any() else 1.0
    taken: Booleans = known & (given | (drawn < told))
    return Arms(
        differences=(values * weights)[taken],
        taken=taken,
        most=_most(metric, decisions, worth, weights),
        unlike=_unlike(known[given & own], known[given & ~own]),
    )


def _shares(project: Project, workspace: Workspace, champion: str, challenger: str) -> dict[str, float]:
    """The challenger's share of traffic in each release in which both answer, by the release's id."""
    with workspace.ledger.read() as connection:
        history = list_releases(connection, project.name)
    found = {}
    for release in history:
        live = {route.model: route.share for route in release.routes if route.mode == "live"}
        if live.keys() == {champion, challenger} and 0 < live[challenger] < 1:
            found[release.id] = live[challenger]
    return found


def _worth(workspace: Workspace, champion: str, metric: GoalMetric) -> float:
    """What a decision of the champion was worth in its evaluation; 0 where none is on record."""
    with workspace.ledger.read() as connection:
        evaluation = latest_evaluation(connection, champion)
    found = None if evaluation is None else evaluation.metrics.get("value", {}).get("value")
    return 0.0 if found is None else float(found) / metric.per


def _most(metric: GoalMetric, decisions: Floats, worth: float, weights: Floats) -> float:
    """The most that one request can count for, whatever comes of it; rounded up to a power of two, so that looks
    agree.
    """
    if not len(decisions):
        return 0.0
    possible = [metric.values(np.full(len(decisions), each), decisions) - worth for each in Feedback.NUMBERS]
    most = float((np.abs(possible).max(axis=0) * np.abs(weights)).max())
    return 2.0 ** math.ceil(math.log2(most)) if most > 0 else 0.0


def _drawn(ids: pl.Series) -> Floats:
    """A number in [0, 1) for each request, the same whenever one looks."""
    return np.array([place(_SALT, each) for each in ids], dtype=np.float64)


def _unlike(challenger: Booleans, champion: Booleans) -> str:
    """Why the answers of which something is known do not speak for all: people say it of one arm's more often."""
    if not len(challenger) or not len(champion):
        return ""
    one, other = float(challenger.mean()), float(champion.mean())
    pooled = float(np.concatenate([challenger, champion]).mean())
    error = math.sqrt(pooled * (1 - pooled) * (1 / len(challenger) + 1 / len(champion)))
    if error == 0 or abs(one - other) / error < _FAR_APART:
        return ""
    return (
        f"feedback is known of {one:.0%} of the challenger's answers and of {other:.0%} of the champion's: those of"
        " which it is known do not speak for all"
    )
