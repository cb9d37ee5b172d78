"""What a canary can show, and how long it takes: said before it begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

import msgspec

from kreis.deployment.canary import Canary
from kreis.evaluation.paired import needed, presumed_dependence, seen_after
from kreis.tasks.goal_metric import GoalMetric
from kreis.tasks.task import Challenger, Task, answers_questions

__all__ = ["CanaryPlan", "Expected", "plan_canary"]

_DAY = timedelta(days=1)


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of one kind of challenger."""

    challenger: str
    difference: float
    """Its value less the champion's, in the goal's unit."""
    shown: str
    requests: int | None
    """About how many show it; None: no number does."""
    days: float | None
    """Until then, the wait for outcomes included."""


class CanaryPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a canary can show at a traffic."""

    unit: str
    champion: float
    """What the champion was worth in its evaluation."""
    margin: float
    per_day: float
    """Requests."""
    differing: float
    """Share of decisions in which two models differ."""
    dependence: float
    """How many times the variance of a day's sum is that of independent decisions."""
    steps: list[tuple[float, float | None]]
    """Each next share, and about how many days after its start an equal challenger gets it."""
    expected: list[Expected]
    warnings: list[str]


def plan_canary(
    canary: Canary,
    task: Task,
    rates: Mapping[str, float],
    *,
    per_day: float,
    outcomes_within: timedelta,
    within_day: float | None = None,
    differing: float | None = None,
) -> CanaryPlan:
    """Say beforehand what a canary can show.

    Args:
        canary: As declared.
        task: The goal's.
        rates: Of the champion's evaluation, by metric: `Task.planned_from`.
        per_day: Requests a day.
        outcomes_within: How long outcomes take.
        within_day: Correlation of decisions of one day on which the models differ, where it has been seen.
        differing: Share of decisions in which the models differ, where it has been seen.
    """
    share = differing or task.usual_difference
    margin, wait = canary.margin_of(rates["value"]), outcomes_within / _DAY

    def factor(differ: float) -> float:
        if answers_questions(task):  # drawn to the arms by chance, whatever day it is
            return 1.0
        return presumed_dependence(differ * per_day, *([] if within_day is None else [within_day]))

    metric, between_arms = task.metric, getattr(task, "between_arms", None)
    kinds = task.challengers(rates, share) if between_arms is None else between_arms(rates, canary.steps[0])
    expected = [
        _expected(each, metric, margin, per_day, wait, factor, equal=not place) for place, each in enumerate(kinds)
    ]
    proof = expected[0].days
    held = canary.held / _DAY
    steps = [
        (step, None if proof is None else max(proof, held) + held * number)
        for number, step in enumerate(canary.steps[1:])
    ]
    return CanaryPlan(
        unit=metric.unit,
        champion=rates["value"],
        margin=margin,
        per_day=per_day,
        differing=share,
        dependence=factor(share),
        steps=steps,
        expected=expected,
        warnings=_warnings(canary, proof, wait),
    )


def _expected(
    kind: Challenger,
    metric: GoalMetric,
    margin: float,
    per_day: float,
    wait: float,
    factor: Callable[[float], float],
    *,
    equal: bool,
) -> Expected:
    """What it takes to see one kind of challenger."""
    values, chances = list(kind.differences), list(kind.differences.values())
    weight = factor(sum(chance for value, chance in kind.differences.items() if value))
    if equal:
        requests = needed(values, chances, most=kind.most, margin=margin / metric.per, factor=weight)
    else:
        requests = seen_after(values, chances, most=kind.most, factor=weight)
    return Expected(
        challenger=kind.name,
        difference=sum(value * chance for value, chance in kind.differences.items()) * metric.per,
        shown="no worse than the margin" if equal else "worth less",
        requests=requests,
        days=None if requests is None else requests / per_day + wait,
    )


def _warnings(canary: Canary, proof: float | None, wait: float) -> list[str]:
    longest = canary.longest / _DAY + wait
    if proof is None or proof > longest:
        said = "no number of requests shows" if proof is None else f"about {proof:,.0f} days would be needed to show"
        return [
            f"the canary cannot decide: {said} an equal challenger to be no worse than the margin of {canary.margin},"
            f" and it ends after {longest:.3g} days, outcomes included: raise the margin, at_most or the traffic"
        ]
    if proof > canary.held / _DAY:
        return [
            f"the canary's hold of {canary.hold} is too short for its margin of {canary.margin}:"
            f" an equal challenger waits for about {proof:,.0f} days"
        ]
    return []
