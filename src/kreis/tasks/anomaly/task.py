"""Anomaly detection: is it so unusual that somebody should look into it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from kreis.arrays import Booleans, Floats
from kreis.tasks.binary.challengers import challengers
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.tasks.binary.thresholds import best_cut
from kreis.tasks.decisions import Cut, Decision, Scores
from kreis.tasks.metrics.alarms import AlarmRate, AlarmRows, AveragePrecision, OfKnown
from kreis.tasks.metrics.auc import area
from kreis.tasks.metrics.base_rate import BaseRate
from kreis.tasks.metrics.business_value import BusinessValue
from kreis.tasks.metrics.metric import Metric
from kreis.tasks.metrics.precision import Precision
from kreis.tasks.metrics.recall import Recall
from kreis.tasks.outcomes import YesNo
from kreis.tasks.task import Challenger, FittedDecision, Loss, Positive, Sanity
from kreis.tasks.usual import UsualTask, check_rows
from kreis.texts import counted

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Anomaly"]

FEWEST = 20
"""With fewer known cases of either outcome, from which score on an alarm pays is noise."""
TOO_MANY = 2.0
"""More alarms than so many times the share that is asked for are a model that does not hold."""
NEVER = 3.4028234e38
"""A score that none reaches: the largest float32."""


@dataclass(frozen=True)
class Anomaly(UsualTask):
    """A score says how unusual a row is; a decision is an alarm, or none. Rows teach whether or not their outcome is
    known, and the model is judged by those where it is.
    """

    metric: DecisionValue
    alarms: float = 0.01
    """Alarms over rows, at most."""
    name = "anomaly detection"
    needs_outcomes = False
    outcome = YesNo()
    loss = Loss("log")
    losses = ("average_precision",)
    baselines = ('project.candidate("furthest", RobustZScore(), baseline=True)',)
    plain: ClassVar[Decision] = Cut(NEVER)
    rule_decision: ClassVar[Decision] = Cut(0.5)
    sliced = ("value", "alarm_rate", "precision")
    headlines: ClassVar[Mapping[str, str]] = {"alarm_rate": "alarms on {:.2%} of the rows"}
    strength_is = "AUC"
    usual_difference = 0.01
    card_task = "tabular-classification"
    planned_from = ("value", "base_rate", "alarm_rate", "recall")

    def read_outcomes(self, column: pl.Series, positive: Positive, *, where: str) -> pl.Series:
        """1.0 for what was one, 0.0 for what was none; null where nobody looked."""
        from kreis.tasks.binary.outcomes import yes_or_no

        return yes_or_no(column, positive, where=where)

    def describe(self, outcomes: Floats, means: str = "") -> str:
        """How many are yes, of how many that are known."""
        known = outcomes[~np.isnan(outcomes)]
        return f"{int(known.sum()):,} {means or 'anomalous'} of {len(known):,} that are known"

    def halves(self, outcomes: Floats) -> tuple[tuple[str, Booleans], tuple[str, Booleans]]:
        """Yes, and no."""
        return ("that are yes", outcomes > 0.5), ("that are no", outcomes < 0.5)

    def lacking(self, outcomes: Floats) -> str:
        """Where there are no rows; they teach without outcomes."""
        return "" if len(outcomes) else "no rows"

    def strength(self, values: Floats, outcomes: Floats) -> float:
        """The area under the ROC curve, or its complement, whichever is larger."""
        found = area(values, outcomes > 0.5)
        return 0.5 if np.isnan(found) else max(found, 1 - found)

    def labels(self, outcomes: Floats) -> npt.NDArray[Any]:
        """True for yes where all are known; else numbers, NaN where not known: only what learns without them fits."""
        return outcomes if np.isnan(outcomes).any() else outcomes > 0.5

    def fit_decision(self, scores: Scores, outcomes: Floats) -> FittedDecision:
        """The score that the share of alarms allows; a higher one where it is shown to pay more.

        A higher cut is the one of greatest value on the rows whose outcome is known, where there are 20 of either; it
        stands where its gain over the other, row by row, exceeds one standard error (Breiman et al. 1984, section
        3.4.3). Without alarms at all where those cost more than they bring.
        """
        given = scores.astype(np.float64)
        allowed = _cut_of_share(given, self.alarms)
        known = ~np.isnan(outcomes)
        happened, judged = outcomes[known] > 0.5, given[known]
        plain = FittedDecision(decision=Cut(allowed), source="validation")
        if min(int(happened.sum()), int((~happened).sum())) < FEWEST:
            return plain
        # Below the allowed cut all rows are decided alike: there is nothing to choose.
        cut, _ = best_cut(np.maximum(judged, np.nextafter(allowed, -np.inf)), happened, self.metric, near=allowed)
        cut = min(cut, NEVER)
        gains = self.metric.values(happened, judged >= cut) - self.metric.values(happened, judged >= allowed)
        gain, error = float(gains.mean()), float(gains.std() / np.sqrt(len(gains)))
        best = cut if gain > error else allowed
        return FittedDecision(decision=Cut(best), source="validation", gain=gain, error=error)

    def validated(self, scores: Scores, outcomes: Floats, decision: Decision) -> dict[str, float]:
        """Rows, how many are known and were anomalous, the share of alarms, and the value: 0 where nothing is known."""
        rows = self.rows(outcomes, self.answers(scores), decision, where="validation")
        value = BusinessValue(self.metric).value(rows)
        return {
            "rows": float(len(rows)),
            "known": float(rows.known.sum()),
            "positives": float(np.nansum(rows.outcomes)),
            "alarm_rate": AlarmRate().value(rows),
            "value": 0.0 if np.isnan(value) else value,
        }

    def validation_said(self, found: Mapping[str, float]) -> str:
        """Rows, known outcomes and alarms."""
        return (
            f"{counted(int(found['rows']), 'row')}, {int(found['known']):,} of them known,"
            f" {int(found['positives']):,} of those"
            f" anomalous; alarms on {found['alarm_rate']:.2%}"
        )

    def validation_doubts(self, found: Mapping[str, float]) -> list[str]:
        """Where few outcomes are known, or none."""
        known, positive = int(found["known"]), int(found["positives"])
        if min(positive, known - positive) >= FEWEST:
            return []
        said = (
            "no outcome is known on the validation part"
            if not known
            else f"only {counted(known, 'outcome is', 'outcomes are')} known on it"
        )
        return [
            f"{said}, {positive:,} of them anomalous: which candidate is best is decided by chance below about"
            f" {FEWEST} of either kind, and alarms are raised on the {self.alarms:.2%} that are scored highest; have"
            " somebody look into some of the alarms, and into some other rows"
        ]

    def rows(self, outcomes: npt.ArrayLike, scores: Scores, decision: Decision, *, where: str) -> AlarmRows:
        """Rows, their outcomes known or not.

        Raises:
            ProjectError: a score is no number, or an outcome is none.
        """
        known, given = np.asarray(outcomes, dtype=np.float64), scores.astype(np.float64)
        for what, values, bad in (
            ("scores are not numbers", given, ~np.isfinite(given)),
            ("outcomes are neither 0 nor 1 nor unknown", known, ~(np.isin(known, (0.0, 1.0)) | np.isnan(known))),
        ):
            check_rows(bad, what, values, where=where, hint="an outcome that nobody knows is null")
        return AlarmRows(known, given, decision.many(given))

    @property
    def metrics(self) -> Sequence[Metric]:
        """Value, then of the rows whose outcome is known, then of all."""
        known = [OfKnown(each) for each in (AveragePrecision(), Precision(), Recall(), BaseRate())]
        return [BusinessValue(self.metric), *known, AlarmRate()]

    @property
    def sanity(self) -> Sequence[Sanity]:  # type: ignore[override]
        """The share of alarms holds on new rows: that can be judged without outcomes."""
        return (
            Sanity(
                name="alarm_rate",
                metric=AlarmRate(),
                at_most=min(TOO_MANY * self.alarms, 1.0),
                says=f"alarms are raised on {{found}} of the rows, {self.alarms:g} are asked for",
            ),
        )

    def doubts(self, metrics: Mapping[str, Any], name: str) -> list[str]:
        """Where what it finds may be no more than what lots would find."""
        found, rate = metrics["precision"], metrics["base_rate"]
        if not (found.defined and rate.defined) or found.low > rate.value:
            return []
        return [
            f"alarms of {name} are not shown to be right more often than alarms by lot: precision {found.value:.3f}"
            f" ({found.low:.3f} to {found.high:.3f}), {rate.value:.3f} of what is known was anomalous"
        ]

    def challengers(self, rates: Mapping[str, float], differing: float) -> list[Challenger]:
        """As of a yes/no question."""
        return challengers(self.metric, {**rates, "positive_rate": rates["alarm_rate"]}, differing)


def _cut_of_share(scores: Floats, share: float) -> float:
    """The lowest cut from which on no more than a share of the rows is scored; midway between two scores."""
    ranked = np.sort(scores)
    allowed = int(share * len(ranked))
    if not allowed:
        return NEVER if not len(ranked) else float(np.nextafter(ranked[-1], np.inf))
    cut = ranked[-allowed]
    below = ranked[ranked < cut]
    if int((ranked >= cut).sum()) > allowed:  # ties: none of them
        above = ranked[ranked > cut]
        return float(np.nextafter(ranked[-1], np.inf)) if not len(above) else float((cut + above[0]) / 2)
    return float((below[-1] + cut) / 2) if len(below) else float(cut)
