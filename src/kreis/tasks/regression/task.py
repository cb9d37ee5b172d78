"""Regression: how much, or how many?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt
from msgspec import UNSET

from kreis.arrays import Booleans, Floats
from kreis.errors import ProjectError
from kreis.tasks.challengers import near_alike
from kreis.tasks.decisions import Decision, Identity, Level, Scores, Shift
from kreis.tasks.goal_metric import GoalMetric
from kreis.tasks.metrics.business_value import BusinessValue
from kreis.tasks.metrics.correlation import Correlation, rank_agreement
from kreis.tasks.metrics.counts import FEW
from kreis.tasks.metrics.errors import (
    Bias,
    MeanAbsoluteError,
    MeanDecision,
    MeanOutcome,
    RootMeanSquaredError,
    RSquared,
)
from kreis.tasks.metrics.metric import Metric, Rows
from kreis.tasks.metrics.quantiles import Coverage, PinballLoss, Width
from kreis.tasks.metrics.reliability import bins_of, diagram
from kreis.tasks.outcomes import Number, OutcomeForm
from kreis.tasks.regression.offsets import choose_offsets
from kreis.tasks.task import Challenger, FittedDecision, Loss, Positive
from kreis.tasks.usual import KNOWN_ONLY, UsualTask, check_rows, few_are_chance, no_positive
from kreis.texts import counted

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Regression"]

_LEVELS = np.arange(0.05, 1.0, 0.05)
"""Quantiles of the residuals that are tried where the metric names none."""
_BINS = 10
_FAR = 10.0
"""Of what a decision costs: how much two models differ by on a case at most, presumably."""


class NumberValue(GoalMetric, Protocol):
    """What a decision that is a number was worth."""

    @property
    def level(self) -> float | None:
        """The quantile of what may happen that is worth most; None where it is not known."""
        ...

    @property
    def levels(self) -> tuple[float, ...]:
        """All quantiles that a model gives, ascending; empty where it gives one number."""
        ...


@dataclass(frozen=True)
class Regression(UsualTask):
    """A score is a number, or several quantiles; a decision is that number, or the quantile that costs least, or one
    beside it.
    """

    metric: NumberValue
    name = "regression"
    outcome: ClassVar[OutcomeForm] = Number()
    losses = ("mean_absolute_error", "root_mean_squared_error")
    baselines: ClassVar[Sequence[str]] = ('project.candidate("mean", Mean(), baseline=True)',)
    rule_decision: ClassVar[Decision] = Identity()
    sliced: ClassVar[Sequence[str]] = ("value", "mean_absolute_error", "bias", "mean_outcome")
    headlines: ClassVar[Mapping[str, str]] = {"mean_absolute_error": "mean absolute error {:.4g}"}
    card_task = "tabular-regression"
    strength_is = "rank agreement"
    planned_from = ("value",)
    usual_difference = 1.0

    @property
    def loss(self) -> Loss:
        """The quantile that costs least, or several; the squared error where it is not known."""
        if self.metric.levels:
            return Loss("quantile", self.metric.level, outputs=len(self.metric.levels), levels=self.metric.levels)
        return Loss("squared") if self.metric.level is None else Loss("quantile", self.metric.level)

    @property
    def plain(self) -> Decision:
        """The score, or the quantile that costs least."""
        return Level(self.metric.levels, self.metric.level or 0.5) if self.metric.levels else Identity()

    def read_outcomes(self, column: pl.Series, positive: Positive, *, where: str) -> pl.Series:
        """As float64, null where not known.

        Raises:
            ProjectError: it holds no numbers, an infinity, or a value is declared to mean yes.
        """
        import polars as pl

        no_positive(positive, "a number", where=where)
        if not (column.dtype.is_numeric() or column.dtype == pl.Null):
            hint = f'cast it in the table: .with_columns(pl.col("{column.name}").cast(pl.Float64))'
            raise ProjectError(f"the outcome {column.name!r} is {column.dtype}, not a number", where=where, hint=hint)
        numbers = column.cast(pl.Float64).fill_nan(None)
        if (endless := int(numbers.is_infinite().sum())) > 0:
            hint = "null where it is not known"
            raise ProjectError(f"{endless:,} outcomes {column.name!r} are infinite", where=where, hint=hint)
        return numbers

    def describe(self, outcomes: Floats, means: str = "") -> str:
        """Mean and range."""
        if not len(outcomes):
            return f"no {means}".strip()
        mean, least, most = (f"{each:,.4g}" for each in (outcomes.mean(), outcomes.min(), outcomes.max()))
        return f"{means + ': ' if means else ''}{mean} on average, {least} to {most}"

    def halves(self, outcomes: Floats) -> tuple[tuple[str, Booleans], tuple[str, Booleans]]:
        """Above the median, and the others."""
        above: Booleans = outcomes > (np.median(outcomes) if len(outcomes) else 0.0)
        return ("above the median", above), ("up to the median", ~above)

    def lacking(self, outcomes: Floats) -> str:
        """Where there is none, or only one value."""
        if len(outcomes) and np.ptp(outcomes) > 0:
            return ""
        return f"{counted(len(outcomes), 'row')}, all with the outcome {outcomes[0]:g}" if len(outcomes) else "no rows"

    def strength(self, values: Floats, outcomes: Floats) -> float:
        """The rank correlation (Spearman 1904), brought from [0, 1] to [0.5, 1]."""
        return rank_agreement(values, outcomes)

    def fit_decision(self, scores: Scores, outcomes: Floats) -> FittedDecision:
        """The score, unless a shift by a constant is shown to cost less.

        The best shift is the quantile of the residuals that the metric asks for; where it asks for none, the one of
        them that is worth most. It stands where its gain over the plain score, row by row, exceeds one standard error
        (Breiman et al. 1984, section 3.4.3). Of several quantiles each is moved in the model itself.
        """
        if scores.ndim == 2:
            offsets = choose_offsets(scores, outcomes, self.metric.levels)
            return FittedDecision(decision=self.plain, source="plain", offsets=UNSET if offsets is None else offsets)
        given = scores.astype(np.float64)
        if len(given) < FEW:
            return FittedDecision(decision=self.plain, source="plain")
        by = self._shift(given, outcomes)
        gains = self.metric.values(outcomes, given + by) - self.metric.values(outcomes, given)
        gain, error = float(gains.mean()), float(gains.std() / np.sqrt(len(gains)))
        if gain <= error:
            return FittedDecision(decision=self.plain, source="plain", gain=gain, error=error)
        return FittedDecision(decision=Shift(by), source="validation", gain=gain, error=error)

    def _shift(self, scores: Floats, outcomes: Floats) -> float:
        levels = _LEVELS if self.metric.level is None else self.metric.level
        shifts = np.atleast_1d(np.quantile(outcomes - scores, levels, method="inverted_cdf"))
        if len(shifts) == 1:
            return float(shifts[0])
        return float(max(shifts, key=lambda by: float(self.metric.values(outcomes, scores + by).mean())))

    def validated(self, scores: Scores, outcomes: Floats, decision: Decision) -> dict[str, float]:
        """Rows, value, and mean absolute error."""
        rows = self.rows(outcomes, scores, decision, where="validation")
        found = {each.name: each.value(rows) for each in (BusinessValue(self.metric), MeanAbsoluteError())}
        return {"rows": float(len(rows)), **found}

    def validation_said(self, found: Mapping[str, float]) -> str:
        """Rows and mean absolute error."""
        return f"{counted(int(found['rows']), 'row')}, mean absolute error {found['mean_absolute_error']:,.4g}"

    def validation_doubts(self, found: Mapping[str, float]) -> list[str]:
        """Where there are few rows."""
        rows = int(found["rows"])
        return few_are_chance(rows, f"the validation part has only {counted(rows, 'row')}")

    def rows(self, outcomes: npt.ArrayLike, scores: Scores, decision: Decision, *, where: str) -> Rows:
        """Rows with numbers.

        Raises:
            ProjectError: a score or an outcome is none.
        """
        known, given = np.asarray(outcomes, dtype=np.float64), scores.astype(np.float64)
        for what, values in (("outcomes", known), ("scores", given)):
            bad = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
            check_rows(bad, f"{what} are not numbers", values, where=where, hint=KNOWN_ONLY)
        decided = decision.many(given)
        if self.metric.levels and given.ndim == 1:  # a rule's number stands for each quantile
            given = np.repeat(given[:, None], len(self.metric.levels), axis=1)
        return Rows(known, given, decided)

    @property
    def metrics(self) -> Sequence[Metric]:
        """Value, then errors of decisions, then what they are compared with."""
        errors = (MeanAbsoluteError(), RootMeanSquaredError(), RSquared(), Bias(), Correlation())
        ranges = (PinballLoss(self.metric.levels), Coverage(), Width()) if self.metric.levels else ()
        return [BusinessValue(self.metric), *errors, *ranges, MeanOutcome(), MeanDecision()]

    def doubts(self, metrics: Mapping[str, Any], name: str) -> list[str]:
        """A constant may have value, too."""
        found = metrics["correlation"]
        if found.low > 0:
            return []
        return [
            f"{name} is not shown to vary with the outcome (correlation {found.value:.3f}, {found.low:.3f} to"
            f" {found.high:.3f}): its value may be that of one answer for all; compare it with the baseline Mean()"
        ]

    def reliability(self, rows: Rows) -> list[dict[str, float]]:
        """Mean decision and mean outcome, by tenths of the decisions."""
        return diagram(rows.decisions, rows.outcomes, bins_of(rows.decisions, _BINS))

    def challengers(self, rates: Mapping[str, float], differing: float) -> list[Challenger]:
        """Models whose costs differ by half of what a decision costs, to either side."""
        cost = abs(rates["value"]) / self.metric.per or 1.0
        return near_alike(cost, differing, _FAR * cost)
