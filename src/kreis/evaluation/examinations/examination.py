"""What an examination is: one question about a model, answered from the rows that judge, with intervals.

The metrics say how good a model is. Examinations ask what else a careful person wants to know: whom does it fail, how
sure is it, does it lean on what it should not. What they find is data: a gate may name it, pages and cards show it.
`kreis.evaluation.examinations.testing` holds the tests that every examination passes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from kreis.arrays import Codes, Floats
from kreis.errors import ProjectError
from kreis.evaluation.intervals import Estimate
from kreis.evaluation.slices import Groups
from kreis.models.scoring import Matrix, Scorer, Texts
from kreis.requirements.goal import Goal
from kreis.tasks.decisions import Decision
from kreis.tasks.metrics.metric import Rows
from kreis.tasks.task import Task
from kreis.training.data import TrainingData
from kreis.training.splits.split import Split
from kreis.training.train import TrainedCandidate

__all__ = ["Examination", "Examined", "FeatureRows", "Finding", "Reviewed", "Subject", "Tell"]

Tell = Callable[[str, int, int], None]
"""Told the stage, and how much of it is done."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureRows:
    """The rows behind a model of features, as the model takes them: its own features, in its order."""

    trained: TrainedCandidate
    scorer: Scorer
    """What is packaged."""
    data: TrainingData
    """All rows that teach or judge."""
    split: Split
    rescore: Callable[[Matrix, Texts | None], Floats]
    """Scores the rows that judge, all n in their order, with changed features: in a cross-validation, each by a model
    that has not seen it."""
    refit: Callable[[TrainingData], Scorer]
    """Fits the candidate anew on other rows, with the parameters that were found."""
    ids: Callable[[], npt.NDArray[np.object_]]
    """The names of `data`'s rows, shape (rows,): by these a person finds them."""
    entity_of: Callable[[str], Codes | None]
    """To which entity each row of `data` belongs, as codes, of a feature that is one of an entity; None of others."""
    column: Callable[[str], Sequence[str]] | None = None
    """A key or field of requests as texts (`kreis.models.answer_parts.part.group_text`), of all rows of `data`."""

    validation_groups: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    """Columns of `Subject.groups` of the rows of `validation`, as texts, as far as they are known."""

    @cached_property
    def test(self) -> TrainingData:
        """The rows that judge, n of them, as in `Subject.rows`. They choose nothing."""
        return self.data.take(self.split.judging)

    @cached_property
    def train(self) -> TrainingData:
        """All rows that taught it, the validation rows among them."""
        return self.data.take(self.split.train)

    @cached_property
    def validation(self) -> TrainingData:
        """The rows on which its decision was chosen, by what had learned from the others."""
        return self.data.take(self.split.validation)


@dataclass(frozen=True, kw_only=True)
class Reviewed:
    """What people say of the answers that a model gave."""

    asked: int
    """Answers that were drawn for them."""
    given: int
    """All answers that were given."""
    done: int = 0
    """Of those that were drawn, how many are labelled by enough people who agree, or settled."""
    disputed: tuple[str, ...] = ()
    """On which people differ, and nobody has settled."""
    agreement: Estimate | None = None
    """Between people; None where no answer was labelled by two."""
    right: Estimate | None = None
    """The share of all given answers that people call right; None before all that were drawn are done."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """A model that is examined."""

    name: str
    goal: Goal
    decision: Decision
    rows: Rows
    """The rows that judge, n of them, with its scores and decisions."""
    blocks: Codes
    """Which of the rows belong together, shape (n,)."""
    groups: Mapping[str, Groups]
    """Columns of these rows by which people look: keys with few values, `judge_by`, those of guardrails."""
    judge_by: tuple[str, ...] = ()
    """Those of `groups` that were declared to judge by (`judge_by`, `by` of guardrails); of the others all that is
    known is that they have few values."""
    outcome_column: str = ""
    """Which of `groups` is the outcome itself, if one is: by it nobody is treated alike, or fails, for its own sake."""
    features: FeatureRows | None = None
    """Where it is a model of features; None where it answers questions."""
    reviewed: Reviewed | None = None
    """What people say of its answers, where they were asked."""
    level: float = 0.95
    """Of intervals; stricter where other models were judged on these rows before (`kreis.evaluation.looks`)."""
    looks: float = 1.0
    """Which look at these rows it is; 1 where no other model was judged on them."""
    seed: int = 0

    @property
    def task(self) -> Task:
        """What kind of question the goal asks."""
        return self.goal.task

    @property
    def behind(self) -> FeatureRows:
        """`features`, for what is asked of models of features alone and says by `lacks` of the others that it is not.

        Raises:
            ProjectError: it answers questions.
        """
        if self.features is None:
            raise ProjectError("it reads no features", where=self.name)
        return self.features


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that an examination found."""

    measure: str
    """What was measured: a name that a gate may use."""
    said: str
    """One sentence in plain words."""
    estimate: Estimate | None = None
    """The number with its interval; None where there is none to be had."""
    column: str = ""
    """By which column the rows were told apart; "sex and race" where by two."""
    group: str = ""
    """Of which group it is."""
    serious: bool = False
    """Whether a person should look at it before the model goes on: it is said as a warning of the run."""
    detail: dict[str, Any] = {}
    """What else belongs to it, as plain JSON data."""
    timed: bool = False
    """Whether it is a time, or memory, that was measured: asked again, it is another one."""


class Examined(msgspec.Struct, frozen=True, kw_only=True):
    """What an examination answered."""

    examination: str
    findings: list[Finding] = []
    tables: dict[str, list[dict[str, Any]]] = {}
    """What pages draw, by name: rows of plain JSON values."""
    notes: list[str] = []
    """What was left out or sampled, and why."""
    lacks: str = ""
    """Why it could not be done here; then there are no findings."""

    @property
    def serious(self) -> list[str]:
        """What a person should look at."""
        return [each.said for each in self.findings if each.serious]


class Examination(Protocol):
    """One question about a model: a frozen dataclass, whose fields are how it is asked. Where these are no plain data,
    it says by `parameters()` what they are. A field `by` names columns of the rows: a run refuses names that there are
    not.
    """

    name: ClassVar[str]
    """As a user writes it: "fairness"."""
    asks: ClassVar[str]
    """The question, in plain words."""
    by_default: ClassVar[bool]
    """Whether each run asks it; else it is asked where the project declares it, a gate needs it, or a person does."""
    measures: ClassVar[tuple[str, ...]]
    """The names of what it measures, of which a gate may be made."""

    def lacks(self, subject: Subject) -> str | None:
        """Why it cannot be asked of this model ("it reads no features"); None if it can."""
        ...

    def examine(self, subject: Subject, tell: Tell) -> Examined:
        """Answer it. The same subject gives the same answer, to the last bit; measured times (`Finding.timed`) aside.

        Args:
            subject: What is examined; `lacks` was None.
            tell: Told of what takes time.
        """
        ...
