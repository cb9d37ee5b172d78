"""Gates: what the goal requires, and whether the test data show it.

A gate *passes* when the whole interval meets the requirement, *fails* when the whole interval misses it, and is
*undecided* in between, or where too few rows or days stand behind the interval. Only what passes counts as passed: the
burden of proof lies with the model. Where several comparisons must all hold (every baseline, every group), each passes
at the same level: all must, so nothing is gained by trying many (Berger 1982, intersection-union). That one of them
fails is said at a level that holds for all of them at once (Bonferroni), so that many groups do not make a failure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from kreis.arrays import Codes
from kreis.errors import ProjectError
from kreis.evaluation.fairness.worst_off import worst_off
from kreis.evaluation.intervals import Estimate, estimate
from kreis.evaluation.power import could_show, detectable, ends_warning, more_blocks, said
from kreis.evaluation.slices import Groups
from kreis.evaluation.support import missing_rows
from kreis.requirements.goal import Goal, Guardrail
from kreis.tasks.metrics.across import AcrossGroups
from kreis.tasks.metrics.coming import Coming
from kreis.tasks.metrics.metric import Metric, Rows
from kreis.tasks.task import Sanity, metric_named
from kreis.texts import number

__all__ = [
    "CHAMPION_GATE",
    "GateResult",
    "Outcome",
    "concluded",
    "decide",
    "judge_against_champion",
    "judge_baselines",
    "judge_guardrail",
    "judge_sanity",
]

CHAMPION_GATE = "beats_champion"

Outcome = Literal["pass", "fail", "undecided"]


class GateResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a gate concluded."""

    name: str
    outcome: Outcome
    estimate: Estimate | None
    """What decided: of several groups or baselines, the hardest one's."""
    required: float
    explanation: str
    missing: str = ""
    """Where it is undecided: what would decide it."""
    detectable: float | None = None
    """How far from the bound the truth must lie for these rows to show it with a chance of 80%; None: too few rows."""
    detail: dict[str, Any] = {}

    @property
    def passed(self) -> bool:
        """Whether it passed; undecided is not passed."""
        return self.outcome == "pass"


def decide(
    found: Estimate,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    missing: str | None = None,
    blocks_are: str = "days",
    coming: Coming | None = None,
) -> tuple[Outcome, str]:
    """Whether an interval meets a bound, and what is missing where it cannot be said.

    Args:
        found: The estimate.
        at_least: The bound, or None if it is one from above.
        at_most: The bound, or None if it is one from below.
        missing: What the rows lack to judge by them at all, if anything.
        blocks_are: What the interval rests on.
        coming: How fast further rows come, if they do.
    """
    if missing:
        return "undecided", missing
    if found.warning:
        return "undecided", found.warning + ends_warning(found, blocks_are, coming)
    if not found.defined:
        return "undecided", "it is undefined on these rows"
    below = at_least is None  # a bound from above is one from below, mirrored
    bound = (at_most or 0.0) if at_least is None else at_least
    if (found.high <= bound) if below else (found.low >= bound):
        return "pass", ""
    if (found.low > bound) if below else (found.high < bound):
        return "fail", ""
    more = said(more_blocks(found, bound, above=found.value > bound), found.blocks, blocks_are, coming)
    if (found.value >= bound) if below else (found.value <= bound):
        return "undecided", f"the estimate itself misses the bound: {more} would show that, if it stays"
    return "undecided", f"{more}, if the estimate stays"


def judge_baselines(
    differences: Mapping[str, Estimate],
    goal: Goal,
    *,
    missing: str | None = None,
    blocks_are: str = "days",
    coming: Coming | None = None,
) -> GateResult:
    """Whether the model is shown to beat every baseline by what the goal asks.

    Args:
        differences: Per baseline, the model's business metric less the baseline's, on the same rows.
        goal: Says by how much.
        missing: What the rows lack to judge by them, if anything.
        blocks_are: What the intervals rest on.
        coming: How fast further rows come, if they do.

    Raises:
        ProjectError: there is no baseline.
    """
    if not differences:
        hint = "what is judged is not its own baseline: declare another candidate, one of the two with baseline=True"
        raise ProjectError("there is no baseline to beat", hint=hint)
    need = goal.better_than_baseline
    outcomes = {
        name: decide(each, at_least=need, missing=missing, blocks_are=blocks_are, coming=coming)
        for name, each in differences.items()
    }
    hardest = min(differences, key=lambda name: (_RANK[outcomes[name][0]], differences[name].low))
    found, (outcome, lacking) = differences[hardest], outcomes[hardest]
    shows = None if missing else detectable(found)
    return GateResult(
        name="better_than_baseline",
        outcome=outcome,
        estimate=found,
        required=need,
        explanation=f"against {hardest!r} it gains {found} {goal.metric.unit}; "
        + concluded(outcome, f"at least the {number(need)} that the goal asks for", found.level, lacking, shows),
        missing=lacking,
        detectable=shows,
        detail={"hardest": hardest, "baselines": sorted(differences)},
    )


def judge_against_champion(
    difference: Estimate,
    goal: Goal,
    *,
    champion: str,
    missing: str | None = None,
    why: str = "",
    blocks_are: str = "days",
    coming: Coming | None = None,
) -> GateResult:
    """Whether the model is shown to be better than the champion.

    Args:
        difference: The model's business metric less the champion's, at the level that this comparison may spend.
        goal: Has the unit.
        champion: Its name.
        missing: What the rows lack to judge by them, if anything.
        why: Where the level comes from.
        blocks_are: What the interval rests on.
        coming: How fast further rows come, if they do.
    """
    outcome, lacking = decide(difference, at_least=0.0, missing=missing, blocks_are=blocks_are, coming=coming)
    shows = None if missing else detectable(difference)
    return GateResult(
        name=CHAMPION_GATE,
        outcome=outcome,
        estimate=difference,
        required=0.0,
        explanation=f"against the champion {champion!r} it gains {difference} {goal.metric.unit}; "
        + concluded(outcome, "better", difference.level, lacking, shows)
        + (f" [{why}]" if why else ""),
        missing=lacking,
        detectable=shows,
    )


def judge_sanity(asked: Sanity, rows: Rows, blocks: Codes, *, least: int = 1, level: float = 0.95) -> GateResult:
    """Whether the scores can be read at all as the task takes them.

    Args:
        asked: What the task asks of every model.
        rows: The model's.
        blocks: The day of each row.
        least: Rows that must count towards the metric.
        level: Of the interval.
    """
    found = estimate(asked.metric, rows, blocks, level=level)
    missing = missing_rows(asked.metric, rows, least, found.blocks)
    ahead: dict[str, Any] = {"blocks_are": rows.blocks_are, "coming": rows.coming}
    outcome, lacking = decide(found, at_most=asked.at_most, missing=missing, **ahead)
    shows = None if missing else detectable(found, above=False)
    told = concluded(outcome, f"at most {number(asked.at_most)}", level, lacking, shows)
    return GateResult(
        name=asked.name,
        outcome=outcome,
        estimate=found,
        required=asked.at_most,
        explanation=f"{asked.says.format(found=found)}; {told}",
        missing=lacking,
        detectable=shows,
    )


def judge_guardrail(
    guardrail: Guardrail, rows: Rows, blocks: Codes, goal: Goal, *, groups: Mapping[str, Groups], level: float = 0.95
) -> GateResult:
    """Whether a guardrail is shown to hold, overall or in each group.

    Raises:
        ProjectError: the metric or the column is unknown, or a metric across groups has no column.
    """
    where = f"Guardrail({guardrail.metric!r})"
    metric = metric_named(guardrail.metric, goal.task, where=where)
    least = goal.least if guardrail.least is None else guardrail.least
    if guardrail.by is None:
        return _overall(guardrail, metric, rows, blocks, least, level)
    if guardrail.by not in groups:
        raise ProjectError.unknown_name("group column", guardrail.by, groups, where=where)
    column = groups[guardrail.by]
    if not isinstance(metric, AcrossGroups):
        return _in_each_group(guardrail, metric, rows, blocks, column, least, level)
    seen = goal.task.favoured(rows, goal.favourable)
    return _across_groups(guardrail, metric, seen, blocks, column, least, level, goal.favourable or "positive")


_RANK: dict[Outcome, int] = {"fail": 0, "undecided": 1, "pass": 2}


def concluded(outcome: Outcome, what: str, level: float, lacking: str, shows: float | None = None) -> str:
    """What a gate concluded, in words.

    Args:
        outcome: The conclusion.
        what: What is asked: "at least 0.8".
        level: Of the interval.
        lacking: What would decide it, where it is undecided.
        shows: The distance from the bound that such rows show (`detectable`).
    """
    at = f"at {100 * level:.4g}%" if level < 0.99995 else "at more than 99.99%"
    if outcome == "pass":
        return f"shown to be {what} {at}"
    if outcome == "fail":
        return f"shown not to be {what} {at}"
    return f"undecided: not shown to be {what} {at} ({lacking}){could_show(shows)}"


def _name(guardrail: Guardrail) -> str:
    return guardrail.metric + (f" by {guardrail.by}" if guardrail.by else "")


def _what(guardrail: Guardrail) -> str:
    return f"{'at least' if guardrail.at_least is not None else 'at most'} {number(guardrail.bound)}"


def _decided(guardrail: Guardrail, found: Estimate, rows: Rows, missing: str | None = None) -> tuple[Outcome, str]:
    bounds = {"at_least": guardrail.at_least, "at_most": guardrail.at_most}
    return decide(found, **bounds, missing=missing, blocks_are=rows.blocks_are, coming=rows.coming)


def _shows(guardrail: Guardrail, found: Estimate, missing: str | None) -> float | None:
    return None if missing else detectable(found, above=guardrail.at_least is not None)


def _overall(guardrail: Guardrail, metric: Metric, rows: Rows, blocks: Codes, least: int, level: float) -> GateResult:
    found = estimate(metric, rows, blocks, level=level)
    missing = missing_rows(metric, rows, least, found.blocks)
    outcome, lacking = _decided(guardrail, found, rows, missing)
    shows = _shows(guardrail, found, missing)
    return GateResult(
        name=_name(guardrail),
        outcome=outcome,
        estimate=found,
        required=guardrail.bound,
        explanation=f"{_name(guardrail)} is {found}; {concluded(outcome, _what(guardrail), level, lacking, shows)}",
        missing=lacking,
        detectable=shows,
    )


def _in_each_group(
    guardrail: Guardrail, metric: Metric, rows: Rows, blocks: Codes, column: Groups, least: int, level: float
) -> GateResult:
    found: dict[str, Estimate] = {}
    outcomes: dict[str, tuple[Outcome, str]] = {}
    shows: dict[str, float | None] = {}
    for code, label in enumerate(column.labels):
        mask = column.codes == code
        part, days = rows.where(mask), blocks[mask]
        found[label] = estimate(metric, part, days, level=level)
        missing = missing_rows(metric, part, least, int(blocks.max()) + 1)
        outcomes[label] = _decided(guardrail, found[label], rows, missing)
        shows[label] = _shows(guardrail, found[label], missing)
        if outcomes[label][0] == "fail":
            wider = estimate(metric, part, days, level=1 - (1 - level) / len(column.labels))
            if _decided(guardrail, wider, rows)[0] != "fail":
                outcomes[label] = "undecided", f"one of {len(column.labels)} groups may miss it by chance"

    def distance(label: str) -> float:
        each = found[label]
        return each.low - guardrail.bound if guardrail.at_least is not None else guardrail.bound - each.high

    hardest = min(found, key=lambda label: (_RANK[outcomes[label][0]], distance(label)))
    outcome, lacking = outcomes[hardest]
    undecided = [label for label, each in outcomes.items() if each[0] == "undecided" and label != hardest]
    return GateResult(
        name=_name(guardrail),
        outcome=outcome,
        estimate=found[hardest],
        required=guardrail.bound,
        explanation=f"{metric.name} is hardest for {guardrail.by} {hardest!r}: {found[hardest]}; "
        + concluded(outcome, _what(guardrail), level, lacking, shows[hardest])
        + (f"; undecided too: {', '.join(undecided)}" if undecided else ""),
        missing=lacking,
        detectable=shows[hardest],
        detail={
            "hardest": hardest,
            "groups": {label: each.to_document() for label, each in found.items()},
            "outcomes": {label: each[0] for label, each in outcomes.items()},
            "missing": {label: each[1] for label, each in outcomes.items() if each[1]},
            "detectable": shows,
        },
    )


def _across_groups(
    guardrail: Guardrail,
    metric: AcrossGroups,
    seen: Rows,
    blocks: Codes,
    column: Groups,
    least: int,
    level: float,
    favourable: str,
) -> GateResult:
    found = worst_off(metric.rate, seen, blocks, column, level=level)
    side = f"of {favourable} decisions, which are the favourable ones"
    if found is None:
        return GateResult(
            name=_name(guardrail),
            outcome="undecided",
            estimate=None,
            required=guardrail.bound,
            explanation=f"{metric.name} {side}: undecided, there are no two groups of {guardrail.by!r} to compare",
            missing="a second group with rows that count, or one that gets it at all",
            detail={"favourable": favourable},
        )
    few = _few_in_groups(metric, seen, column, least)
    missing = f"fewer than {least} rows count towards {metric.rate.name} in {few}" if few else None
    outcome, lacking = _decided(guardrail, found.estimate, seen, missing)
    shows = _shows(guardrail, found.estimate, missing)
    return GateResult(
        name=_name(guardrail),
        outcome=outcome,
        estimate=found.estimate,
        required=guardrail.bound,
        explanation=f"{metric.name} by {guardrail.by} is {found.estimate} {side}; lowest for {found.group!r}, "
        f"{number(found.groups[found.group].value)} of the rest; "
        + concluded(outcome, _what(guardrail), level, lacking, shows),
        missing=lacking,
        detectable=shows,
        detail={
            "favourable": favourable,
            "hardest": found.group,
            "groups": {label: each.to_document() for label, each in found.groups.items()},
        },
    )


def _few_in_groups(metric: AcrossGroups, rows: Rows, column: Groups, least: int) -> str:
    """The groups with too few rows that count, with their numbers, in words; and by when they will have enough."""
    counts = metric.rate.terms(rows)[1] > 0
    found = {label: int((counts & (column.codes == code)).sum()) for code, label in enumerate(column.labels)}
    few = {label: count for label, count in found.items() if count < least}
    named = ", ".join(f"{label!r} ({count})" for label, count in few.items())
    more = max(((least - count) / max(count, 1) for count in few.values()), default=0.0)
    return named + (f"; there are enough{rows.coming.when(more)}" if few and rows.coming and min(few.values()) else "")
