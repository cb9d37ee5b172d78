"""Statements that stay true however often one looks: for canaries, A/B tests and monitors.

All rest on betting against a hypothesis: a player's capital, which cannot grow on average while the hypothesis
holds, exceeds 1/alpha at any time with probability at most alpha (Ville 1939). A mixture over fixed bets needs
no tuning and stays valid (Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by
betting", JRSS-B 86, 1-27). States are plain data: they go to JSON and back between two looks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from kreis.errors import ProjectError
from kreis.evaluation.metrics.metric import Floats

__all__ = [
    "ChangeDetector",
    "ChangeState",
    "ConfidenceSequence",
    "MeanState",
    "MeanTest",
    "TestState",
]

_FRACTIONS = np.array([0.95, *(0.7 * 2.0**-k for k in range(9))])
"""Of the largest safe bet: ten bets, from nearly all down to 1/366 of it."""
_DETECTING = _FRACTIONS[:6]
"""Smaller bets would need years of days to say anything."""


class MeanState(msgspec.Struct, frozen=True):
    """What a confidence sequence remembers, in units of the bounds' width."""

    n: int = 0
    total: float = 0.0
    squares: float = 0.0
    """Sum of (x_i - mean_i)^2."""
    weight: float = 0.0
    """Sum of lambda_i."""
    weighted: float = 0.0
    """Sum of lambda_i x_i."""
    cost: float = 0.0
    """Sum of v_i psi(lambda_i)."""


@dataclass(frozen=True)
class ConfidenceSequence:
    """An interval for the mean of bounded observations, valid at all times at once.

    Predictable plug-in empirical Bernstein (Waudby-Smith and Ramdas 2024, theorem 2): with probability `level`
    the mean lies in every interval that is ever shown. Memory is six numbers.
    """

    low: float
    high: float
    level: float = 0.95

    def __post_init__(self) -> None:
        _check_bounds(self.low, self.high)

    def observe(self, values: npt.ArrayLike, state: MeanState | None = None) -> MeanState:
        """Take in observations, shape (k,), in their order.

        Raises:
            ProjectError: one lies outside the bounds or is missing.
        """
        start = state or MeanState()
        x = (_within(values, self.low, self.high) - self.low) / (self.high - self.low)
        times = np.arange(start.n + 1, start.n + 1 + len(x))
        totals = start.total + np.cumsum(x)
        means = (0.5 + totals) / (times + 1)
        before = (0.5 + totals - x) / times
        squares = start.squares + np.cumsum((x - means) ** 2)
        variance = (0.25 + np.concatenate(([start.squares], squares[:-1]))) / times
        bets = np.minimum(np.sqrt(2 * self._log / (variance * times * np.log1p(times))), 0.75)
        cost = (x - before) ** 2 * (-np.log1p(-bets) - bets)
        if not len(x):
            return start
        return MeanState(
            n=int(times[-1]),
            total=float(totals[-1]),
            squares=float(squares[-1]),
            weight=start.weight + float(bets.sum()),
            weighted=start.weighted + float(bets @ x),
            cost=start.cost + float(cost.sum()),
        )

    def interval(self, state: MeanState) -> tuple[float, float]:
        """The interval after what `state` has seen, in the observations' own unit."""
        if state.n == 0:
            return self.low, self.high
        centre, reach = state.weighted / state.weight, (self._log + state.cost) / state.weight
        width = self.high - self.low
        return self.low + max(centre - reach, 0.0) * width, self.low + min(centre + reach, 1.0) * width

    @property
    def _log(self) -> float:
        return math.log(2 / (1 - self.level))


class TestState(msgspec.Struct, frozen=True):
    """What a test by betting remembers."""

    __test__ = False  # no test case, whatever pytest thinks of the name

    n: int = 0
    log_capital: list[float] = []
    """Of each bet."""
    most: float = 0.0
    """The greatest log of the mixed capital so far."""
    rejected_at: int | None = None
    """The observation at which the hypothesis fell."""


@dataclass(frozen=True)
class MeanTest:
    """Shows, at any time, that a mean lies above (or below) a limit.

    The hypothesis is that each observation's mean, given those before it, is on the other side of `limit`. For
    a canary: observations are paired differences of value (challenger less champion, on the same decision), the
    limit is 0 ("better") or minus a margin ("not worse by more than"). Observations that share a day's weather
    are to be averaged by day first.
    """

    low: float
    high: float
    limit: float = 0.0
    shows: Literal["above", "below"] = "above"
    alpha: float = 0.05

    def __post_init__(self) -> None:
        _check_bounds(self.low, self.high)
        if not self.low < self.limit < self.high:
            raise ProjectError(f"the limit {self.limit} is not within ({self.low}, {self.high})", where="MeanTest")

    def observe(self, values: npt.ArrayLike, state: TestState | None = None) -> TestState:
        """Take in observations, shape (k,), in their order; the test is judged after each one.

        Raises:
            ProjectError: one lies outside the bounds or is missing.
        """
        start = state or TestState()
        gain = _within(values, self.low, self.high) - self.limit
        worst = self.limit - self.low
        if self.shows == "below":
            gain, worst = -gain, self.high - self.limit
        if not len(gain):
            return start
        logs = np.cumsum(np.log1p(np.outer(gain / worst, _FRACTIONS)), axis=0)
        logs += np.array(start.log_capital) if start.log_capital else 0.0
        mixed = _log_mean_exp(logs)
        crossed = np.flatnonzero(mixed >= -math.log(self.alpha))
        first = start.n + int(crossed[0]) + 1 if len(crossed) else None
        return TestState(
            n=start.n + len(gain),
            log_capital=logs[-1].tolist(),
            most=max(start.most, float(mixed.max())),
            rejected_at=start.rejected_at if start.rejected_at is not None else first,
        )

    def p_value(self, state: TestState) -> float:
        """An anytime-valid p-value: one over the greatest capital so far."""
        return math.exp(-max(state.most, 0.0))


class ChangeState(msgspec.Struct, frozen=True):
    """What a change detector remembers."""

    n: int = 0
    evidence: list[float] = []
    """Of each bet: its greatest capital over all times at which it could have begun."""
    alarm_at: int | None = None
    """The observation at which it first alarmed."""

    @property
    def mixed(self) -> float:
        """The evidence for a fall so far; the alarm is at `run_length`."""
        return float(np.mean(self.evidence)) if self.evidence else 0.0


@dataclass(frozen=True)
class ChangeDetector:
    """Alarms when the mean has fallen below a limit at some unknown time.

    A mixture of CUSUM e-detectors (Shin, Ramdas and Rinaldo 2024, "E-detectors: a nonparametric framework for
    sequential change detection", New England Journal of Statistics in Data Science 2, 229-260): as long as each
    observation's mean, given those before it, is at least `limit`, false alarms come at an average of
    `run_length` observations or more, whatever the distribution. The sums of Shiryaev and Roberts have the same
    bound, but with small bets they grow by one with each observation and alarm at the bound however well
    things stand.

    Observations above `ceiling` count as `ceiling`. That keeps bets safe without a far upper bound, and is the
    definition of what is watched: the mean of the capped observations.
    """

    limit: float
    ceiling: float
    run_length: float = 365.0

    def __post_init__(self) -> None:
        if not self.limit < self.ceiling:
            raise ProjectError(
                f"the limit {self.limit} is not below the ceiling {self.ceiling}", where="ChangeDetector"
            )
        if self.run_length <= 1:
            raise ProjectError("false alarms cannot come at every observation", where="ChangeDetector.run_length")

    def observe(
        self, values: npt.ArrayLike, state: ChangeState | None = None, *, weights: npt.ArrayLike | None = None
    ) -> ChangeState:
        """Take in observations in their order.

        Args:
            values: Shape (k,).
            state: After what came before.
            weights: How much each one counts, in [0, 1], shape (k,); known without its value (a count of rows).

        Raises:
            ProjectError: one is missing, or a weight is not within [0, 1].
        """
        start = state or ChangeState()
        x = np.minimum(_within(values, -math.inf, math.inf), self.ceiling)
        weight = np.ones(len(x)) if weights is None else _within(weights, 0.0, 1.0)
        factors = 1 + np.outer(weight * (self.limit - x) / (self.ceiling - self.limit), _DETECTING)
        evidence = np.array(start.evidence) if start.evidence else np.ones(len(_DETECTING))
        alarm = start.alarm_at
        for step, factor in enumerate(factors, start=1):
            evidence = np.minimum(np.maximum(evidence, 1) * factor, 1e300)
            if alarm is None and evidence.mean() >= self.run_length:
                alarm = start.n + step
        return ChangeState(n=start.n + len(x), evidence=evidence.tolist(), alarm_at=alarm)


def _log_mean_exp(logs: Floats) -> Floats:
    """Of each row of an array of shape (k, bets)."""
    most = logs.max(axis=1)
    mixed: Floats = most + np.log(np.mean(np.exp(logs - most[:, None]), axis=1))
    return mixed


def _check_bounds(low: float, high: float) -> None:
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ProjectError(f"bounds {low} and {high} are no range", hint="give the least and the most possible value")


def _within(values: npt.ArrayLike, low: float, high: float) -> Floats:
    given: Any = np.atleast_1d(np.asarray(values, dtype=np.float64))
    bad = ~((given >= low) & (given <= high))
    if bad.any():
        first = float(given[np.flatnonzero(bad)[0]])
        raise ProjectError(f"observation {first} is not within [{low}, {high}]", hint="the bounds must hold for all")
    checked: Floats = given
    return checked
