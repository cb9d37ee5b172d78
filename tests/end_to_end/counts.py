"""Counts, as someone outside the package would write a task: valued by the Poisson deviance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from kreis.errors import ProjectError
from kreis.tasks.decisions import Decision, Identity
from kreis.tasks.metrics.business_value import BusinessValue
from kreis.tasks.metrics.errors import MeanAbsoluteError
from kreis.tasks.metrics.metric import RatioMetric, Rows
from kreis.tasks.outcomes import Number
from kreis.tasks.task import Challenger, FittedDecision, Loss

LEAST = 1e-3


@dataclass(frozen=True)
class Deviance:
    """Minus half the Poisson deviance of each count from what was expected."""

    unit: str
    per: int = 1

    @property
    def task(self) -> Counts:
        return Counts(self)

    def check(self) -> None:
        """It always makes sense."""

    def values(self, outcomes: Any, decisions: Any) -> Any:
        happened = np.asarray(outcomes, dtype=np.float64)
        expected = np.maximum(np.asarray(decisions, dtype=np.float64), LEAST)
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.where(happened > 0, happened * np.log(happened / expected), 0.0 * happened)
        return -(logs - happened + expected)

    bounds = (-math.inf, 1e-9)
    most_at_stake = math.inf

    def most_apart(self, first: Any, second: Any) -> float:
        a, b = (np.maximum(np.asarray(each, dtype=np.float64), LEAST) for each in (first, second))
        if not len(a):
            return 0.0
        return float((np.abs(a - b) + 200 * np.abs(np.log(a / b))).max())  # of up to 200 calls

    def to_document(self) -> dict[str, Any]:
        return {"kind": "deviance", "unit": self.unit, "per": self.per}


class Zeros(RatioMetric):
    """How often nothing happened."""

    name = "zeros"
    better = "neither"
    bounds = (0.0, 1.0)

    def terms(self, rows: Rows) -> Any:
        return (rows.outcomes == 0).astype(np.float64), np.ones(len(rows))


@dataclass(frozen=True)
class Counts:
    """A score is an expected count."""

    metric: Deviance
    name = "counts"
    needs_outcomes = True
    outcome: ClassVar[Number] = Number(at_least=0.0, whole=True)
    loss = Loss("poisson")
    losses = ("mean_absolute_error",)
    baselines = ('project.candidate("mean", Mean(), baseline=True)',)
    plain: ClassVar[Decision] = Identity()
    rule_decision: ClassVar[Decision] = Identity()
    sliced = ("value",)
    across = ()
    sanity = ()
    headlines: ClassVar[Mapping[str, str]] = {"mean_absolute_error": "{:.2f} calls expected wrongly"}
    strength_is = "rank agreement"
    card_task = "tabular-regression"
    planned_from = ("value",)
    usual_difference = 1.0

    def read_outcomes(self, column: Any, positive: Any, *, where: str) -> Any:
        import polars as pl

        numbers = column.cast(pl.Float64)
        if positive is not None or not ((numbers >= 0) & (numbers % 1 == 0)).fill_null(True).all():
            raise ProjectError(f"{column.name!r} holds no counts", where=where)
        return numbers

    def describe(self, outcomes: Any, means: str = "") -> str:
        return f"{outcomes.sum():,.0f} {means or 'counted'} in all"

    def halves(self, outcomes: Any) -> Any:
        many = outcomes > np.median(outcomes)
        return ("many", many), ("few", ~many)

    def lacking(self, outcomes: Any) -> str:
        return "" if len(outcomes) and np.ptp(outcomes) else f"{len(outcomes)} rows that do not differ"

    def strength(self, values: Any, outcomes: Any) -> float:
        if np.ptp(values) == 0 or np.ptp(outcomes) == 0:
            return 0.5
        return 0.5 + abs(float(np.corrcoef(values, outcomes)[0, 1])) / 2

    def labels(self, outcomes: Any) -> Any:
        return outcomes

    def fit_decision(self, scores: Any, outcomes: Any) -> FittedDecision:
        return FittedDecision(decision=Identity(), source="plain")

    def answers(self, scores: Any) -> Any:
        return scores.astype(np.float64)

    def validated(self, scores: Any, outcomes: Any, decision: Decision) -> dict[str, float]:
        return {
            "rows": float(len(outcomes)),
            "value": float(self.metric.values(outcomes, decision.many(scores)).mean()),
        }

    def validation_said(self, found: Mapping[str, float]) -> str:
        return f"{found['rows']:.0f} rows"

    def validation_doubts(self, found: Mapping[str, float]) -> list[str]:
        return [] if found["rows"] > 50 else ["there are few rows"]

    def rows(self, outcomes: Any, scores: Any, decision: Decision, *, where: str) -> Rows:
        known = np.asarray(outcomes, dtype=np.float64)
        for values in (known, scores):
            if not np.isfinite(values).all():
                raise ProjectError(f"row {np.flatnonzero(~np.isfinite(values))[0]} is no number", where=where)
        return Rows(known, scores.astype(np.float64), decision.many(scores))

    @property
    def metrics(self) -> Sequence[Any]:
        return [BusinessValue(self.metric), MeanAbsoluteError(), Zeros()]

    def favoured(self, rows: Rows, favourable: str | None) -> Rows:
        return rows

    def doubts(self, metrics: Mapping[str, Any], name: str) -> list[str]:
        return []

    def reliability(self, rows: Rows) -> list[dict[str, float]]:
        return []

    def challengers(self, rates: Mapping[str, float], differing: float) -> list[Challenger]:
        apart = abs(rates["value"]) or 1.0
        return [Challenger(name="equal", differences={apart: 0.5, -apart: 0.5}, most=100 * apart)]
