"""A gate over what examinations found, beside those that follow from the goal."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from kreis.errors import ProjectError, nearest
from kreis.evaluation.distributions import student_t_quantile
from kreis.evaluation.examinations.examination import Examined
from kreis.evaluation.gates import GateResult, Outcome, concluded, decide
from kreis.evaluation.intervals import Estimate
from kreis.evaluation.power import detectable
from kreis.tasks.metrics.coming import Coming
from kreis.texts import number

__all__ = ["Gate", "judge_gate"]


class Gate(msgspec.Struct, frozen=True):
    """A measure of an examination that must stay within bounds, whatever it is measured of; or of one column (`by`).

    Example:

    >>> Gate("expected_calibration_error", at_most=0.05).bound
    0.05
    """

    measure: str
    at_least: float | None = msgspec.field(default=None)
    at_most: float | None = None
    by: str | None = None

    def __post_init__(self) -> None:
        where = f"Gate({self.measure!r})"
        if (self.at_least is None) == (self.at_most is None):
            hint = f'write Gate("{self.measure}", at_most=0.05)'
            raise ProjectError("a gate needs either at_least or at_most", where=where, hint=hint)
        if not math.isfinite(self.bound):
            raise ProjectError("a gate's bound is not finite", where=where)

    @property
    def bound(self) -> float:
        """The bound, whichever side it is on."""
        return self.at_least if self.at_least is not None else self.at_most or 0.0

    @property
    def name(self) -> str:
        """As its result is called."""
        return self.measure + (f" by {self.by}" if self.by else "")


def _all_at_once(found: Estimate, count: int) -> Estimate:
    """With the interval as wide as it must be to hold for so many findings at once."""
    if count == 1 or found.blocks < 2:
        return found
    tails, freedom = (1 - found.level) / 2, found.blocks - 1
    wider = student_t_quantile(1 - tails / count, freedom) / student_t_quantile(1 - tails, freedom)
    low, high = (found.value + wider * (end - found.value) for end in (found.low, found.high))
    return msgspec.structs.replace(found, low=low, high=high)


_RANK: dict[Outcome, int] = {"fail": 0, "undecided": 1, "pass": 2}


def _nothing_found(gate: Gate, lacks: str) -> GateResult:
    why = f"nothing was found of it{f': {lacks}' if lacks else ''}"
    return GateResult(
        name=gate.name,
        outcome="undecided",
        estimate=None,
        required=gate.bound,
        explanation=f"{gate.name}: undecided, {why}",
        missing=why,
    )


def judge_gate(
    gate: Gate,
    examined: Sequence[Examined],
    *,
    asks: str = "",
    blocks_are: str = "days",
    level: float = 0.95,
    coming: Coming | None = None,
) -> GateResult:
    """Whether a gate is shown to hold: for each finding of its measure; the hardest one decides. It fails only where
    one fails by an interval that holds for all of them at once (Bonferroni): one of thirty groups is outside of its own
    by chance more often than not.

    Args:
        gate: What is asked.
        examined: What was found.
        asks: The name of the examination that measures it.
        blocks_are: What the intervals rest on.
        level: Of the intervals.
        coming: How fast further rows come, if they do.
    """
    found = [
        (each, each.estimate)
        for part in examined
        for each in part.findings
        if each.measure == gate.measure and gate.by in (None, each.column) and each.estimate is not None
    ]
    if not found:
        lacks = next((each.lacks for each in examined if each.examination == asks), "")
        others = {each.column for part in examined for each in part.findings if each.measure == gate.measure}
        by = f"by {gate.by!r}; {nearest(gate.by, others)}" if gate.by and others else ""
        return _nothing_found(gate, lacks or by)
    above = gate.at_least is not None

    def decided(estimate: Estimate) -> tuple[Outcome, str]:
        return decide(estimate, at_least=gate.at_least, at_most=gate.at_most, blocks_are=blocks_are, coming=coming)

    def hardness(place: int) -> tuple[int, float]:
        estimate = found[place][1]
        return _RANK[outcomes[place][0]], estimate.low - gate.bound if above else gate.bound - estimate.high

    outcomes = [decided(estimate) for _, estimate in found]
    outcomes = [
        decided(_all_at_once(estimate, len(found))) if own[0] == "fail" else own
        for (_, estimate), own in zip(found, outcomes, strict=True)
    ]
    hardest = min(range(len(found)), key=hardness)
    (finding, estimate), (outcome, lacking) = found[hardest], outcomes[hardest]
    of = f" for {finding.column} {finding.group!r}" if finding.group else ""
    what, shows = f"{'at least' if above else 'at most'} {number(gate.bound)}", detectable(estimate, above=above)
    return GateResult(
        name=gate.name,
        outcome=outcome,
        estimate=estimate,
        required=gate.bound,
        explanation=f"{gate.name} is {estimate}{of}; {concluded(outcome, what, level, lacking, shows)}",
        missing=lacking,
        detectable=shows,
        detail={"said": finding.said, "findings": len(found)},
    )
