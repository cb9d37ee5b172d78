"""Why an answer is as it is: the features that added most to it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from kreis.errors import ProjectError
from kreis.evaluation.answer_parts.part import Keep
from kreis.evaluation.examinations.examination import Examination, Subject
from kreis.models.answer_parts.reasons import FeatureReasons
from kreis.preparation.views import FieldType
from kreis.tasks.decisions import Cheapest, Level
from kreis.tasks.task import Task

__all__ = ["Reasons"]


@dataclass(frozen=True)
class Reasons:
    """The features that added most to an answer, with it and in its log (exact Shapley values of trees, exact parts of
    weighted sums, integrated gradients of plain networks).

    Every model of which training keeps so much explains its answers to `kreis why` and `POST /v1/explain`; declared,
    the reasons go with each answer.

    Example:

    >>> Reasons(3, immutable=["age"]).most
    3
    """

    name: ClassVar[str] = "reasons"
    most: int = 3
    """So many features are named."""
    immutable: Sequence[str] = ()
    """Features, or fields of a request, that nobody can change: they stay where `POST /v1/explain` and
    `kreis why --counterfactual` look for what would have led to another decision.
    """

    def __post_init__(self) -> None:
        if isinstance(self.most, bool) or not isinstance(self.most, int) or self.most < 1:
            raise ProjectError(f"{self.most!r} features are asked for", where="Reasons", hint="write Reasons(3)")
        if isinstance(self.immutable, str):
            raise ProjectError("immutable is one text", where="Reasons", hint=f"write immutable=[{self.immutable!r}]")
        object.__setattr__(self, "immutable", tuple(self.immutable))

    @property
    def examined_by(self) -> Examination | None:
        """It is exact, or is not kept: training proves that the parts add up."""
        return None

    def check(self, task: Task, known: Mapping[str, FieldType], features: Collection[str]) -> None:
        """Check that what cannot be changed is a field or a feature.

        Raises:
            ProjectError: it is neither.
        """
        for name in self.immutable:
            if name not in known and name not in features:
                raise ProjectError.unknown_name(
                    "field or feature", name, [*known, *features], where="Reasons(immutable=…)"
                )

    def lacks(self, subject: Subject) -> str | None:
        """Why it cannot be fitted to this model; None if it can."""
        if subject.features is None or subject.features.trained.explanation is None:
            return (
                "it is no sum of trees or weights and no plain network, or was trained before kreis kept such:"
                " its reasons take thousands of scores, too many for each answer; kreis why and POST /v1/explain give"
                " them"
            )
        return None

    def fit(self, subject: Subject, keep: Keep) -> FeatureReasons:
        """What is packaged: what training kept."""
        behind = subject.features
        if behind is None or (kept := behind.trained.explanation) is None:
            raise ProjectError(str(self.lacks(subject)), where="Reasons")
        trained, decision = behind.trained, subject.decision
        if kept.content is not None:
            keep(kept.content)
        return FeatureReasons(
            most=self.most,
            explanation=kept.stored,
            categories=trained.categories,
            texts=trained.texts,
            names=tuple(decision.names),
            at=decision.levels.index(decision.at) if isinstance(decision, Level) else None,
            costs=decision.costs if isinstance(decision, Cheapest) else (),
            immutable=tuple(self.immutable),
        )
