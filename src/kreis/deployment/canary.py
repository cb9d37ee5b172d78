"""How a challenger takes over: step by step, each held for a while, and only when it is shown to be no worse."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import msgspec

from kreis.deployment.review import Review
from kreis.durations import parse_duration
from kreis.errors import ProjectError

__all__ = ["Canary", "ReleaseDeclaration"]


class Canary(msgspec.Struct, frozen=True):
    """The shares of traffic that a challenger gets, one after the other, and what it has to show for them.

    Example:

    >>> Canary(steps=(0.1, 1.0), hold="1d", margin="5%").hold
    '1d'
    """

    steps: tuple[float, ...] = (0.05, 0.25, 1.0)
    """Ascending, each above 0; the last is 1, the promotion."""
    hold: str = "2d"
    """How long a step lasts before the next may come: "90m", "24h", "2d"."""
    margin: str | float = "10%"
    """By how much the challenger may be worse: a share of what the champion was worth in its evaluation ("10%"), or
    a number in the goal's unit (1100.0). A step is taken when it is shown to be worse by less."""
    at_most: str = "30d"
    """For how long requests are compared at most; then their outcomes are still waited for. A challenger that is not
    shown to be no worse by then is rolled back."""

    def __post_init__(self) -> None:
        rising = all(one < next_one for one, next_one in zip(self.steps, self.steps[1:], strict=False))
        if not self.steps or not rising or self.steps[0] <= 0 or self.steps[-1] != 1.0:
            raise ProjectError(
                f"the steps {list(self.steps)} do not rise to 1.0",
                where="Canary",
                hint="write Canary(steps=[0.05, 0.25, 1.0])",
            )
        for name in ("hold", "at_most"):
            try:
                parse_duration(getattr(self, name))
            except ValueError as error:
                raise ProjectError(str(error), where=f"Canary.{name}", hint=f'write Canary({name}="2d")') from error
        if len(self.steps) > 1 and self.longest < self.held * (len(self.steps) - 1):
            raise ProjectError(
                f"{len(self.steps) - 1} steps held for {self.hold} do not fit into at_most={self.at_most!r}",
                where="Canary.at_most",
                hint="give it more time, or fewer steps",
            )
        if not self._amount > 0:
            raise ProjectError(
                f"the margin {self.margin!r} is not above 0",
                where="Canary.margin",
                hint="nothing can be shown to be exactly equal: say how much worse would not matter",
            )

    @property
    def held(self) -> timedelta:
        """`hold` as a duration."""
        return parse_duration(self.hold)

    @property
    def longest(self) -> timedelta:
        """`at_most` as a duration."""
        return parse_duration(self.at_most)

    def next_step(self, share: float) -> float | None:
        """The share that follows; None after the last."""
        return next((step for step in self.steps if step > share + 1e-9), None)

    def margin_of(self, worth: float | None) -> float:
        """The margin in the goal's unit.

        Args:
            worth: What the champion was worth in its evaluation; None where no evaluation is on record.

        Raises:
            ProjectError: it is a share, and of nothing.
        """
        if not isinstance(self.margin, str):
            return self.margin
        if not worth:
            raise ProjectError(
                f"the margin is {self.margin} of what the champion was worth, which "
                + ("was nothing" if worth == 0 else "no evaluation on record says"),
                where="Canary.margin",
                hint="give it in the goal's unit: Canary(margin=1100.0)",
            )
        return self._amount * abs(worth)

    @property
    def _amount(self) -> float:
        if not isinstance(self.margin, str):
            return self.margin
        try:
            return float(self.margin.removesuffix("%")) / 100 if self.margin.endswith("%") else float("nan")
        except ValueError:
            return float("nan")


@dataclass(frozen=True, kw_only=True)
class ReleaseDeclaration:
    """How a model that passed goes live."""

    canary: Canary
    fallback: str | None = None
    """Candidate that answers when the model cannot."""
    approval: Review | None = None
    """Whose yes a release needs."""
