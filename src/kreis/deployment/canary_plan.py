"""What a canary can show, and how long it takes: said before it begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

import msgspec

from kreis.deployment.canary import Canary
from kreis.evaluation.paired import needed, presumed_dependence, seen_after
from kreis.tasks.decision_value import DecisionValue

__all__ = ["CanaryPlan", "Expected", "plan_canary"]

USUAL_DIFFERENCE = 0.1
"""Of the decisions: the share in which two models for the same question are presumed to differ."""
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
    metric: DecisionValue,
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
        metric: The goal's.
        rates: Of the champion's evaluation: `value`, `base_rate`, `positive_rate`, `recall`.
        per_day: Requests a day.
        outcomes_within: How long outcomes take.
        within_day: Correlation of decisions of one day on which the models differ, where it has been seen.
        differing: Share of decisions in which the models differ, where it has been seen.
    """
    share = differing or USUAL_DIFFERENCE
    margin, wait = canary.margin_of(rates["value"]), outcomes_within / _DAY

    def factor(differ: float) -> float:
        return presumed_dependence(differ * per_day, *([] if within_day is None else [within_day]))

    expected = _expected(metric, rates, share, margin, per_day, wait, factor)
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
    metric: DecisionValue,
    rates: Mapping[str, float],
    share: float,
    margin: float,
    per_day: float,
    wait: float,
    factor: Callable[[float], float],
) -> list[Expected]:
    """What it takes to see challengers of each kind; the first is an equal one."""

    def expect(name: str, found: Mapping[float, float], *, equal: bool = False) -> Expected:
        values, chances = list(found), list(found.values())
        weight = factor(sum(chance for value, chance in found.items() if value))
        if equal:
            requests = needed(values, chances, most=metric.most_at_stake, margin=margin / metric.per, factor=weight)
        else:
            requests = seen_after(values, chances, most=metric.most_at_stake, factor=weight)
        return Expected(
            challenger=name,
            difference=sum(value * chance for value, chance in found.items()) * metric.per,
            shown="no worse than the margin" if equal else "worth less",
            requests=requests,
            days=None if requests is None else requests / per_day + wait,
        )

    worth = rates["value"] / metric.per
    return [
        expect("equal", _near(metric, 0.0, share), equal=True),
        expect("6% worse", _near(metric, -0.06 * abs(worth), share)),
        expect("21% worse", _near(metric, -0.21 * abs(worth), share)),
        expect("random", _flipped(metric, rates, random=True)),
        expect("inverted", _flipped(metric, rates, random=False)),
    ]


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


def _near(metric: DecisionValue, mean: float, share: float) -> dict[float, float]:
    """Differences of a model that decides otherwise near the cut, as often for yes as for no: value to chance."""
    up, down = metric.true_positive - metric.false_negative, metric.true_negative - metric.false_positive
    least = min(abs(up), abs(down))
    share = min(max(share, abs(mean) / least if least else share), 1.0)
    to_yes, to_no = ((down + sign * mean / share) / (up + down) for sign in (1, -1))
    to_yes, to_no = min(max(to_yes, 0.0), 1.0), min(max(to_no, 0.0), 1.0)
    half = share / 2
    return _chances((up, half * to_yes), (-down, half * (1 - to_yes)), (-up, half * to_no), (down, half * (1 - to_no)))


def _flipped(metric: DecisionValue, rates: Mapping[str, float], *, random: bool) -> dict[float, float]:
    """Differences of a model that decides by lot (as often yes as the champion), or always the other way."""
    up, down = metric.true_positive - metric.false_negative, metric.true_negative - metric.false_positive
    yes, happens = rates["positive_rate"], rates["base_rate"]
    hit = happens * rates["recall"]
    to_no, to_yes = (1 - yes, yes) if random else (1.0, 1.0)
    missed, right = happens - hit, max(1 - yes - happens + hit, 0.0)
    return _chances((-up, hit * to_no), (down, (yes - hit) * to_no), (up, missed * to_yes), (-down, right * to_yes))


def _chances(*cases: tuple[float, float]) -> dict[float, float]:
    found: dict[float, float] = {}
    for value, chance in cases:
        found[value] = found.get(value, 0.0) + max(chance, 0.0)
    found[0.0] = found.get(0.0, 0.0) + max(1 - sum(found.values()), 0.0)
    return found
