"""What rows could have shown, and how many more would: "no difference" is something else than "too few rows".

The smallest difference that is shown with a chance of 80% is the distance of the interval's end from the estimate,
which is Student's quantile times the standard error, and as many standard errors more as it takes to stay clear of the
bound in four of five samples (the minimum detectable effect: Bloom 1995, "Minimum detectable effects", Evaluation
Review 19, 547-556).
"""

from __future__ import annotations

import math
from statistics import NormalDist

from kreis.evaluation.blocks import enough_after
from kreis.evaluation.distributions import student_t_quantile
from kreis.evaluation.intervals import Estimate
from kreis.tasks.metrics.coming import Coming
from kreis.texts import number

__all__ = ["POWER", "could_show", "detectable", "ends_warning", "more_blocks", "said"]

POWER = 0.8
"""The chance with which a difference is to be shown (Cohen 1988, section 2.4)."""


def detectable(found: Estimate, *, above: bool = True) -> float | None:
    """How far from a bound the truth must lie for rows like these to show it with a chance of `POWER`.

    None where they cannot show anything: too few blocks, or an end that nothing bounds.

    Args:
        found: The estimate, in its unit.
        above: Whether it is to be shown to lie above the bound, so that its lower end counts.
    """
    half = found.value - found.low if above else found.high - found.value
    if found.warning or found.blocks < 2 or not math.isfinite(half) or half <= 0:
        return None
    quantile = student_t_quantile(0.5 + found.level / 2, found.blocks - 1)
    return half * (1 + NormalDist().inv_cdf(POWER) / quantile)


def could_show(distance: float | None) -> str:
    """The same in words, for what is undecided; empty where nothing is known."""
    if distance is None:
        return ""
    return f"; rows like these show a distance of {number(distance)} from the bound with a chance of {100 * POWER:.0f}%"


def more_blocks(found: Estimate, bound: float, *, above: bool) -> float:
    """How many more blocks would decide, as a multiple of the present ones, if the estimate stays as it is.

    Infinite where it lies on the bound.

    Args:
        found: The estimate, whose interval holds the bound.
        bound: The bound.
        above: Whether the estimate lies above it, so that its lower end has to come nearer; else its upper one.
    """
    half = found.value - found.low if above else found.high - found.value
    apart = abs(found.value - bound)
    return (half / apart) ** 2 - 1 if apart > 0 else math.inf


def ends_warning(found: Estimate, blocks_are: str, coming: Coming | None) -> str:
    """What would have to come for an interval that warns to decide, in words that follow the warning."""
    more = enough_after(found.blocks, found.effective or found.blocks) if found.warning and found.blocks else 0.0
    return f"; {said(more, found.blocks, blocks_are, coming)}" if more else ""


def said(more: float, blocks: int, blocks_are: str, coming: Coming | None) -> str:
    """So many more blocks, in words: "about 12 more days like these (by 2026-03-14, …)"."""
    if math.isinf(more):
        return f"more {blocks_are} than can be said"
    count = max(round(more * blocks), 1)
    return f"about {count:,} more {blocks_are} like these" + (coming.when(count / blocks) if coming else "")
