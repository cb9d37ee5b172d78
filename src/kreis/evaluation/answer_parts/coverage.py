"""How sure an answer is: the classes, or the interval, that hold what happens in a stated share of all cases."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kreis.errors import ProjectError
from kreis.evaluation.answer_parts.part import Keep
from kreis.evaluation.coverage.fit import Covering, Method, fit_coverage, kind_of, rows_needed
from kreis.evaluation.examinations.examination import Examination, Subject
from kreis.preparation.views import FieldType
from kreis.tasks.task import Task

__all__ = ["Coverage"]


@dataclass(frozen=True)
class Coverage:
    """A prediction set of classes, or an interval of numbers, with each answer (split conformal prediction).

    It is fitted on the validation rows, by the scores of what had learned from the others. Rows to come are covered in
    `level` of all cases as far as they are like these; the examination "coverage" says how it was on the test rows.

    Example:

    >>> Coverage(0.9, by="region").level
    0.9
    """

    name: ClassVar[str] = "coverage"
    level: float = 0.9
    """The share of cases."""
    by: str | None = None
    """A key or field of a request: the share holds in each of its groups, and a group with too few rows takes what
    holds for all.
    """
    method: Method = "lac"
    """Of classes: "lac" gives the smallest sets, "aps" larger ones where a row is hard and smaller ones elsewhere."""
    adapts: bool = False
    """Whether the level follows how much was covered (adaptive conformal inference): `kreis watch` moves it as outcomes
    come in, each move on the record, and the service takes it over. A new model begins with `level`.
    """

    def __post_init__(self) -> None:
        where = f"Coverage({self.level})"
        if not 0.5 <= self.level < 1:
            raise ProjectError(f"level is {self.level}", where=where, hint="a share from 0.5 to below 1: 0.9")
        if self.method not in ("lac", "aps"):
            raise ProjectError.unknown_name("method", self.method, ["lac", "aps"], where=where)

    @property
    def examined_by(self) -> Examination:
        """How often what happened lay in it."""
        from kreis.evaluation.examinations.coverage import MeasuredCoverage

        return MeasuredCoverage(level=self.level, by=self.by, method=self.method, adapts=self.adapts)

    def check(self, task: Task, known: Mapping[str, FieldType], features: Collection[str]) -> None:
        """Check that the goal's outcomes can be covered, and that requests name the group.

        Raises:
            ProjectError: they cannot, or they do not.
        """
        if kind_of(task, task.plain) is None:
            raise ProjectError(
                f"a model of {task.name} says no probabilities of classes, and no number that happens",
                where="Coverage",
                hint="leave it out of project.answer_with(…)",
            )
        if self.by is not None and self.by not in known:
            raise ProjectError.unknown_name("key or field", self.by, sorted(known), where="Coverage")
        if self.by is not None and known[self.by] == "datetime":
            raise ProjectError(f"{self.by!r} is a moment and names no group", where="Coverage")

    def lacks(self, subject: Subject) -> str | None:
        """Why it cannot be fitted to this model; None if it can."""
        if subject.features is None or subject.features.trained.validation_scores is None:
            return "its scores of the validation rows are not kept"
        if kind_of(subject.task, subject.decision) is None:
            return "its scores are no probabilities, and no number that happens"
        known = int((~np.isnan(subject.features.validation.outcomes)).sum())
        if known < (needed := rows_needed(self.level)):
            return f"a level of {self.level} takes {needed:,} validation rows, and there are {known:,}"
        return None

    def fit(self, subject: Subject, keep: Keep) -> Covering:
        """What is packaged, from the validation rows."""
        behind = subject.features
        if behind is None or behind.trained.validation_scores is None:
            raise ProjectError("its scores of the validation rows are not kept", where="Coverage")
        outcomes = behind.validation.outcomes
        known = ~np.isnan(outcomes)
        groups = None
        if self.by is not None and behind.column is not None:
            texts = behind.column(self.by)
            groups = [texts[place] for place in behind.split.validation[known]]
        return fit_coverage(
            subject.task,
            subject.decision,
            behind.trained.validation_scores.array()[known],
            outcomes[known],
            level=self.level,
            by=None if groups is None else self.by,
            groups=groups,
            method=self.method,
            adapts=self.adapts,
        )
