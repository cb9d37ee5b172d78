"""What a task is: the kind of question that a goal asks, as pure functions over outcomes, scores and decisions.

A *score* is a model's raw output for a row, a *decision* what the goal's metric makes of it by a rule that is data
(`kreis.tasks.decisions`), an *outcome* what really happened: numbers, NaN while it is not known. Nothing outside a
task's own folder asks which task it is. `kreis.tasks.testing` holds the tests that every task passes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import msgspec
import numpy.typing as npt

from kreis.arrays import Booleans, Floats
from kreis.errors import ProjectError
from kreis.models.calibration_map import CalibrationMap
from kreis.tasks.decisions import Decision, Scores
from kreis.tasks.goal_metric import GoalMetric
from kreis.tasks.metrics.across import AcrossGroups
from kreis.tasks.metrics.metric import Metric, Rows
from kreis.tasks.outcomes import OutcomeForm

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "Challenger",
    "FittedDecision",
    "Labels",
    "Loss",
    "Positive",
    "Sanity",
    "Task",
    "answers_questions",
    "metric_named",
]

Positive: TypeAlias = str | float | bool | None
"""The outcome's value that means yes, where a spine declares one."""
Labels: TypeAlias = npt.NDArray[Any]
"""Outcomes as trainers take them: booleans for yes and no, places of classes, float64 for numbers."""


class Loss(msgspec.Struct, frozen=True):
    """What a trainer minimises."""

    name: Literal["log", "squared", "absolute", "quantile", "poisson", "tweedie", "rank", "softmax"]
    level: float | None = None
    """Of a quantile: 0.5 is the absolute error."""
    outputs: int = 1
    """How many numbers a model gives for a row: of classes, labels or quantiles one for each."""
    levels: tuple[float, ...] = ()
    """Of several quantiles, ascending; `level` is the one that is decided by."""


class FittedDecision(msgspec.Struct, frozen=True, kw_only=True):
    """A decision rule, and where it comes from."""

    decision: Decision
    source: str
    """"plain": it follows from the metric; "validation": from the validation rows; "rule": the candidate is one."""
    gain: float = 0.0
    """By how much, per decision, the best rule on the validation rows beats the plain one on them."""
    error: float = 0.0
    """The standard error of that gain."""
    temperature: float | msgspec.UnsetType = msgspec.UNSET
    """Of the probabilities of classes, where another than 1 is shown to be truer: it goes into the model."""
    offsets: tuple[float, ...] | msgspec.UnsetType = msgspec.UNSET
    """Of several quantiles, what is added to each where that is shown to be truer: they go into the model."""
    calibration: CalibrationMap | msgspec.UnsetType = msgspec.UNSET
    """Of the probability of yes, what makes it truer: it goes into the model."""
    calibrated_by: str | msgspec.UnsetType = msgspec.UNSET
    """By which method that was found, and how much lower the log loss is with it, on rows that it was not found on."""
    calibration_gain: float | msgspec.UnsetType = msgspec.UNSET
    calibration_error: float | msgspec.UnsetType = msgspec.UNSET
    """The standard error of that gain."""


class Sanity(msgspec.Struct, frozen=True, kw_only=True):
    """A gate that no goal has to ask for: what is outside of it is no model of this kind."""

    name: str
    metric: Metric
    at_most: float
    says: str
    """What was found, as a format of `found`: "scores differ from frequencies by {found} on average"."""


class Challenger(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of challenger that a canary may meet: how its decisions differ in value from the champion's."""

    name: str
    differences: dict[float, float]
    """Difference of value per decision, to how often it comes."""
    most: float
    """The most that two decisions on the same case can differ by."""


class Task(Protocol):
    """The kind of question, with the goal's metric.

    Where nothing will ever be known of a row, a task may also have `agreement(champion, challenger)`: how far apart the
    decisions of two models are on each row, shape (n,), 0 where they agree and below 0 elsewhere. A canary is then
    judged by that in place of value.

    Where what is asked are questions in words, answered from documents, a task has `answers_questions`, and it is true:
    such a project has no rows to predict, and its outcomes belong to the answers that were given. Two models are then
    compared between the requests that each got, and a canary is planned by `between_arms(rates, share)`: as
    `challengers`, with the challenger's share of traffic, and differences as such a comparison weighs them.
    """

    @property
    def name(self) -> str:
        """For people: "binary classification"."""
        ...

    @property
    def metric(self) -> GoalMetric:
        """What decisions are worth."""
        ...

    # What happened.

    @property
    def outcome(self) -> OutcomeForm:
        """What an outcome may be."""
        ...

    @property
    def needs_outcomes(self) -> bool:
        """Whether only rows whose outcome is known teach and judge; else all do, outcomes being NaN where not known."""
        ...

    def read_outcomes(self, column: pl.Series, positive: Positive, *, where: str) -> pl.Series:
        """A column of outcomes as float64, null where not known.

        Raises:
            ProjectError: it holds what is no outcome; or a declared `positive` makes no sense.
        """
        ...

    def describe(self, outcomes: Floats, means: str = "") -> str:
        """Known outcomes in a few words: "1,024 returned", where the outcome is called so."""
        ...

    def halves(self, outcomes: Floats) -> tuple[tuple[str, Booleans], tuple[str, Booleans]]:
        """Two kinds of outcomes, in words and as masks of shape (n,): do they take equally long to be known?"""
        ...

    def lacking(self, outcomes: Floats) -> str:
        """Why nothing can be learned from, or judged by, some outcomes; empty where it can."""
        ...

    def strength(self, values: Floats, outcomes: Floats) -> float:
        """How well one feature alone tells the outcome, from 0.5 (not at all) to 1 (perfectly)."""
        ...

    @property
    def strength_is(self) -> str:
        """What `strength` is called: "AUC"."""
        ...

    # Learning.

    @property
    def loss(self) -> Loss:
        """What a trainer minimises, where it can choose."""
        ...

    @property
    def losses(self) -> Sequence[str]:
        """The names of metrics by which a search may judge, beside the goal's."""
        ...

    @property
    def baselines(self) -> Sequence[str]:
        """What a model of this kind must beat at least, as lines that declare it: for a project without one."""
        ...

    def labels(self, outcomes: Floats) -> Labels:
        """Outcomes as trainers take them: booleans for yes and no, places of classes, numbers (NaN where not known)."""
        ...

    @property
    def plain(self) -> Decision:
        """The rule that follows from the metric alone."""
        ...

    @property
    def rule_decision(self) -> Decision:
        """How a rule that someone wrote down decides."""
        ...

    def fit_decision(self, scores: Scores, outcomes: Floats) -> FittedDecision:
        """The rule that is best for the metric, from rows that the model was not fitted on."""
        ...

    def answers(self, scores: Scores) -> Floats:
        """Raw outputs as answers, float64: rounding beyond what is possible is undone."""
        ...

    def validated(self, scores: Scores, outcomes: Floats, decision: Decision) -> dict[str, float]:
        """How a model did on the validation rows: `rows`, `value` in the metric's unit, and what else tells."""
        ...

    def validation_said(self, found: Mapping[str, float]) -> str:
        """The validation rows in words: "1,024 rows, 120 positive"."""
        ...

    def validation_doubts(self, found: Mapping[str, float]) -> list[str]:
        """Why the choice of a candidate on the validation rows may be chance, in sentences."""
        ...

    # Judging.

    def rows(self, outcomes: npt.ArrayLike, scores: Scores, decision: Decision, *, where: str) -> Rows:
        """Judged rows, as metrics take them.

        Raises:
            ProjectError: a score or an outcome is none.
        """
        ...

    @property
    def metrics(self) -> Sequence[Metric]:
        """What every evaluation reports, the goal's metric first: a `RatioMetric` called "value"."""
        ...

    @property
    def sliced(self) -> Sequence[str]:
        """Those of `metrics` that are shown in each group of a column."""
        ...

    @property
    def across(self) -> Sequence[AcrossGroups]:
        """Metrics that compare groups with each other."""
        ...

    def favoured(self, rows: Rows, favourable: str | None) -> Rows:
        """Rows with the favourable decision as the one that metrics across groups look at."""
        ...

    @property
    def sanity(self) -> Sequence[Sanity]:
        """Gates that belong to every evaluation."""
        ...

    @property
    def headlines(self) -> Mapping[str, str]:
        """What is said of a model beside its value: metrics by name, each as a format of its number ("AUC {:.3f}")."""
        ...

    def doubts(self, metrics: Mapping[str, Any], name: str) -> list[str]:
        """What of a model that passed its gates is still worth a look, in sentences."""
        ...

    def reliability(self, rows: Rows) -> list[dict[str, float]]:
        """Per bin of the scores the rows, the mean `score` and what happened on average (`frequency`)."""
        ...

    @property
    def card_task(self) -> str:
        """The task as model cards of Hugging Face name it: "tabular-classification"."""
        ...

    # In service.

    @property
    def planned_from(self) -> Sequence[str]:
        """Metrics of a champion's evaluation that `challengers` needs."""
        ...

    @property
    def usual_difference(self) -> float:
        """Share of decisions in which two models are presumed to differ."""
        ...

    def challengers(self, rates: Mapping[str, float], differing: float) -> list[Challenger]:
        """Kinds of challengers, the first one of equal value: by them a canary is planned.

        Args:
            rates: The champion's evaluation, by metric (`planned_from`).
            differing: Share of decisions in which two models differ.
        """
        ...


def answers_questions(task: Task) -> bool:
    """Whether what is asked are questions in words, answered from documents; else rows are asked about."""
    return bool(getattr(task, "answers_questions", False))


def metric_named(name: str, task: Task, *, where: str | None = None) -> Metric:
    """The metric of a task by its name; "value" is the goal's own.

    Raises:
        ProjectError: there is none; the hint names the nearest.
    """
    known: dict[str, Metric] = {each.name: each for each in (*task.metrics, *task.across)}
    if name not in known:
        raise ProjectError.unknown_name("metric", name, list(known), where=where)
    return known[name]
