"""Gates: what the goal requires, and whether the test data show it.

The burden of proof lies with the model. A gate passes when the whole interval meets the requirement, not
when the estimate happens to. Where several comparisons must all hold (every baseline, every group), each is
made at the same level: all must pass, so nothing is gained by trying many (Berger 1982, intersection-union).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from kreis.errors import ProjectError
from kreis.evaluation.intervals import Estimate, estimate, readable
from kreis.evaluation.metrics.calibration_error import CalibrationError
from kreis.evaluation.metrics.metric import Codes, Metric, Rows
from kreis.evaluation.metrics.registry import is_across_groups, metric_named
from kreis.evaluation.slices import MINIMUM_SUPPORT, Groups, slices
from kreis.requirements.goal import Goal, Guardrail

__all__ = [
    "GateResult",
    "judge_against_champion",
    "judge_baselines",
    "judge_calibration",
    "judge_guardrail",
]

CALIBRATION_AT_MOST = 0.15
"""A sanity bound: scores further from the frequencies than this are no probabilities."""


class GateResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a gate concluded."""

    name: str
    passed: bool
    estimate: Estimate | None
    """What decided: of several groups or baselines, the hardest one's."""
    required: float
    explanation: str
    detail: dict[str, Any] = {}


def judge_baselines(differences: Mapping[str, Estimate], goal: Goal) -> GateResult:
    """Whether the model is shown to beat every baseline by what the goal asks.

    Args:
        differences: Per baseline, the model's business metric less the baseline's, on the same rows.
        goal: Says by how much.

    Raises:
        ProjectError: there is no baseline.
    """
    if not differences:
        raise ProjectError("there is no baseline to beat", hint="declare one: project.candidate(..., baseline=True)")
    hardest = min(differences, key=lambda name: differences[name].low)
    found, need = differences[hardest], goal.better_than_baseline
    passed = found.low >= need
    return GateResult(
        name="better_than_baseline",
        passed=passed,
        estimate=found,
        required=need,
        explanation=(
            f"against {hardest!r} it gains {found} {goal.metric.unit}; "
            + ("at least" if passed else "not shown to be at least")
            + f" the {readable(need)} that the goal asks for"
        ),
        detail={"hardest": hardest, "baselines": sorted(differences)},
    )


def judge_against_champion(difference: Estimate, goal: Goal, *, champion: str, margin: float = 0.0) -> GateResult:
    """Whether the model is shown to beat the champion or, with a margin, to be no worse than that."""
    passed = difference.low > -margin
    what = "better" if margin == 0 else f"no more than {readable(margin)} worse"
    return GateResult(
        name="beats_champion",
        passed=passed,
        estimate=difference,
        required=-margin,
        explanation=(
            f"against the champion {champion!r} it gains {difference} {goal.metric.unit}; "
            f"{'' if passed else 'not '}shown to be {what}"
        ),
    )


def judge_calibration(
    rows: Rows, blocks: Codes, *, at_most: float = CALIBRATION_AT_MOST, level: float = 0.95
) -> GateResult:
    """Whether the scores can be read as probabilities at all, as thresholds and values take them."""
    found = estimate(CalibrationError(), rows, blocks, level=level)
    return GateResult(
        name="calibration",
        passed=found.high <= at_most,
        estimate=found,
        required=at_most,
        explanation=f"scores differ from frequencies by {found} on average; {_verdict(found, None, at_most)}",
    )


def judge_guardrail(
    guardrail: Guardrail,
    rows: Rows,
    blocks: Codes,
    goal: Goal,
    *,
    groups: Mapping[str, Groups],
    minimum: int = MINIMUM_SUPPORT,
    level: float = 0.95,
) -> GateResult:
    """Whether a guardrail is shown to hold, overall or in each group that is large enough.

    Raises:
        ProjectError: the metric or the column is unknown, or a metric across groups has no column.
    """
    where = f"Guardrail({guardrail.metric!r})"
    metric = metric_named(guardrail.metric, goal.metric, where=where)
    if guardrail.by is None:
        if is_across_groups(guardrail.metric):
            raise ProjectError("it compares groups, so it needs a column", where=where, hint='add by="…"')
        return _overall(guardrail, metric, rows, blocks, level)
    if guardrail.by not in groups:
        raise ProjectError.unknown_name("group column", guardrail.by, groups, where=where)
    column = groups[guardrail.by]
    if is_across_groups(guardrail.metric):
        return _overall(guardrail, metric, rows.grouped(_large_enough(column, minimum)), blocks, level)
    return _in_each_group(guardrail, metric, rows, blocks, column, minimum, level)


def _name(guardrail: Guardrail) -> str:
    return guardrail.metric + (f" by {guardrail.by}" if guardrail.by else "")


def _limit(guardrail: Guardrail) -> float:
    limit = guardrail.at_least if guardrail.at_least is not None else guardrail.at_most
    return limit if limit is not None else float("nan")


def _holds(found: Estimate, at_least: float | None, at_most: float | None) -> bool:
    return found.defined and (at_least is None or found.low >= at_least) and (at_most is None or found.high <= at_most)


def _verdict(found: Estimate, at_least: float | None, at_most: float | None) -> str:
    lower = f"at least {readable(at_least)}" if at_least is not None else ""
    bound = lower or f"at most {readable(at_most if at_most is not None else math.nan)}"
    if not found.defined:
        return f"undefined here, so not shown to be {bound}"
    if _holds(found, at_least, at_most):
        return f"shown to be {bound}"
    meets = (at_least is None or found.value >= at_least) and (at_most is None or found.value <= at_most)
    return f"not shown to be {bound}" + (": the estimate is, its interval is not" if meets else "")


def _large_enough(column: Groups, minimum: int) -> Codes:
    """The column's codes, -1 in groups of fewer rows than the minimum."""
    codes = column.codes.copy()
    for code in range(len(column.labels)):
        mask = column.codes == code
        if mask.sum() < minimum:
            codes[mask] = -1
    return codes


def _overall(guardrail: Guardrail, metric: Metric, rows: Rows, blocks: Codes, level: float) -> GateResult:
    found = estimate(metric, rows, blocks, level=level)
    return GateResult(
        name=_name(guardrail),
        passed=_holds(found, guardrail.at_least, guardrail.at_most),
        estimate=found,
        required=_limit(guardrail),
        explanation=f"{_name(guardrail)} is {found}; {_verdict(found, guardrail.at_least, guardrail.at_most)}",
    )


def _in_each_group(
    guardrail: Guardrail, metric: Metric, rows: Rows, blocks: Codes, column: Groups, minimum: int, level: float
) -> GateResult:
    name, by = _name(guardrail), guardrail.by or ""
    parts = slices([metric], rows, blocks, column=by, groups=column, minimum=minimum, level=level)
    judged = {each.group: each.metrics[metric.name] for each in parts if metric.name in each.metrics}
    unjudged = [each.group for each in parts if each.group not in judged]
    detail: dict[str, Any] = {
        "groups": {group: found.to_document() for group, found in judged.items()},
        "too_few_to_judge": unjudged,
    }
    if not judged:
        return GateResult(
            name=name,
            passed=False,
            estimate=None,
            required=_limit(guardrail),
            explanation=f"no group of {by!r} has {minimum} rows that count towards {metric.name}",
            detail=detail,
        )

    def slack(group: str) -> float:
        found = judged[group]
        return found.low - guardrail.at_least if guardrail.at_least is not None else _limit(guardrail) - found.high

    hardest = min(judged, key=slack)
    found = judged[hardest]
    left_out = f"; too few rows to judge: {', '.join(unjudged)}" if unjudged else ""
    return GateResult(
        name=name,
        passed=all(_holds(each, guardrail.at_least, guardrail.at_most) for each in judged.values()),
        estimate=found,
        required=_limit(guardrail),
        explanation=(
            f"{metric.name} is hardest for {by} {hardest!r}: {found}; "
            f"{_verdict(found, guardrail.at_least, guardrail.at_most)}{left_out}"
        ),
        detail={**detail, "hardest": hardest},
    )
