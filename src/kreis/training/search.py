"""What a user says of a search for parameters: the space, the budget, and what it is judged by."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import msgspec

from kreis.training.candidate import Candidate, require

__all__ = ["Choice", "Integer", "Money", "Real", "Search", "Space"]


class Integer(msgspec.Struct, frozen=True, tag="integer"):
    """A whole number from `low` to `high`, both included; `log` searches its logarithm.

    Example:

    >>> Integer(15, 255, log=True).high
    255
    """

    low: int
    high: int
    log: bool = False

    def __post_init__(self) -> None:
        _check_range(self, self.low, self.high, self.log)


class Real(msgspec.Struct, frozen=True, tag="real"):
    """A number from `low` to `high`; `log` searches its logarithm.

    Example:

    >>> Real(0.01, 0.3, log=True).low
    0.01
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        _check_range(self, self.low, self.high, self.log)


class Choice(msgspec.Struct, frozen=True, tag="choice"):
    """One of several values, without an order.

    Example:

    >>> Choice(["balanced", None]).options
    ['balanced', None]
    """

    options: list[bool | int | float | str | None]

    def __post_init__(self) -> None:
        require(bool(self.options), "there is nothing to choose from", where="Choice")


Space = Integer | Real | Choice


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """What a search may cost.

    Example:

    >>> Money(per_hour=2.5, at_most=5.0).minutes
    120.0
    """

    per_hour: float
    """What the machine costs in an hour."""
    at_most: float
    """What the search may cost, in the same currency."""

    def __post_init__(self) -> None:
        for name in ("per_hour", "at_most"):
            value = getattr(self, name)
            require(0 < value < math.inf, f"{name} must be above 0, not {value}", where="Money")

    @property
    def minutes(self) -> float:
        """How long that lasts."""
        return 60 * self.at_most / self.per_hour


USUAL = 15
"""Trials of a search that says nothing of its budget."""
MOST = 1_000
"""Trials of a search that only says how long it may last."""


@dataclasses.dataclass(frozen=True)
class Search:
    """Try parameters on the fit part and keep those that do best on the validation part.

    The declared parameters are tried first, so a search never ends with worse ones. Judged by the goal's metric at its
    break-even: no threshold is fitted for each trial, so the luckiest cut earns nothing. On 16 histories of three data
    sets (`benchmarks/search_objective.py`) its picks had a median regret of 0.32, where 0 is the best of the settings
    tried and 1 their mean; log loss had 0.41, the metric at its best cut 0.38, at the threshold that training would
    choose 0.57. The differences are small against their spread, and so the goal decides.

    Example:

    >>> from kreis import Integer, Real
    >>> Search({"leaves": Integer(7, 63), "learning_rate": Real(0.01, 0.3, log=True)}, trials=20).trials
    20
    """

    space: Mapping[str, Space]
    trials: int | None = None
    """At most so many; 15 where neither time nor money is said either, else 1,000."""
    objective: str = "metric"
    """The goal's "metric", or one of the task's losses by name: "log_loss", "squared_error"."""
    minutes: float | None = None
    """No trial is begun later than so many minutes of fitting; those that run are finished."""
    money: Money | None = None
    """The same by what an hour costs."""
    prune: bool = False
    """Whether a trial is given up that, after a quarter, a half or three quarters of its trees, loses more than the
    median of the others did there (median stopping, Golovin et al. 2017). It is hard on low learning rates, which are
    slow at first. Only boosters tell how they are doing; trials of other candidates are not given up."""

    def __post_init__(self) -> None:
        require(bool(self.space), "no parameter to search", where="Search", hint='write {"leaves": Integer(15, 255)}')
        if self.trials is None:
            object.__setattr__(self, "trials", USUAL if self.most_minutes is None else MOST)
        require(self.most_trials >= 1, f"trials must be at least 1, not {self.trials}", where="Search")
        above = self.minutes is None or self.minutes > 0
        require(above, f"minutes must be above 0, not {self.minutes}", where="Search")

    @property
    def most_trials(self) -> int:
        """How many there may be."""
        return USUAL if self.trials is None else self.trials

    @property
    def most_minutes(self) -> float | None:
        """How long it may last; None where nothing is said."""
        limits = [each for each in (self.minutes, self.money.minutes if self.money else None) if each is not None]
        return min(limits, default=None)

    def parameters(self) -> dict[str, Any]:
        """Its fields, as a JSON document; those that came later only where they say something."""
        document: dict[str, Any] = {
            "space": {name: msgspec.to_builtins(each) for name, each in self.space.items()},
            "trials": self.trials,
            "objective": self.objective,
        }
        if self.most_minutes is not None:
            document["minutes"] = self.most_minutes
        if self.prune:
            document["prune"] = True
        return document

    def check(self, candidate: Candidate) -> None:
        """See that a candidate takes the ends of each parameter's space.

        Raises:
            ProjectError: it has no parameter of that name, or a value would be out of bounds.
        """
        for name, space in self.space.items():
            for value in space.options if isinstance(space, Choice) else (space.low, space.high):
                candidate.with_parameters(**{name: value})


def _check_range(space: Any, low: float, high: float, log: bool) -> None:
    where = f"{type(space).__name__}({low}, {high})"
    require(low <= high, "the lower end lies above the upper", where=where)
    require(not log or low > 0, "a logarithm needs a lower end above 0", where=where)
