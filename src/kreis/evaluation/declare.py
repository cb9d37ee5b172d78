"""What a user declares for evaluation: gates beside those of the goal, and what else is asked of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from kreis.declarations import Named, at, users_line
from kreis.errors import ProjectError
from kreis.evaluation.answer_parts.part import DeclaredPart
from kreis.evaluation.examinations.behaviour import Behaviour, Expectation, Expects
from kreis.evaluation.examinations.examination import Examination
from kreis.evaluation.examinations.gate import Gate
from kreis.evaluation.examinations.kinds import chosen
from kreis.preparation.views import FieldType
from kreis.requirements.goal import Goal
from kreis.tasks.task import answers_questions
from kreis.training.declare import Candidates

__all__ = ["Judgement"]


class Judgement(Candidates):
    """What else a model is asked, and what must come of it."""

    def __init__(self, name: str, *, goal: Goal) -> None:
        super().__init__(name, goal=goal)
        self._gates: Named[Gate] = Named("gates")
        self._examinations: dict[str, Examination] = {}
        self._expectations: Named[Expectation] = Named("behaviours")
        self._parts = Named[DeclaredPart]("parts of an answer")

    @property
    def declared_gates(self) -> Sequence[Gate]:
        """The gates that were declared, beside those that follow from the goal."""
        return tuple(self._gates.values())

    @property
    def examinations(self) -> Sequence[Examination]:
        """What each run asks of the chosen model."""
        told = tuple(self._expectations.values())
        behaviour = [Behaviour(told, self.folder)] if told else []
        measured = [found for each in self._parts.values() if (found := each.examined_by) is not None]
        return chosen([*behaviour, *measured, *self._examinations.values()], self._gates.values())

    @property
    def answer_parts(self) -> Mapping[str, DeclaredPart]:
        """What goes with each answer beside score and decision, by the names of the fields."""
        return self._parts

    @property
    def answer_parameters(self) -> dict[str, Any]:
        """How that is asked for, as a JSON document."""
        return {name: asdict(each) for name, each in self._parts.items()}  # type: ignore[call-overload]  # a protocol

    def gates(self, *gates: Gate) -> None:
        """Declare gates over what examinations find. They add to what the goal derives.

        Args:
            gates: Each must be shown to hold before a model goes on.

        Raises:
            ProjectError: one restates a metric of the goal's task, or comes twice.
        """
        where = users_line()
        names = {metric.name for metric in (*self.goal.task.metrics, *self.goal.task.across)}
        for gate in gates:
            if gate.measure in names:
                hint = f'guardrails=[Guardrail("{gate.measure}", …)] of the goal bounds it, in service too'
                raise ProjectError(f"{gate.measure!r} is a metric of the goal", where=where, hint=hint)
            self._gates.add(gate.name, gate, where)

    def behaviour(
        self, *, expects: Expects, tolerance: float = 0.0
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declare how a model must behave: a function that changes rows, and what must come of that. How often a model
        behaves otherwise is told in each run; `Gate("behaviour_failures", at_most=0.01, by="the function")` bounds it.

        The function takes the features of the rows that judge as a Polars frame (categories and texts by name), and
        returns the same rows with other features: `return rows.with_columns(pl.col("income") * 2)`. Or it takes
        nothing, and returns rows of its own with a column `expected`: what must be decided there.

        Args:
            expects: "same": the decision stays; "not lower" or "not higher": the score moves in no other direction (of
                models with several numbers the decision). "expected": what the rows' own column says.
            tolerance: By how much a score, or a decision that is a number, may move all the same.

        Raises:
            ProjectError: `expects` is none of these, the tolerance is below 0, or the name is taken.
        """

        def declare(function: Callable[..., Any]) -> Callable[..., Any]:
            added = Expectation(function, expects, tolerance)
            self._expectations.add(added.name, added, added.where)
            return function

        return declare

    def examine(self, *examinations: Examination) -> None:
        """Declare what is asked of the chosen model in each run, beside what is asked by default, or otherwise.

        Args:
            examinations: What is asked, with how it is asked; one of a kind replaces the default one.
        """
        self._examinations |= {each.name: each for each in examinations}

    def answer_with(self, *parts: DeclaredPart) -> None:
        """Declare what goes with each answer beside score and decision: how sure it is, say.

        Each is fitted when a model is packaged, and is computed by the service for each answer.

        Args:
            parts: `Coverage(0.9)`, say; one of a kind.

        Raises:
            ProjectError: there are two of a kind.
        """
        where = users_line()
        for part in parts:
            self._parts.add(part.name, part, where)

    def check(self) -> None:
        """Check that each gate's measure is one of an examination's, and that what is to go with an answer can."""
        super().check()
        for name, gate in self._gates.items():
            with at(self._gates.place(name)):
                chosen(self._examinations.values(), [gate])
        known: dict[str, FieldType] = {}
        for view in self.request_views.values():
            known |= view.fields
        known |= dict.fromkeys(() if self.spine_declaration is None else self.spine_declaration.keys, "string")
        for name, part in self._parts.items():
            with at(self._parts.place(name)):
                if answers_questions(self.goal.task):
                    raise ProjectError(f"{name} goes with answers about rows; this project answers questions")
                part.check(self.goal.task, known, self.feature_names)
