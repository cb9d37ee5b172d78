"""Ranking: in which order should the rows of one group come?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from kreis.arrays import Booleans, Floats
from kreis.errors import ProjectError
from kreis.tasks.challengers import near_alike
from kreis.tasks.decisions import Decision, Rank, Scores
from kreis.tasks.metrics.correlation import rank_agreement
from kreis.tasks.metrics.errors import MeanOutcome
from kreis.tasks.metrics.metric import Metric
from kreis.tasks.metrics.ranked import Ndcg, PrecisionAt, RankedRows, RankedValue, ReciprocalRank
from kreis.tasks.outcomes import Number
from kreis.tasks.ranking.ranking_value import RankingValue
from kreis.tasks.task import Challenger, FittedDecision, Loss, Positive
from kreis.tasks.usual import KNOWN_ONLY, UsualTask, check_rows, few_are_chance, no_positive
from kreis.texts import counted

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Ranking"]


@dataclass(frozen=True)
class Ranking(UsualTask):
    """A score orders the rows of a group, a decision is a row's place among them, an outcome its grade of relevance."""

    metric: RankingValue
    name = "ranking"
    baselines = ('project.candidate("as they come", Mean(), baseline=True)',)
    loss = Loss("rank")
    losses = ("ndcg",)
    sliced = ("value", "ndcg")
    headlines: ClassVar[Mapping[str, str]] = {"ndcg": "NDCG {:.3f}"}
    strength_is = "rank agreement"
    usual_difference = 0.5
    card_task = "text-ranking"
    planned_from = ("value",)

    @property
    def outcome(self) -> Number:
        """A whole number up to the best grade."""
        return Number(at_least=0.0, at_most=float(self.metric.grades), whole=True)

    def read_outcomes(self, column: pl.Series, positive: Positive, *, where: str) -> pl.Series:
        """As float64, null where not known.

        Raises:
            ProjectError: it holds no grades, or a value is declared to mean yes.
        """
        import polars as pl

        hint = "leave positive out; true and false are grades 1 and 0"
        no_positive(positive, "a ranking", where=where, hint=hint)
        hint = f"grades are 0, 1 … {self.metric.grades}: those that the goal's gains name"
        if not (column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null)):
            raise ProjectError(f"the outcome {column.name!r} is {column.dtype}, not a grade", where=where, hint=hint)
        grades = column.cast(pl.Float64).fill_nan(None)
        known, allowed = grades.drop_nulls(), [float(grade) for grade in range(self.metric.grades + 1)]
        wrong = known.filter(~known.is_in(allowed))
        if len(wrong):
            said = f"{len(wrong):,} outcomes {column.name!r} are no grades, the first is {wrong[0]:g}"
            raise ProjectError(said, where=where, hint=hint)
        return grades

    def describe(self, outcomes: Floats, means: str = "") -> str:
        """How many are relevant, whatever their grade."""
        return f"{int((outcomes > 0).sum()):,} {means or 'relevant'}"

    def halves(self, outcomes: Floats) -> tuple[tuple[str, Booleans], tuple[str, Booleans]]:
        """Relevant, and not."""
        return ("that are relevant", outcomes > 0), ("that are not", outcomes <= 0)

    def lacking(self, outcomes: Floats) -> str:
        """Where there is none, or only one grade."""
        if len(outcomes) and np.ptp(outcomes) > 0:
            return ""
        return f"{counted(len(outcomes), 'row')}, all of grade {outcomes[0]:g}" if len(outcomes) else "no rows"

    def strength(self, values: Floats, outcomes: Floats) -> float:
        """The rank correlation, brought from [0, 1] to [0.5, 1]."""
        return rank_agreement(values, outcomes)

    @property
    def plain(self) -> Decision:
        """The place within the group."""
        return Rank(self.metric.group)

    @property
    def rule_decision(self) -> Decision:
        """The same."""
        return self.plain

    def fit_decision(self, scores: Scores, outcomes: Floats) -> FittedDecision:
        """The highest score first: whatever gains and discounts are, no other order is worth more."""
        return FittedDecision(decision=self.plain, source="plain")

    def validated(self, scores: Scores, outcomes: Floats, decision: Decision) -> dict[str, float]:
        """Rows, groups, value, and NDCG: 0 where no group has anything relevant."""
        rows = self.rows(outcomes, scores, decision, where="validation")
        value, ndcg = (each.value(rows) for each in self.metrics[:2])
        groups = float(rows.evidence.sum())
        return {"rows": float(len(rows)), "groups": groups, "value": value, "ndcg": float(np.nan_to_num(ndcg))}

    def validation_said(self, found: Mapping[str, float]) -> str:
        """Rows, groups and NDCG."""
        return f"{counted(int(found['rows']), 'row')} of {int(found['groups']):,} groups, NDCG {found['ndcg']:.3f}"

    def validation_doubts(self, found: Mapping[str, float]) -> list[str]:
        """Where there are few groups."""
        groups = int(found["groups"])
        return few_are_chance(groups, f"the validation rows are of only {counted(groups, 'group')}", more="more")

    def rows(self, outcomes: npt.ArrayLike, scores: Scores, decision: Decision, *, where: str) -> RankedRows:
        """Rows with the groups that the decision was told of.

        Raises:
            ProjectError: a score or an outcome is none.
        """
        known, given = np.asarray(outcomes, dtype=np.float64), scores.astype(np.float64)
        for what, values in (("outcomes", known), ("scores", given)):
            check_rows(~np.isfinite(values), f"{what} are not numbers", values, where=where, hint=KNOWN_ONLY)
        groups = decision.groups if isinstance(decision, Rank) else None
        return RankedRows(known, given, decision.many(given), queries=groups)

    @property
    def metrics(self) -> Sequence[Metric]:
        """Value, then of the order in each group, then what there was to rank."""
        metric = self.metric
        orders = Ndcg(metric.gains, metric.discounts), ReciprocalRank(), PrecisionAt(metric.at)
        return [RankedValue(metric), *orders, MeanOutcome()]

    def challengers(self, rates: Mapping[str, float], differing: float) -> list[Challenger]:
        """Models whose places are worth half of what a row is worth more or less."""
        worth = abs(rates["value"]) / self.metric.per or self.metric.most_at_stake
        return near_alike(worth, differing, self.metric.most_at_stake)
