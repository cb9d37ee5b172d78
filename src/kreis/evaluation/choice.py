"""Which candidate goes on to the test rows: the one worth most, or a simpler one that is as good.

The one-standard-error rule (Breiman, Friedman, Olshen and Stone 1984, "Classification and regression trees", section
3.4.3): of those whose value lies within one standard error of the best, the simplest. Here the error is that of the
*paired* difference on the same validation rows, with the block (a day) as the independent unit. The order of
simplicity: what someone wrote down or what answers the same for all (0), linear models (1), trees (2), networks (3).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from kreis.texts import number

__all__ = ["FEWEST", "Choice", "Contender", "choose", "paired_error"]

FEWEST = 5
"""Of fewer blocks the error itself is too uncertain to prefer anything by."""


class Contender(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate as it did on the validation rows."""

    name: str
    value: float
    """Of its decisions, in the metric's unit."""
    blocks: Sequence[tuple[float, int]]
    """Per block of rows the sum of the decisions' values, in the metric's unit, and the rows."""
    complexity: int
    baseline: bool


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """The candidate that goes on, and why."""

    candidate: str
    best: str
    """The one worth most of those that may go on; baselines may not, where there is anything else."""
    said: str = ""
    """Why it is not the best, and which baselines are as good; empty where it is and none are."""


def choose(contenders: Mapping[str, Contender], unit: str) -> Choice:
    """Choose by the one-standard-error rule.

    A baseline does not go on where there is anything else: it is what the others are judged by, and serves where none
    of them passes. Where one is as good as the choice, that is said.

    Args:
        contenders: At least one, by name, in the order in which they were declared.
        unit: Of their values.
    """
    may = [each for each in contenders.values() if not each.baseline] or list(contenders.values())
    best = max(may, key=lambda each: each.value)
    alike = [each for each in may if each.complexity < best.complexity and _as_good(each, best)]
    chosen = min([*alike, best], key=lambda each: (each.complexity, -each.value))
    said = []
    if chosen is not best:
        said.append(
            f"{chosen.name} is preferred to {best.name} by the one-standard-error rule: it is simpler, and"
            f" {_apart(best, chosen, unit)}"
        )
    said += [
        f"the baseline {each.name} is as good as {chosen.name} by the one-standard-error rule"
        f" ({_apart(chosen, each, unit)}): only gates that pass let {chosen.name} take its place"
        for each in contenders.values()
        if each.baseline and not chosen.baseline and _as_good(each, chosen)
    ]
    return Choice(candidate=chosen.name, best=best.name, said="; ".join(said))


def paired_error(one: Sequence[tuple[float, int]], other: Sequence[tuple[float, int]]) -> float:
    """The standard error of the difference of two candidates' means on the same rows, from their sums by block.

    That of a ratio of sums (Cochran 1977, section 6.4), as blocks have different numbers of rows. NaN where there are
    too few blocks, or they are not the same.
    """
    first, second = np.array(one, dtype=np.float64), np.array(other, dtype=np.float64)
    if first.shape != second.shape or len(first) < FEWEST or not np.array_equal(first[:, 1], second[:, 1]):
        return math.nan
    sums, rows = first[:, 0] - second[:, 0], first[:, 1]
    residuals = sums - sums.sum() / rows.sum() * rows
    count = len(sums)
    return float(np.sqrt(count / (count - 1) * (residuals**2).sum()) / rows.sum())


def _as_good(simpler: Contender, better: Contender) -> bool:
    """Whether the one's value lies within one standard error of the other's, or above it."""
    lead = better.value - simpler.value
    return lead <= 0 or lead <= paired_error(better.blocks, simpler.blocks)


def _apart(better: Contender, simpler: Contender, unit: str) -> str:
    lead, error = better.value - simpler.value, paired_error(better.blocks, simpler.blocks)
    if lead <= 0:
        return f"{better.name} does not lead"
    return f"{better.name} leads by {number(lead)} {unit}, within one standard error ({number(error)})"
