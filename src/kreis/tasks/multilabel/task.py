"""Multi-label classification: which of several labels apply? Any number of them may."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from kreis.arrays import Booleans, Floats
from kreis.tasks.binary.thresholds import choose_threshold, plain_cut
from kreis.tasks.challengers import near_alike
from kreis.tasks.decisions import Above, Cut, Decision, Identity, Scores
from kreis.tasks.metrics.accuracy import SubsetAccuracy
from kreis.tasks.metrics.auc import Auc, area_of_pairs
from kreis.tasks.metrics.business_value import BusinessValue
from kreis.tasks.metrics.calibration_error import CalibrationError
from kreis.tasks.metrics.labels import LabelRows, OverLabels, PooledLabels, bits_of
from kreis.tasks.metrics.log_loss import LogLoss
from kreis.tasks.metrics.metric import Metric, Rows
from kreis.tasks.metrics.precision import Precision
from kreis.tasks.metrics.recall import Recall
from kreis.tasks.metrics.reliability import bins_of, diagram
from kreis.tasks.multilabel.label_value import LabelValue
from kreis.tasks.outcomes import OutcomeForm, SomeOf
from kreis.tasks.task import Challenger, FittedDecision, Loss, Positive, Sanity
from kreis.tasks.usual import KNOWN_ONLY, UsualTask, check_rows, few_are_chance, no_positive, within_0_and_1
from kreis.texts import counted

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Multilabel"]

_CALIBRATION_AT_MOST = 0.15
"""Probabilities further from the frequencies than this are none."""
_CALIBRATION = OverLabels(CalibrationError(), "calibration_error")
_SHOWN, _BINS = 3, 10


@dataclass(frozen=True)
class Multilabel(UsualTask):
    """A score is the probability of each label; a decision is the set of those that pay."""

    metric: LabelValue
    name = "multi-label classification"
    losses = ("log_loss",)
    baselines = ('project.candidate("mean", Mean(), baseline=True)',)
    rule_decision: ClassVar[Decision] = Identity()
    sliced = ("value", "micro_recall", "micro_precision", "subset_accuracy")
    sanity = (
        Sanity(
            name="calibration",
            metric=_CALIBRATION,
            at_most=_CALIBRATION_AT_MOST,
            says="probabilities differ from frequencies by {found} on average over the labels",
        ),
    )
    headlines: ClassVar[Mapping[str, str]] = {"auc": "AUC {:.3f}"}
    strength_is = "AUC of each two sets of labels"
    usual_difference = 0.2
    card_task = "tabular-classification"
    planned_from = ("value",)

    @property
    def outcome(self) -> OutcomeForm:
        """Some of the labels."""
        return SomeOf(self.metric.names)

    def read_outcomes(self, column: pl.Series, positive: Positive, *, where: str) -> pl.Series:
        """The labels of each row as one number, null where not known.

        Raises:
            ProjectError: it holds what is none of the labels, or a value is declared to mean yes.
        """
        from kreis.tasks.multilabel.outcomes import label_numbers

        no_positive(positive, "labels", where=where)
        return label_numbers(column, self.metric.names, separator=self.metric.separator, where=where)

    def describe(self, outcomes: Floats, means: str = "") -> str:
        """How many rows carry the most frequent labels, and how many none."""
        counts = self.labels(outcomes).sum(axis=0)
        order = np.argsort(-counts, kind="stable")
        said = [f"{counts[each]:,} {self.metric.names[each]}" for each in order[:_SHOWN] if counts[each]]
        said.append(f"{int((outcomes == 0).sum()):,} with no label")
        return f"{means + ': ' if means else ''}{', '.join(said)}"

    def halves(self, outcomes: Floats) -> tuple[tuple[str, Booleans], tuple[str, Booleans]]:
        """Those with and without the label that nearest half of the rows carry."""
        carried = self.labels(outcomes)
        place = int(np.abs(carried.mean(axis=0) - 0.5).argmin()) if len(carried) else 0
        mask, name = carried[:, place], self.metric.names[place]
        return (f"with the label {name!r}", mask), ("without it", ~mask)

    def lacking(self, outcomes: Floats) -> str:
        """Where there is none, or all carry the same labels."""
        found = np.unique(outcomes)
        if len(found) > 1:
            return ""
        return f"{counted(len(outcomes), 'row')}, all {self.outcome.said(float(found[0]))}" if len(found) else "no rows"

    def strength(self, values: Floats, outcomes: Floats) -> float:
        """How well a feature parts two sets of labels, on average over each two."""
        return area_of_pairs(values, outcomes)

    @property
    def loss(self) -> Loss:
        """The likelihood of each label by itself."""
        return Loss("log", outputs=len(self.metric.names))

    def labels(self, outcomes: Floats) -> Booleans:
        """Which labels each row carries, shape (n, k)."""
        return bits_of(outcomes, len(self.metric.names))

    @property
    def plain(self) -> Decision:
        """Each label from its break-even on."""
        return Above(self.metric.names, tuple(plain_cut(each).at for each in self.metric.by_label))

    def fit_decision(self, scores: Scores, outcomes: Floats) -> FittedDecision:
        """Each label's break-even, unless another threshold is shown to be better for that label."""
        carried = self.labels(outcomes)
        found = [
            choose_threshold(scores[:, place], carried[:, place], metric)
            for place, metric in enumerate(self.metric.by_label)
        ]
        cuts = tuple(each.decision.at for each in found if isinstance(each.decision, Cut))
        changed = [each for each in found if each.source != "plain"]
        return FittedDecision(
            decision=Above(self.metric.names, cuts),
            source="validation" if changed else "plain",
            gain=sum(each.gain for each in changed),
            error=float(np.sqrt(sum(each.error**2 for each in changed))),
        )

    def answers(self, scores: Scores) -> Floats:
        """Within [0, 1]: float32 probabilities may lie a rounding beyond."""
        return within_0_and_1(scores)

    def validated(self, scores: Scores, outcomes: Floats, decision: Decision) -> dict[str, float]:
        """Rows, those with other labels than the most frequent, value and log loss."""
        rows = self.rows(outcomes, self.answers(scores), decision, where="validation")
        found = {each.name: each.value(rows) for each in (BusinessValue(self.metric), _LOG_LOSS, SubsetAccuracy())}
        return {"rows": float(len(rows)), "rare": float(rows.evidence.sum()), **found}

    def validation_said(self, found: Mapping[str, float]) -> str:
        """Rows, and how many were answered without an error."""
        return f"{counted(int(found['rows']), 'row')}, all labels right in {found['subset_accuracy']:.1%}"

    def validation_doubts(self, found: Mapping[str, float]) -> list[str]:
        """Where there are few rows with other labels."""
        rows, rare = int(found["rows"]), int(found["rare"])
        return few_are_chance(
            rare, f"only {rare:,} of the {rows:,} rows of the validation part are {LabelRows.evidence_is}"
        )

    def rows(self, outcomes: npt.ArrayLike, scores: Scores, decision: Decision, *, where: str) -> LabelRows:
        """Rows with the probability of each label; of a rule, which names the labels, they are certain.

        Raises:
            ProjectError: a score is no probability, or an outcome no set of labels.
        """
        known, given = np.asarray(outcomes, dtype=np.float64), np.asarray(scores, dtype=np.float64)
        count = len(self.metric.names)
        inside: Booleans = np.isfinite(known) & (known >= 0) & (known < 2.0**count)
        check_rows(~inside, "outcomes are no sets of the goal's labels", known, where=where, hint=KNOWN_ONLY)
        within: Booleans = np.isfinite(given) if given.ndim == 1 else np.all((given >= 0) & (given <= 1), axis=1)
        check_rows(~within, "scores are not probabilities", given, where=where, hint=_BEYOND)
        decided = np.rint(decision.many(given))
        return LabelRows(known, bits_of(decided, count).astype(np.float64) if given.ndim == 1 else given, decided)

    @property
    def metrics(self) -> Sequence[Metric]:
        """Value, then of all labels together, then of each label alike."""
        pooled = (PooledLabels(Recall(), "micro_recall"), PooledLabels(Precision(), "micro_precision"))
        each = (OverLabels(Recall(), "macro_recall"), OverLabels(Precision(), "macro_precision"))
        scores = (OverLabels(Auc(), "auc"), _LOG_LOSS, _CALIBRATION)
        return [BusinessValue(self.metric), *pooled, *each, SubsetAccuracy(), *scores]

    def doubts(self, metrics: Mapping[str, Any], name: str) -> list[str]:
        """One answer for all may have value, too."""
        found = metrics["auc"]
        if found.low > 0.5:
            return []
        return [
            f"{name} is not shown to tell which labels apply (AUC {found.value:.3f}, {found.low:.3f} to"
            f" {found.high:.3f}): compare it with the baseline Mean()"
        ]

    def reliability(self, rows: Rows) -> list[dict[str, float]]:
        """How many labels apply, by how many were to be expected; both as a share of all labels."""
        if not len(rows):
            return []
        said, carried = rows.scores.mean(axis=1), self.labels(rows.outcomes).mean(axis=1)
        return diagram(said, carried, bins_of(said, _BINS))

    def challengers(self, rates: Mapping[str, float], differing: float) -> list[Challenger]:
        """Models that give a label more or less in some cases, as often better as worse, or nearly so."""
        apart = self.metric.most_at_stake / len(self.metric.names)
        return near_alike(abs(rates["value"]) / self.metric.per, differing, self.metric.most_at_stake, apart=apart)


_LOG_LOSS = OverLabels(LogLoss(), "log_loss")


_BEYOND = "the scores of a row are the probability of each label and are never missing"
