"""The business metric: what one decision was worth once its outcome is known."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt

from kreis.arrays import Floats
from kreis.errors import ProjectError

if TYPE_CHECKING:
    from kreis.tasks.task import Task

__all__ = ["DecisionValue"]


class DecisionValue(msgspec.Struct, frozen=True):
    """Money per decision of a yes/no question, from the four cases; averaged over `per` decisions.

    The same object is used in evaluation, canary, A/B test and monitoring.

    Example:

    >>> metric = DecisionValue("EUR per 1,000 orders", true_positive=6.0, false_positive=-1.5)
    >>> metric.values([1.0, 0.0], [True, True])
    array([ 6. , -1.5])
    """

    unit: str
    """As shown: "EUR per 1,000 flights"."""
    true_positive: float
    false_positive: float
    true_negative: float = 0.0
    false_negative: float = 0.0
    per: int = 1000

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ProjectError: a value is not finite, or `per` is below 1.
        """
        where = f"DecisionValue({self.unit!r})"
        cases = (self.true_positive, self.false_positive, self.true_negative, self.false_negative)
        if not all(math.isfinite(case) for case in cases):
            raise ProjectError("a value of a decision is not finite", where=where, hint="say what it is worth in money")
        if self.per < 1:
            raise ProjectError(f"per is {self.per}", where=where, hint="per=1000 for money per 1,000 decisions")

    def values(self, outcomes: npt.ArrayLike, decisions: npt.ArrayLike) -> Floats:
        """The value of each decision, shape (n,), in units of money (not yet times `per`); NaN where the outcome is."""
        known = np.asarray(outcomes, dtype=np.float64)
        happened = known > 0.5
        decided = np.asarray(decisions) > 0.5
        worth = np.where(
            decided,
            np.where(happened, self.true_positive, self.false_positive),
            np.where(happened, self.false_negative, self.true_negative),
        ).astype(np.float64)
        worth[np.isnan(known)] = np.nan
        return worth

    @property
    def task(self) -> Task:
        """The first of those that it fits."""
        return self.tasks[0]

    @property
    def tasks(self) -> tuple[Task, ...]:
        """Yes or no; or an alarm, where few outcomes are known."""
        from kreis.tasks.anomaly.task import Anomaly
        from kreis.tasks.binary.task import Binary

        return Binary(self), Anomaly(self)

    def check(self) -> None:
        """See that deciding rightly is worth more than deciding wrongly, in both cases taken together.

        Raises:
            ProjectError: it is not.
        """
        if self.true_positive - self.false_negative + self.true_negative - self.false_positive > 0:
            return
        raise ProjectError(
            "by its metric, right decisions are worth no more than wrong ones",
            where="Goal",
            hint="a cost is negative: true_positive=120, false_positive=-35",
        )

    def most_apart(self, first: npt.ArrayLike, second: npt.ArrayLike) -> float:
        """`most_at_stake`, whichever decisions they are."""
        return self.most_at_stake

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the most that one decision can be worth."""
        cases = (self.true_positive, self.false_positive, self.true_negative, self.false_negative)
        return min(cases), max(cases)

    @property
    def most_at_stake(self) -> float:
        """The most that two decisions on the same case can differ by."""
        return max(abs(self.true_positive - self.false_negative), abs(self.false_positive - self.true_negative))

    @property
    def break_even(self) -> float:
        """The probability from which a positive decision pays, for calibrated scores (Elkan 2001, eq. 2)."""
        loss = self.true_negative - self.false_positive
        gain = self.true_positive - self.false_negative
        return loss / (loss + gain)

    def to_document(self) -> dict[str, Any]:
        """As a plain JSON document."""
        return {"kind": "decision_value", **msgspec.to_builtins(self)}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> DecisionValue:
        """The inverse of `to_document`."""
        return msgspec.convert({key: value for key, value in document.items() if key != "kind"}, type=cls)
