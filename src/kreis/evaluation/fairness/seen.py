"""A model's decisions as questions of fairness take them: who gets it, who should, and what was said of how likely."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kreis.arrays import Floats
from kreis.evaluation.fairness.rates import MeanOf, ShareOf
from kreis.requirements.goal import Goal
from kreis.tasks.answering.measures import AnswerRows
from kreis.tasks.metrics.alarms import AlarmRows
from kreis.tasks.metrics.classes import ClassRows
from kreis.tasks.metrics.labels import LabelRows
from kreis.tasks.metrics.metric import RatioMetric, Rows
from kreis.tasks.metrics.ranked import RankedRows
from kreis.tasks.metrics.yes_no import YesNoRows

__all__ = ["Amounts", "Places", "Selected", "seen"]

_MOST_CLASSES = 6


@dataclass(frozen=True, eq=False, kw_only=True)
class Selected:
    """Something that a row gets, or does not get."""

    gets: str
    """In words, after the group: "gets the favourable decision"."""
    of: str = ""
    """The class or label, where there are several."""
    favourable: bool = False
    """Whether somebody said that it is good to get it."""
    selected: Floats
    """1 where it is got, shape (n,)."""
    deserved: Floats | None = None
    """1 where it would be right, NaN where not known, shape (n,)."""
    scores: Floats | None = None
    """The probability of it, shape (n,)."""

    @property
    def selection_rate(self) -> RatioMetric:
        """How often it is got."""
        return ShareOf("selection_rate", self.selected, np.ones(len(self.selected)))

    @property
    def true_positive_rate(self) -> RatioMetric:
        """How often it is got by those for whom it would be right."""
        return self._where("true_positive_rate", self._known == 1)

    @property
    def false_positive_rate(self) -> RatioMetric:
        """How often it is got by those for whom it is wrong."""
        return self._where("false_positive_rate", self._known == 0)

    @property
    def precision(self) -> RatioMetric:
        """How often it is right where it is got."""
        got = (self.selected == 1) & ~np.isnan(self._known)
        return ShareOf("precision", got * np.nan_to_num(self._known), got)

    @property
    def base_rate(self) -> RatioMetric:
        """How often it would be right."""
        return ShareOf("base_rate", np.nan_to_num(self._known), ~np.isnan(self._known))

    @property
    def calibration_gap(self) -> RatioMetric:
        """By how much probabilities are above what happened, on average."""
        scores = self.selected if self.scores is None else self.scores
        known = ~np.isnan(self._known)
        return MeanOf("calibration_gap", np.where(known, scores - np.nan_to_num(self._known), 0.0), known)

    @property
    def rates(self) -> list[RatioMetric]:
        """All that there are."""
        if self.deserved is None:
            return [self.selection_rate]
        found = [self.selection_rate, self.true_positive_rate, self.false_positive_rate, self.precision, self.base_rate]
        return found + ([] if self.scores is None else [self.calibration_gap])

    @property
    def _known(self) -> Floats:
        return np.full(len(self.selected), np.nan) if self.deserved is None else self.deserved

    def _where(self, name: str, mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> RatioMetric:
        return ShareOf(name, mask * self.selected, mask)


@dataclass(frozen=True, eq=False, kw_only=True)
class Amounts:
    """Numbers that are decided, and what they should have been; both of shape (n,)."""

    decided: Floats
    happened: Floats

    @property
    def mean_decision(self) -> RatioMetric:
        """What is decided on average."""
        return MeanOf("mean_decision", self.decided, np.ones(len(self.decided)))

    @property
    def mean_error(self) -> RatioMetric:
        """How far decisions are from what happened, on average."""
        return self._of_known("mean_absolute_error", np.abs(self.decided - self.happened))

    @property
    def bias(self) -> RatioMetric:
        """By how much decisions are above what happened, on average."""
        return self._of_known("bias", self.decided - self.happened)

    @property
    def rates(self) -> list[RatioMetric]:
        """All that there are."""
        return [self.mean_decision, self.mean_error, self.bias]

    def _of_known(self, name: str, values: Floats) -> RatioMetric:
        return MeanOf(name, np.nan_to_num(values), ~np.isnan(values))


@dataclass(frozen=True, eq=False, kw_only=True)
class Places:
    """Places in an order, and how relevant what stands there is; both of shape (n,)."""

    places: Floats
    relevance: Floats

    @property
    def exposure(self) -> RatioMetric:
        """How much a row is seen on average: 1 / log2(1 + place) (Singh and Joachims 2018, section 3.3)."""
        return MeanOf("exposure", 1 / np.log2(1 + self.places), np.ones(len(self.places)))

    @property
    def exposure_for_relevance(self) -> RatioMetric:
        """How much rows are seen for what they are worth (the same, section 4.2: disparate treatment)."""
        return MeanOf("exposure_for_relevance", 1 / np.log2(1 + self.places), np.maximum(self.relevance, 0.0))

    @property
    def rates(self) -> list[RatioMetric]:
        """All that there are."""
        return [self.exposure, self.exposure_for_relevance]


def seen(rows: Rows, goal: Goal) -> tuple[list[Selected | Amounts | Places], str]:
    """What groups may get more or less of; and what was left out of it, in words.

    Args:
        rows: Judged ones.
        goal: Says which decision is the favourable one, and what classes are called.
    """
    if isinstance(rows, YesNoRows):
        return [_yes_no(rows, goal)], ""
    if isinstance(rows, ClassRows | LabelRows):
        return _each_class(rows, goal)
    if isinstance(rows, RankedRows):
        return [Places(places=rows.decisions.astype(np.float64), relevance=rows.outcomes.astype(np.float64))], ""
    if isinstance(rows, AlarmRows):
        raised = rows.decisions.astype(np.float64)
        return [Selected(gets="raises an alarm", selected=raised, deserved=rows.outcomes.astype(np.float64))], ""
    if isinstance(rows, AnswerRows):
        return [Selected(gets="is answered", selected=(rows.decisions > 0).astype(np.float64))], ""
    if not goal.task.needs_outcomes:  # the number of a cluster is no amount
        return [], ""
    return [Amounts(decided=rows.decisions.astype(np.float64), happened=rows.outcomes.astype(np.float64))], ""


def _yes_no(rows: YesNoRows, goal: Goal) -> Selected:
    side = goal.task.favoured(rows, goal.favourable)
    return Selected(
        gets="is decided yes" if goal.favourable is None else "gets the favourable decision",
        favourable=goal.favourable is not None,
        selected=side.decisions.astype(np.float64),
        deserved=side.outcomes.astype(np.float64),
        scores=side.scores,
    )


def _each_class(rows: ClassRows | LabelRows, goal: Goal) -> tuple[list[Selected | Amounts | Places], str]:
    """The classes that are decided most often: who gets each, and who should."""
    names = goal.task.plain.names
    if isinstance(rows, ClassRows):
        sides = [
            YesNoRows(rows.outcomes == number, rows.scores[:, place], rows.decisions == number)
            for place, number in enumerate(rows.numbers)
        ]
    else:
        sides = list(rows.labels())
    often = sorted(range(len(sides)), key=lambda place: -int(sides[place].decisions.sum()))[:_MOST_CLASSES]
    found: list[Selected | Amounts | Places] = [
        Selected(
            gets=f"is decided {names[place]!r}",
            of=names[place],
            selected=sides[place].decisions.astype(np.float64),
            deserved=sides[place].outcomes.astype(np.float64),
            scores=sides[place].scores,
        )
        for place in sorted(often)
    ]
    left = len(sides) - len(often)
    return found, f"{left} rarer classes of {len(sides)} are not compared" if left else ""
