"""What boosters of trees have in common, whichever library grows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, get_args

from kreis.arrays import Floats
from kreis.errors import ProjectError
from kreis.training.candidate import NumberLoss, UsualCandidate, require, require_whole

__all__ = ["Boosted"]


@dataclass(frozen=True, kw_only=True)
class Boosted(UsualCandidate):
    """Trees that each learn what those before them left."""

    side_by_side: ClassVar[bool] = True
    trees: int = 200
    learning_rate: float = 0.05
    leaves: int = 63
    """At most so many leaves in a tree."""
    l2: float = 1.0
    """Penalty on the values of leaves."""
    column_share: float = 1.0
    """Share of the features that each tree sees."""
    row_share: float = 1.0
    """Share of the rows that each tree sees."""
    bins: int = 255
    """A feature is cut into at most so many bins."""
    loss: NumberLoss | None = None
    """What it minimises, where the goal asks for a number: "poisson" for counts, "tweedie" for sums that are often 0.
    What the goal asks for, if not given. How it decides follows from the goal in any case."""

    def __post_init__(self) -> None:
        where = type(self).__name__
        if self.loss is not None and self.loss not in get_args(NumberLoss):
            raise ProjectError.unknown_name("loss", self.loss, get_args(NumberLoss), where=where)
        require_whole(self, where=where, trees=1, leaves=2, bins=2)
        require(self.learning_rate > 0, f"learning_rate must be positive, not {self.learning_rate}", where=where)
        require(self.l2 >= 0, f"l2 must not be negative, as {self.l2} is", where=where)
        for name in ("column_share", "row_share"):
            share = getattr(self, name)
            require(0 < share <= 1, f"{name} must be above 0 and at most 1, not {share}", where=where)

    @property
    def quantiles(self) -> bool:
        """Whether, asked for a quantile, it learns that one."""
        return self.loss in (None, "quantile")

    @staticmethod
    def shares_of(gains: Floats, features: Sequence[str]) -> dict[str, float]:
        """Each feature's share of the gain of all splits."""
        return dict(zip(features, (gains / max(gains.sum(), 1e-300)).tolist(), strict=True))
