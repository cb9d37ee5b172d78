"""Clustering: which rows are alike?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from kreis.arrays import Booleans, Floats
from kreis.errors import ProjectError
from kreis.tasks.clustering.cluster_separation import ClusterSeparation
from kreis.tasks.decisions import Decision, Nearest, Scores
from kreis.tasks.metrics.clusters import ClusterShare, MeanDistance, Separation
from kreis.tasks.metrics.counts import FEW
from kreis.tasks.metrics.metric import Metric, Rows
from kreis.tasks.outcomes import NoOutcome
from kreis.tasks.task import Challenger, FittedDecision, Loss, Positive
from kreis.tasks.usual import UsualTask
from kreis.texts import counted

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Clustering"]

STABLE = 0.6
"""Below this adjusted Rand index, two halves of the rows give other clusters."""


@dataclass(frozen=True)
class Clustering(UsualTask):
    """A score is the distance to each centre, a decision the nearest one's number. There is no outcome."""

    metric: ClusterSeparation
    name = "clustering"
    needs_outcomes = False
    baselines = ('project.candidate("one", KMeans(clusters=1), baseline=True)',)
    outcome = NoOutcome()
    loss = Loss("squared")
    losses = ("distance",)
    plain: ClassVar[Decision] = Nearest(1)
    rule_decision: ClassVar[Decision] = Nearest(1)
    sliced = ("value", "distance")
    headlines: ClassVar[Mapping[str, str]] = {"smallest_cluster": "smallest cluster {:.1%} of the rows"}
    strength_is = "nothing"
    usual_difference = 0.05
    card_task = "other"
    planned_from = ("value",)

    def read_outcomes(self, column: pl.Series, positive: Positive, *, where: str) -> pl.Series:
        """Nothing is known of any row.

        Raises:
            ProjectError: something is.
        """
        import polars as pl

        if column.null_count() < len(column) or positive is not None:
            said = f"the outcome {column.name!r} is known, and clustering has none"
            raise ProjectError(said, where=where, hint="leave outcome out: project.spine(id=…, time=…, keys=…)")
        return column.cast(pl.Float64)

    def describe(self, outcomes: Floats, means: str = "") -> str:
        """That there is none."""
        return "there is no outcome"

    def halves(self, outcomes: Floats) -> tuple[tuple[str, Booleans], tuple[str, Booleans]]:
        """All of one kind."""
        return ("of any kind", np.ones(len(outcomes), dtype=bool)), ("of none", np.zeros(len(outcomes), dtype=bool))

    def lacking(self, outcomes: Floats) -> str:
        """Where there are no rows."""
        return "" if len(outcomes) else "no rows"

    def strength(self, values: Floats, outcomes: Floats) -> float:
        """Nothing tells what is never known."""
        return 0.5

    def fit_decision(self, scores: Scores, outcomes: Floats) -> FittedDecision:
        """The nearest of as many centres as the model has."""
        return FittedDecision(decision=Nearest(1 if scores.ndim == 1 else scores.shape[1]), source="plain")

    def validated(self, scores: Scores, outcomes: Floats, decision: Decision) -> dict[str, float]:
        """Rows, separation, clusters and their sizes."""
        rows = self.rows(outcomes, self.answers(scores), decision, where="validation")
        clusters = 1.0 if scores.ndim == 1 else float(scores.shape[1])
        measured = {each.name: each.value(rows) for each in self.metrics}
        return {"rows": float(len(rows)), "clusters": clusters, **measured}

    def validation_said(self, found: Mapping[str, float]) -> str:
        """Rows, clusters, and how alike those of two halves of the rows are."""
        stable = f", stability {found['stability']:.2f}" if "stability" in found else ""
        return (
            f"{counted(int(found['rows']), 'row')} in {counted(int(found['clusters']), 'cluster')} of"
            f" {found['smallest_cluster']:.1%} to"
            f" {found['largest_cluster']:.1%}{stable}"
        )

    def validation_doubts(self, found: Mapping[str, float]) -> list[str]:
        """Where rows are few, a cluster is empty, or clusters are not stable."""
        doubts = []
        if (rows := int(found["rows"])) < FEW:
            doubts.append(
                f"the validation part has only {counted(rows, 'row')}: collect more, or let validation be larger"
            )
        if found["smallest_cluster"] == 0:
            doubts.append("a cluster holds none of the validation rows: take fewer clusters")
        if found.get("stability", 1.0) < STABLE:
            doubts.append(
                f"two halves of the rows give other clusters (adjusted Rand index {found['stability']:.2f}, 1 is the"
                " same): what they mean may not last; take fewer clusters, or other features"
            )
        return doubts

    def rows(self, outcomes: npt.ArrayLike, scores: Scores, decision: Decision, *, where: str) -> Rows:
        """Rows with distances, and no outcome.

        Raises:
            ProjectError: a distance is none, or an outcome is known.
        """
        given, known = scores.astype(np.float64), np.asarray(outcomes, dtype=np.float64)
        wrong = ~(np.isfinite(given) & (given >= 0))
        for what, bad in (
            ("scores are no distances", wrong if wrong.ndim == 1 else wrong.any(axis=1)),
            ("outcomes are known, and clustering has none", ~np.isnan(known)),
        ):
            if bad.any():
                row = int(np.flatnonzero(bad)[0])
                said = f"{int(bad.sum())} {what}, the first in row {row}"
                raise ProjectError(said, where=where, hint="KMeans() gives distances to its centres")
        return Rows(known, given, decision.many(given))

    @property
    def metrics(self) -> Sequence[Metric]:
        """Separation, then sizes and distances."""
        return [Separation(), ClusterShare(largest=False), ClusterShare(largest=True), MeanDistance()]

    def doubts(self, metrics: Mapping[str, Any], name: str) -> list[str]:
        """A model that passed says nothing of what its clusters are good for."""
        return ["no outcome says what the clusters are good for: look at their rows before they are acted on"]

    def challengers(self, rates: Mapping[str, float], differing: float) -> list[Challenger]:
        """Models that put some rows into another cluster than the champion."""
        kinds = {"equal": 0.0, "a few elsewhere": differing, "half elsewhere": 0.5}
        return [
            Challenger(name=name, differences={0.0: 1 - share, -1.0: share} if share else {0.0: 1.0}, most=1.0)
            for name, share in kinds.items()
        ]

    def agreement(self, champion: Floats, challenger: Floats) -> Floats:
        """0 where the challenger puts a row into the cluster that stands for the champion's, -1 elsewhere, shape (n,).

        Clusters are numbered as each model pleases: those stand for each other that share most rows, the pair with the
        most rows first.
        """
        first, one = np.unique(champion, return_inverse=True)
        second, other = np.unique(challenger, return_inverse=True)
        shared = np.zeros((len(first), len(second)))
        np.add.at(shared, (one, other), 1)
        stands_for = np.full(len(second), -1)
        for place in np.argsort(-shared, axis=None, kind="stable"):
            row, column = divmod(int(place), len(second))
            if stands_for[column] < 0 and row not in stands_for:
                stands_for[column] = row
        return np.where(stands_for[other] == one, 0.0, -1.0)
