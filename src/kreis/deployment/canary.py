"""How a challenger takes over: step by step, each held for a while."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from kreis.errors import ProjectError
from kreis.preparation.views import parse_duration

__all__ = ["Canary"]


class Canary(msgspec.Struct, frozen=True):
    """The shares of traffic that a challenger gets, one after the other, and for how long at least."""

    steps: tuple[float, ...] = (0.05, 0.25, 1.0)
    """Ascending, each above 0; the last is 1, the promotion."""
    hold: str = "2d"
    """How long a step lasts before the next may come: "90m", "24h", "2d"."""

    def __post_init__(self) -> None:
        rising = all(one < next_one for one, next_one in zip(self.steps, self.steps[1:], strict=False))
        if not self.steps or not rising or self.steps[0] <= 0 or self.steps[-1] != 1.0:
            raise ProjectError(
                f"the steps {list(self.steps)} do not rise to 1.0",
                where="Canary",
                hint="write Canary(steps=[0.05, 0.25, 1.0])",
            )
        try:
            parse_duration(self.hold)
        except ValueError as error:
            raise ProjectError(str(error), where="Canary", hint='write Canary(hold="2d")') from error

    @property
    def held(self) -> timedelta:
        """`hold` as a duration."""
        return parse_duration(self.hold)

    def next_step(self, share: float) -> float | None:
        """The share that follows; None after the last."""
        return next((step for step in self.steps if step > share + 1e-9), None)
