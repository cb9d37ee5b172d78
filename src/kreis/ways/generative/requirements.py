"""Requirements: the goal is declared, whole, and measurable by the questions that there are."""

from __future__ import annotations

from kreis.loop.verdicts import Advance, Verdict
from kreis.tasks.task import metric_named
from kreis.texts import number
from kreis.ways.generative.state import GenerativeState

__all__ = ["perform"]


def perform(state: GenerativeState) -> Verdict:
    """Check the goal against what evaluation can measure."""
    project, goal = state.project, state.project.goal
    for guardrail in goal.guardrails:
        metric_named(guardrail.metric, goal.task)
    better = f"must beat the baseline by {number(goal.better_than_baseline)} {goal.metric.unit}"
    return Advance(
        summary=f"{goal.question} {project.asked_questions.said}; {better}",
        detail={"goal": goal.digest, "warnings": list(project.notes)},
    )
