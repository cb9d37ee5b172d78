"""Answers to a yes/no question, as its metrics take them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from kreis.arrays import Booleans
from kreis.tasks.metrics.counts import FEW, share_interval
from kreis.tasks.metrics.metric import RatioMetric, Rows

__all__ = ["DecidedShare", "Share", "YesNoRows", "rarer_outcome"]


@dataclass(frozen=True, eq=False)
class YesNoRows(Rows):
    """Outcomes and decisions are booleans, scores probabilities in [0, 1]."""

    evidence_is: ClassVar[str] = "with the rarer outcome"

    @property
    def evidence(self) -> Booleans:
        """The rows with the outcome that occurs less often: 1,000 rows with two positives say as little about an AUC
        or a value as two rows.
        """
        return rarer_outcome(self.outcomes)

    def seen_from_the_other_side(self) -> YesNoRows:
        """The same rows with "no" as the positive side of outcomes, scores and decisions."""
        return replace(self, outcomes=~self.outcomes, scores=1 - self.scores, decisions=~self.decisions)


def rarer_outcome(outcomes: Booleans) -> Booleans:
    """The rows with the outcome that occurs less often, as a mask of shape (n,)."""
    return outcomes if 2 * int(outcomes.sum()) <= len(outcomes) else ~outcomes


class Share(RatioMetric):
    """A share of some rows: hits over those that it is a share of."""

    @property
    def bounds(self) -> tuple[float, float]:
        """A share."""
        return 0.0, 1.0

    def count_bounds(self, rows: Rows, level: float) -> tuple[float, float] | None:
        """The interval of the count, where fewer than 50 are hits, or are none."""
        hits, of = (float(each.sum()) / rows.repeats for each in self.terms(rows))
        return None if min(hits, of - hits) >= FEW else share_interval(hits, of, level=level)


class DecidedShare(Share):
    """A share that rests on the rows that it is a share of."""

    def counting(self, rows: Rows) -> Booleans:
        """The rows that it is a share of."""
        counted: Booleans = self.terms(rows)[1] > 0
        return counted
