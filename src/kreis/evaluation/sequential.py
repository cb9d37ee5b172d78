"""Statements that stay true however often one looks: for canaries and monitors.

All rest on betting against a hypothesis: a player's capital, which cannot grow on average while the hypothesis
holds, exceeds 1/alpha at any time with probability at most alpha (Ville 1939). A mixture over fixed bets needs
no tuning, adapts to the variance (one of the bets is close to the best one for it) and stays valid (Waudby-Smith
and Ramdas 2024, "Estimating means of bounded random variables by betting", JRSS-B 86, 1-27, proposition 2 and
section 4). States are plain data: they go to JSON and back between two looks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from kreis.arrays import Floats
from kreis.errors import ProjectError

__all__ = [
    "ChangeDetector",
    "ChangeState",
    "MeanTest",
    "TestState",
    "mean_interval",
]

Side = Literal["above", "below"]

_FRACTIONS = np.array([0.95, *(0.7 * 2.0**-k for k in range(9))])
"""Of the largest safe bet on one observation: ten bets, from nearly all down to 1/366 of it."""
_DETECTING = np.array([0.95, 0.7, 0.5, 0.35, 0.2, 0.1])
"""Smaller bets would need years of days to say anything."""
_HALVINGS = 40


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
    limit is 0 ("worse") or minus a margin ("not worse by more than"). Bets stay the same from one observation to
    the next: were they higher in quiet hours, the test would be about the mean of quiet hours.

    Observations that hang together (a day's weather) carry less evidence than their number says. `dependence` is
    how many times the variance of their sum is that of independent ones. The capital's root of that order is
    compared with 1/alpha: for small bets it is what the capital of independent observations with that variance
    would be, and never less cautious than the capital itself (Jensen's inequality).
    """

    low: float
    high: float
    limit: float = 0.0
    shows: Side = "above"
    alpha: float = 0.05
    dependence: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ProjectError(
                f"bounds {self.low} and {self.high} are not a range", hint="give the least and the most possible value"
            )
        if not self.low < self.limit < self.high:
            raise ProjectError(f"the limit {self.limit} is not within ({self.low}, {self.high})", where="MeanTest")

    def observe(self, values: npt.ArrayLike, state: TestState | None = None) -> TestState:
        """Take in observations, shape (k,), in their order; the test is judged after each one.

        Raises:
            ProjectError: one lies outside the bounds or is missing.
        """
        start = state or TestState()
        growth = self._growth(values)
        if not len(growth):
            return start
        logs = np.cumsum(growth, axis=0)
        logs += np.array(start.log_capital) if start.log_capital else 0.0
        mixed = _log_mean_exp(logs)
        crossed = np.flatnonzero(mixed >= self._needed)
        first = start.n + int(crossed[0]) + 1 if len(crossed) else None
        return TestState(
            n=start.n + len(growth),
            log_capital=logs[-1].tolist(),
            most=max(start.most, float(mixed.max())),
            rejected_at=start.rejected_at if start.rejected_at is not None else first,
        )

    def shown_by(self, values: npt.ArrayLike, counts: npt.ArrayLike) -> bool:
        """Whether the hypothesis falls on observations of which each value came so many times, in any order.

        Raises:
            ProjectError: one lies outside the bounds or is missing.
        """
        growth = np.asarray(counts, dtype=np.float64) @ self._growth(values)
        return bool(_log_mean_exp(growth[None, :])[0] >= self._needed)

    def takes(self, values: npt.ArrayLike, chances: npt.ArrayLike) -> float:
        """About how many observations it takes where each value comes with a chance; infinite if none would do."""
        best = float((np.asarray(chances, dtype=np.float64) @ self._growth(values)).max())
        return (self._needed + math.log(len(_FRACTIONS))) / best if best > 0 else math.inf

    def _growth(self, values: npt.ArrayLike) -> Floats:
        """What each observation adds to the log of each bet's capital, shape (k, bets)."""
        gain = _within(values, self.low, self.high) - self.limit
        worst = self.limit - self.low
        if self.shows == "below":
            gain, worst = -gain, self.high - self.limit
        growth: Floats = np.log1p(np.outer(gain / worst, _FRACTIONS))
        return growth

    @property
    def _needed(self) -> float:
        return -self.dependence * math.log(self.alpha)


def mean_interval(
    low: float,
    high: float,
    values: npt.ArrayLike,
    counts: npt.ArrayLike,
    *,
    alphas: tuple[float, float],
    dependence: float = 1.0,
) -> tuple[float, float]:
    """The interval for a mean, valid at all times at once: the limits that `MeanTest` does not reject.

    Args:
        low: The least that one observation can be.
        high: The most.
        values: Shape (k,).
        counts: How often each came, shape (k,).
        alphas: How often the mean may lie below the interval, and how often above it.
        dependence: As for `MeanTest`.

    Raises:
        ProjectError: as for `MeanTest`.
    """
    rejected: dict[Side, float] = {"above": low, "below": high}
    kept: dict[Side, float] = {"above": high, "below": low}
    for shows, alpha in zip(rejected, alphas, strict=True):
        for _ in range(_HALVINGS):
            limit = (rejected[shows] + kept[shows]) / 2
            fell = MeanTest(low, high, limit, shows, alpha, dependence).shown_by(values, counts)
            (rejected if fell else kept)[shows] = limit
    return rejected["above"], rejected["below"]


class ChangeState(msgspec.Struct, frozen=True):
    """What a change detector remembers."""

    n: int = 0
    evidence: list[float] = []
    """Of each bet: its capital, summed over all times at which it could have begun."""
    alarm_at: int | None = None
    """The observation at which it first alarmed."""

    @property
    def mixed(self) -> float:
        """The evidence for a fall so far; the alarm is at `run_length`."""
        return float(np.mean(self.evidence)) if self.evidence else 0.0


@dataclass(frozen=True)
class ChangeDetector:
    """Alarms when the mean has fallen below a limit at some unknown time.

    A mixture of Shiryaev-Roberts e-detectors (Shin, Ramdas and Rinaldo 2024, "E-detectors: a nonparametric
    framework for sequential change detection", New England Journal of Statistics in Data Science 2, 229-260,
    definition 2.2 and theorem 2.4): as long as each observation's mean, given those before it, is at least
    `limit`, false alarms come at an average of `run_length` observations or more, whatever the distribution. It
    sums the capital of bets begun at every observation; the greatest one alone (CUSUM) is at most that sum, so it
    alarms later, at a rate that is a fifth of the stated one. Bets begun before the fall add little, since none is
    smaller than a tenth of the largest safe bet.

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
        evidence = np.array(start.evidence) if start.evidence else np.zeros(len(_DETECTING))
        alarm = start.alarm_at
        for step, (begun, factor) in enumerate(zip(weight, factors, strict=True), start=1):
            evidence = np.minimum((evidence + begun) * factor, 1e300)
            if alarm is None and evidence.mean() >= self.run_length:
                alarm = start.n + step
        return ChangeState(n=start.n + len(x), evidence=evidence.tolist(), alarm_at=alarm)


def _log_mean_exp(logs: Floats) -> Floats:
    """Of each row of an array of shape (k, bets)."""
    most = logs.max(axis=1)
    mixed: Floats = most + np.log(np.mean(np.exp(logs - most[:, None]), axis=1))
    return mixed


def _within(values: npt.ArrayLike, low: float, high: float) -> Floats:
    given: Floats = np.atleast_1d(np.asarray(values, dtype=np.float64))
    bad = ~((given >= low) & (given <= high))
    if bad.any():
        first = float(given[np.flatnonzero(bad)[0]])
        raise ProjectError(f"observation {first} is not within [{low}, {high}]", hint="the bounds must hold for all")
    return given
