"""Binary classification: will it happen, yes or no?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from kreis.arrays import Booleans, Floats
from kreis.tasks.binary.challengers import challengers
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.tasks.binary.thresholds import choose_threshold, plain_cut
from kreis.tasks.decisions import Cut, Decision, Scores
from kreis.tasks.metrics.across import AcrossGroups
from kreis.tasks.metrics.auc import Auc, area
from kreis.tasks.metrics.base_rate import BaseRate
from kreis.tasks.metrics.brier import Brier
from kreis.tasks.metrics.business_value import BusinessValue
from kreis.tasks.metrics.calibration_error import CalibrationError, reliability
from kreis.tasks.metrics.disparate_impact import DisparateImpact
from kreis.tasks.metrics.equal_opportunity import EqualOpportunity
from kreis.tasks.metrics.log_loss import LogLoss
from kreis.tasks.metrics.metric import Metric, Rows
from kreis.tasks.metrics.positive_rate import PositiveRate
from kreis.tasks.metrics.precision import Precision
from kreis.tasks.metrics.predictive_parity import PredictiveParity
from kreis.tasks.metrics.recall import Recall
from kreis.tasks.metrics.yes_no import YesNoRows
from kreis.tasks.outcomes import YesNo
from kreis.tasks.task import Challenger, FittedDecision, Loss, Positive, Sanity
from kreis.tasks.usual import KNOWN_ONLY, UsualTask, check_rows, few_are_chance
from kreis.texts import counted

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Binary"]

CALIBRATION_AT_MOST = 0.15
"""Scores further from the frequencies than this are no probabilities."""


@dataclass(frozen=True)
class Binary(UsualTask):
    """A score is the probability of yes; a decision is yes or no."""

    metric: DecisionValue
    name = "binary classification"
    outcome = YesNo()
    loss = Loss("log")
    losses = ("log_loss",)
    baselines = ('project.candidate("mean", Mean(), baseline=True)',)
    rule_decision = Cut(0.5)
    sliced = ("value", "recall", "positive_rate", "base_rate", "auc")
    across: ClassVar[Sequence[AcrossGroups]] = (DisparateImpact(), EqualOpportunity(), PredictiveParity())
    sanity = (
        Sanity(
            name="calibration",
            metric=CalibrationError(),
            at_most=CALIBRATION_AT_MOST,
            says="scores differ from frequencies by {found} on average",
        ),
    )
    headlines: ClassVar[Mapping[str, str]] = {"auc": "AUC {:.3f}"}
    strength_is = "AUC"
    usual_difference = 0.1
    card_task = "tabular-classification"
    planned_from = ("value", "base_rate", "positive_rate", "recall")

    def read_outcomes(self, column: pl.Series, positive: Positive, *, where: str) -> pl.Series:
        """1.0 for yes, 0.0 for no."""
        from kreis.tasks.binary.outcomes import yes_or_no

        return yes_or_no(column, positive, where=where)

    def describe(self, outcomes: Floats, means: str = "") -> str:
        """How many are yes."""
        return f"{int(outcomes.sum()):,} {means or 'positive'}"

    def halves(self, outcomes: Floats) -> tuple[tuple[str, Booleans], tuple[str, Booleans]]:
        """Yes, and no."""
        return ("that are yes", outcomes > 0.5), ("that are no", outcomes < 0.5)

    def lacking(self, outcomes: Floats) -> str:
        """Where one of the two outcomes is missing."""
        positive = int(np.count_nonzero(outcomes > 0.5))
        if 0 < positive < len(outcomes):
            return ""
        return f"{counted(len(outcomes), 'row')}, all with the outcome {positive > 0}" if len(outcomes) else "no rows"

    def strength(self, values: Floats, outcomes: Floats) -> float:
        """The area under the ROC curve, or its complement, whichever is larger."""
        yes = outcomes > 0.5
        found = area(values, yes)
        return 0.5 if math.isnan(found) else max(found, 1 - found)

    def labels(self, outcomes: Floats) -> Booleans:
        """True for yes."""
        yes: Booleans = outcomes > 0.5
        return yes

    @property
    def plain(self) -> Decision:
        """The metric's break-even."""
        return plain_cut(self.metric)

    def fit_decision(self, scores: Scores, outcomes: Floats) -> FittedDecision:
        """The break-even, unless another cut is shown to be better."""
        return choose_threshold(scores, outcomes, self.metric)

    def answers(self, scores: Scores) -> Floats:
        """Within [0, 1]: the mean of float32 probabilities may lie a rounding beyond."""
        within: Floats = np.asarray(scores, dtype=np.float64).clip(0.0, 1.0)
        return within

    def validated(self, scores: Scores, outcomes: Floats, decision: Decision) -> dict[str, float]:
        """Rows, positives, how many were decided positively, value and log loss."""
        decided = decision.many(scores)
        rows = self.rows(outcomes, self.answers(scores), decision, where="validation")
        return {
            "rows": float(len(rows)),
            "positives": float(rows.outcomes.sum()),
            "decided": float(decided.sum()),
            "value": float(self.metric.values(outcomes, decided).mean() * self.metric.per),
            "log_loss": LogLoss().value(rows),
        }

    def validation_said(self, found: Mapping[str, float]) -> str:
        """Rows and positives."""
        return f"{counted(int(found['rows']), 'row')}, {int(found['positives']):,} positive"

    def validation_doubts(self, found: Mapping[str, float]) -> list[str]:
        """Where there are few rows of one outcome."""
        rows, positive = int(found["rows"]), int(found["positives"])
        rarer = min(positive, rows - positive)
        what = "positive" if positive == rarer else "negative"
        said = f"only {rarer:,} of the {rows:,} rows of the validation part are {what}"
        return few_are_chance(rarer, said, chosen=", and its threshold,")

    def rows(self, outcomes: npt.ArrayLike, scores: Scores, decision: Decision, *, where: str) -> YesNoRows:
        """Rows with booleans.

        Raises:
            ProjectError: a score is no probability, or an outcome neither 0 nor 1.
        """
        known = np.asarray(outcomes, dtype=np.float64)
        wrong = ~np.isin(known, (0.0, 1.0))
        check_rows(wrong, "outcomes are neither 0 nor 1", known, where=where, hint=KNOWN_ONLY)
        beyond = ~((scores >= 0) & (scores <= 1))
        check_rows(beyond, "scores are not probabilities", scores, where=where, hint=_BEYOND)
        given = scores.astype(np.float64)
        return YesNoRows(known > 0.5, given, decision.many(given))

    @property
    def metrics(self) -> Sequence[Metric]:
        """Value, then of scores, then of decisions."""
        scores = (Auc(), Brier(), LogLoss(), CalibrationError())
        return [BusinessValue(self.metric), *scores, Recall(), Precision(), PositiveRate(), BaseRate()]

    def favoured(self, rows: Rows, favourable: str | None) -> Rows:
        """Seen from the favourable side."""
        if favourable == "negative" and isinstance(rows, YesNoRows):
            return rows.seen_from_the_other_side()
        return rows

    def doubts(self, metrics: Mapping[str, Any], name: str) -> list[str]:
        """Gates ask for value, and a constant answer can have that."""
        auc, share = metrics["auc"], metrics["positive_rate"].value
        if auc.low > 0.5:
            return []
        return [
            f"{name} is not shown to tell yes from no (AUC {auc.value:.3f}, {auc.low:.3f} to {auc.high:.3f}; it says"
            f" yes to {share:.0%}): its value may be that of one answer for all; compare it with a baseline that says"
            " so"
        ]

    def reliability(self, rows: Rows) -> list[dict[str, float]]:
        """How often it happened, by probability."""
        return reliability(rows)

    def challengers(self, rates: Mapping[str, float], differing: float) -> list[Challenger]:
        """Models that differ near the cut, by lot, or always."""
        return challengers(self.metric, rates, differing)


_BEYOND = "scores lie between 0 and 1 and are never missing"
