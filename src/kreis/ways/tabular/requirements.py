"""Requirements: the goal is declared, whole, and measurable."""

from __future__ import annotations

from kreis.loop.verdicts import Advance, Verdict
from kreis.tasks.task import metric_named
from kreis.texts import number
from kreis.ways.tabular.inputs import unheld_patterns
from kreis.ways.tabular.state import TabularState

__all__ = ["perform"]


def perform(state: TabularState) -> Verdict:
    """Check the goal against what evaluation can measure."""
    goal = state.project.goal
    for guardrail in goal.guardrails:
        metric_named(guardrail.metric, goal.task)
    return Advance(
        summary=f"{goal.question} Must beat the baseline by {number(goal.better_than_baseline)} {goal.metric.unit}",
        detail={"goal": goal.digest, "warnings": [*unheld_patterns(state.project), *state.project.notes]},
    )
