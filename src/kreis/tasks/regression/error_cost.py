"""The business metric of a number: what an error costs, more to one side than to the other."""

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

__all__ = ["ErrorCost"]


class ErrorCost(msgspec.Struct, frozen=True):
    """What each unit of error costs, averaged over `per` decisions; values are negative, and 0 is the best there is.

    The best decision is the quantile `level` of what may happen: of bicycles that cost 1 where one too many stands
    about and 3 where one is missing, the number that is enough in three of four cases (the newsvendor; Arrow, Harris
    and Marschak 1951).

    >>> cost = ErrorCost("EUR per hour", over=1.0, under=3.0, per=1)
    >>> cost.values([100.0, 100.0], [110.0, 90.0]).tolist()
    [-10.0, -30.0]
    >>> cost.level
    0.75
    """

    unit: str
    """As shown: "EUR per 1,000 hours"."""
    over: float
    """What each unit costs by which the decision is above the outcome."""
    under: float
    """What each unit costs by which it is below."""
    per: int = 1000
    quantiles: tuple[float, ...] = ()
    """What answers say beside the decision: (0.1, 0.5, 0.9) gives a range that holds in four of five cases."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ProjectError: a cost is not above 0, `per` is below 1, or a quantile is not between 0 and 1.
        """
        where = f"ErrorCost({self.unit!r})"
        for name in ("over", "under"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                hint = "a cost is a positive number: over=1.0, under=3.0"
                raise ProjectError(f"{name} is {getattr(self, name)}", where=where, hint=hint)
        if self.per < 1:
            raise ProjectError(f"per is {self.per}", where=where, hint="per=1000 for money per 1,000 decisions")
        for each in self.quantiles:
            if not 0 < each < 1:
                raise ProjectError(f"the quantile {each} is not between 0 and 1", where=where, hint="(0.1, 0.5, 0.9)")
        msgspec.structs.force_setattr(self, "quantiles", tuple(sorted(set(self.quantiles))))

    @property
    def task(self) -> Task:
        """A number."""
        from kreis.tasks.regression.task import Regression

        return Regression(self)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """A number, or a forecast."""
        from kreis.tasks.forecasting.task import Forecasting

        return self.task, Forecasting(self)

    def check(self) -> None:
        """See that it rewards what a goal asks for: it always does."""

    @property
    def level(self) -> float:
        """The quantile that costs least."""
        return self.under / (self.under + self.over)

    @property
    def levels(self) -> tuple[float, ...]:
        """All quantiles that a model gives, ascending: those that are asked for and `level`; none where none are."""
        return tuple(sorted({*self.quantiles, self.level})) if self.quantiles else ()

    def values(self, outcomes: npt.ArrayLike, decisions: npt.ArrayLike) -> Floats:
        """Minus the cost of each decision, shape (n,), in units of money (not yet times `per`)."""
        error = np.asarray(decisions, dtype=np.float64) - np.asarray(outcomes, dtype=np.float64)
        values: Floats = -np.where(error > 0, self.over * error, -self.under * error)
        return values

    @property
    def bounds(self) -> tuple[float, float]:
        """An error may cost any amount, and nothing at best."""
        return -math.inf, 0.0

    @property
    def most_at_stake(self) -> float:
        """Nothing bounds it."""
        return math.inf

    def most_apart(self, first: npt.ArrayLike, second: npt.ArrayLike) -> float:
        """The dearer side times the largest distance of two decisions, whatever happens.

        It is rounded up to a power of two, so that it seldom changes while decisions come in.
        """
        apart = np.abs(np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64))
        most = max(self.over, self.under) * float(apart.max(initial=0.0))
        return 2.0 ** math.ceil(math.log2(most)) if most > 0 else 0.0

    def to_document(self) -> dict[str, Any]:
        """As a plain JSON document."""
        said = {**msgspec.to_builtins(self), "quantiles": list(self.quantiles)}
        if not self.quantiles:  # a later field: unsaid, it changes no digest
            del said["quantiles"]
        return {"kind": "error_cost", **said}
