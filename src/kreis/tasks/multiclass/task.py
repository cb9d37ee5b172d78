"""Multi-class classification: which of several classes is it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from kreis.arrays import Booleans, Codes, Floats
from kreis.tasks.challengers import near_alike
from kreis.tasks.decisions import Cheapest, Decision, Placed, Scores
from kreis.tasks.metrics.accuracy import Accuracy
from kreis.tasks.metrics.auc import area_of_pairs
from kreis.tasks.metrics.business_value import BusinessValue
from kreis.tasks.metrics.class_calibration import ClassCalibrationError, class_reliability
from kreis.tasks.metrics.class_log_loss import ClassLogLoss
from kreis.tasks.metrics.classes import ClassRows
from kreis.tasks.metrics.counts import FEW
from kreis.tasks.metrics.macro_recall import MacroRecall
from kreis.tasks.metrics.metric import Metric, Rows
from kreis.tasks.multiclass.cost_matrix import CostMatrix
from kreis.tasks.multiclass.temperature import choose_temperature
from kreis.tasks.outcomes import OneOf, OutcomeForm
from kreis.tasks.task import Challenger, FittedDecision, Loss, Positive, Sanity
from kreis.tasks.usual import KNOWN_ONLY, UsualTask, check_rows, few_are_chance, no_positive, within_0_and_1
from kreis.texts import counted

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Multiclass"]

_CALIBRATION_AT_MOST = 0.15
"""Probabilities further from the frequencies than this are none."""
_SHOWN = 3


@dataclass(frozen=True)
class Multiclass(UsualTask):
    """A score is the probability of each class; a decision is the class that costs least."""

    metric: CostMatrix
    name = "multi-class classification"
    baselines = ('project.candidate("mean", Mean(), baseline=True)',)
    losses = ("log_loss",)
    sliced = ("value", "accuracy", "macro_recall")
    sanity = (
        Sanity(
            name="calibration",
            metric=ClassCalibrationError(),
            at_most=_CALIBRATION_AT_MOST,
            says="probabilities of the chosen classes differ from how often they are right by {found} on average",
        ),
    )
    headlines: ClassVar[Mapping[str, str]] = {"accuracy": "accuracy {:.3f}"}
    strength_is = "AUC of each two classes"
    usual_difference = 0.1
    card_task = "tabular-classification"
    planned_from = ("value", "accuracy")

    @property
    def outcome(self) -> OutcomeForm:
        """One of the classes."""
        return OneOf(self.metric.names)

    def read_outcomes(self, column: pl.Series, positive: Positive, *, where: str) -> pl.Series:
        """The number of each class, null where not known.

        Raises:
            ProjectError: it holds what is none of the classes, or a value is declared to mean yes.
        """
        from kreis.tasks.multiclass.outcomes import class_numbers

        no_positive(positive, "one of several classes", where=where)
        return class_numbers(column, self.metric.names, where=where)

    def describe(self, outcomes: Floats, means: str = "") -> str:
        """How many there are of the most frequent classes."""
        counts = np.bincount(self.labels(outcomes), minlength=len(self.metric.names))
        order = np.argsort(-counts, kind="stable")
        said = [f"{counts[each]:,} {self.metric.names[each]}" for each in order[:_SHOWN] if counts[each]]
        rest = int(counts[order[_SHOWN:]].sum())
        said += [f"{rest:,} of other classes"] if rest else []
        return f"{means + ': ' if means else ''}{', '.join(said) or 'none'}"

    def halves(self, outcomes: Floats) -> tuple[tuple[str, Booleans], tuple[str, Booleans]]:
        """The most frequent class, and the others."""
        places = self.labels(outcomes)
        frequent = int(np.bincount(places, minlength=len(self.metric.names)).argmax())
        mask: Booleans = places == frequent
        return (f"that are {self.metric.names[frequent]!r}", mask), ("of other classes", ~mask)

    def lacking(self, outcomes: Floats) -> str:
        """Where there is none, or only one class."""
        found = np.unique(outcomes)
        if len(found) > 1:
            return ""
        return (
            f"{counted(len(outcomes), 'row')}, all {self.outcome.said(float(found[0]))!r}" if len(found) else "no rows"
        )

    def strength(self, values: Floats, outcomes: Floats) -> float:
        """How well a feature parts two classes, on average over each two."""
        return area_of_pairs(values, outcomes)

    @property
    def loss(self) -> Loss:
        """The likelihood of the class that it was."""
        return Loss("softmax", outputs=len(self.metric.names))

    def labels(self, outcomes: Floats) -> Codes:
        """The place of each class among the classes."""
        return self.metric.places(outcomes)[0].astype(np.int64)

    @property
    def plain(self) -> Decision:
        """The class that costs least on average."""
        costs = tuple(tuple(row) for row in self.metric.matrix.tolist())
        return Cheapest(self.metric.names, costs)

    @property
    def rule_decision(self) -> Decision:
        """A rule's value is the place of a class among the goal's."""
        return Placed(self.metric.names)

    def fit_decision(self, scores: Scores, outcomes: Floats) -> FittedDecision:
        """The plain rule: for probabilities that are true it is the best there is (Elkan 2001, equation 1).

        A weight for each class would be as many chances to fit noise. What is fitted is one temperature, by which
        probabilities become truer.
        """
        temperature = choose_temperature(self.answers(scores), self.labels(outcomes)) if len(outcomes) >= FEW else None
        if temperature is None:
            return FittedDecision(decision=self.plain, source="plain")
        return FittedDecision(decision=self.plain, source="plain", temperature=temperature)

    def answers(self, scores: Scores) -> Floats:
        """Within [0, 1]: float32 probabilities may lie a rounding beyond."""
        return within_0_and_1(scores)

    def validated(self, scores: Scores, outcomes: Floats, decision: Decision) -> dict[str, float]:
        """Rows, those of other classes than the most frequent, value, accuracy and log loss."""
        rows = self.rows(outcomes, self.answers(scores), decision, where="validation")
        measured = (BusinessValue(self.metric), Accuracy(), ClassLogLoss())
        found = {each.name: each.value(rows) for each in measured}
        return {"rows": float(len(rows)), "rare": float(rows.evidence.sum()), **found}

    def validation_said(self, found: Mapping[str, float]) -> str:
        """Rows and accuracy."""
        return f"{counted(int(found['rows']), 'row')}, accuracy {found['accuracy']:.3f}"

    def validation_doubts(self, found: Mapping[str, float]) -> list[str]:
        """Where there are few rows of other classes."""
        rows, rare = int(found["rows"]), int(found["rare"])
        return few_are_chance(
            rare, f"only {rare:,} of the {rows:,} rows of the validation part are {ClassRows.evidence_is}"
        )

    def rows(self, outcomes: npt.ArrayLike, scores: Scores, decision: Decision, *, where: str) -> ClassRows:
        """Rows with the probability of each class; of a rule, which names one, that is certain.

        Raises:
            ProjectError: a score is no probability, or an outcome none of the classes.
        """
        known, given = np.asarray(outcomes, dtype=np.float64), np.asarray(scores, dtype=np.float64)
        unknown = ~self.metric.places(known)[1]
        check_rows(unknown, "outcomes are none of the goal's classes", known, where=where, hint=KNOWN_ONLY)
        if given.ndim == 1:
            check_rows(~np.isfinite(given), "scores are not places of classes", given, where=where, hint=_BEYOND)
        else:
            within: Booleans = np.all((given >= 0) & (given <= 1), axis=1)
            check_rows(~within, "scores are not probabilities", given, where=where, hint=_BEYOND)
        return self._rows(known, given, decision)

    def _rows(self, outcomes: Floats, scores: Scores, decision: Decision) -> ClassRows:
        given, decided, count = scores.astype(np.float64), decision.many(scores), len(self.metric.names)
        if given.ndim == 1:
            given = np.eye(count)[self.metric.places(decided)[0]]
        return ClassRows(outcomes, given, decided, numbers=self.metric.numbers(self.metric.names))

    @property
    def metrics(self) -> Sequence[Metric]:
        """Value, then of decisions, then of probabilities."""
        return [BusinessValue(self.metric), Accuracy(), MacroRecall(), ClassLogLoss(), ClassCalibrationError()]

    def doubts(self, metrics: Mapping[str, Any], name: str) -> list[str]:
        """One answer for all may have value, too: it finds one class whole and no other."""
        found, alone = metrics["macro_recall"], 1 / len(self.metric.names)
        if found.low > alone:
            return []
        return [
            f"{name} is not shown to tell the classes apart (macro recall {found.value:.3f}, {found.low:.3f} to"
            f" {found.high:.3f}; one answer for all has {alone:.3f}): compare it with the baseline Mean()"
        ]

    def reliability(self, rows: Rows) -> list[dict[str, float]]:
        """How often the chosen class is right, by the probability that it was given."""
        return class_reliability(rows)

    def challengers(self, rates: Mapping[str, float], differing: float) -> list[Challenger]:
        """Models that choose otherwise in some cases, as often better as worse or nearly so; and one by lot."""
        matrix, cost = self.metric.matrix, abs(rates["value"]) / self.metric.per
        count = len(matrix)
        wrong = float(matrix.sum() - np.trace(matrix)) / (count * (count - 1))
        apart, most = wrong - float(np.trace(matrix)) / count, self.metric.most_at_stake
        found = near_alike(cost, differing, most, apart=apart)
        lost, won = rates["accuracy"] * (1 - 1 / count), (1 - rates["accuracy"]) / count
        by_lot = {apart: won, -apart: lost, 0.0: 1 - won - lost}
        return [*found, Challenger(name="random", differences=by_lot, most=most)]


_BEYOND = "the scores of a row are the probability of each class and are never missing"
