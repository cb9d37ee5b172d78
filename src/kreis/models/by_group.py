"""Thresholds of groups as data: what moves a probability so that one cut decides each group by its own threshold."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec
import numpy as np

from kreis.arrays import Booleans, Floats
from kreis.models.scoring import Matrix, Scores

__all__ = ["TINY", "ByGroup"]

TINY = 1e-6
"""No probability that is moved is nearer to 0 or 1."""


class ByGroup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The thresholds that were found, as data in the package."""

    by: str
    """The feature that says the group."""
    at: dict[str, float]
    """By the group's text: yes where the model's own probability is at least this."""
    otherwise: float
    """Where the group is missing, was not seen, or had fewer than 30 validation rows."""
    cut: float
    """What the moved score is compared with."""
    numbers: dict[str, float]
    """By the group's text the number that the feature has in a row."""

    @property
    def sound(self) -> bool:
        """Whether all thresholds are shares, and each group has a number."""
        cuts = (*self.at.values(), self.otherwise, self.cut)
        return all(0 < each < 1 for each in cuts) and self.at.keys() == self.numbers.keys()

    @property
    def shifts(self) -> Mapping[float, float]:
        """What the log-odds are moved by, by the group's number."""
        return {self.numbers[name]: logit(self.cut) - logit(at) for name, at in self.at.items()}

    @property
    def shift_otherwise(self) -> float:
        """What the log-odds are moved by where the group is none of them."""
        return logit(self.cut) - logit(self.otherwise)

    def moved(self, scores: Scores | Floats, column: Matrix) -> Floats:
        """The moved probabilities, shape (n,).

        Args:
            scores: The model's own, shape (n,).
            column: The groups' numbers, shape (n,).
        """
        moves = np.full(len(column), self.shift_otherwise)
        for number, shift in self.shifts.items():
            mask: Booleans = column == np.float32(number)
            moves[mask] = shift
        kept = np.clip(scores.astype(np.float64), TINY, 1 - TINY)
        found: Floats = 1 / (1 + np.exp(-(np.log(kept / (1 - kept)) + moves)))
        return found

    def said(self, number: float | None) -> str:
        """By which threshold a row is decided, in words.

        Args:
            number: The group's, as the row has it.
        """
        group, at = f"another {self.by}", self.otherwise
        for name, known in self.numbers.items():
            if number is not None and np.float32(number) == np.float32(known):
                group, at = f"{self.by} {name!r}", self.at[name]
        return f"for {group} the decision is yes where the score before the move is at least {at:.3g}"


def logit(share: float) -> float:
    """Log-odds."""
    return math.log(share / (1 - share))
