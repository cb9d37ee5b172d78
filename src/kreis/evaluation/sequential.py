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

from kreis.errors import ProjectError
from kreis.evaluation.metrics.metric import Floats

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
_SAFE = 0.95
"""Of the capital: the most that one block may lose."""
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
    limit is 0 ("worse") or minus a margin ("not worse by more than"). Observations that share an hour's weather
    are given as one sum, with the bounds of that sum: what they can add up to at least and at most, known before
    any of them is. Two models that decide alike in all but three of forty requests can differ by three only, and
    so the bets can be high.
    """

    low: float
    high: float
    limit: float = 0.0
    shows: Side = "above"
    alpha: float = 0.05

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ProjectError(
                f"bounds {self.low} and {self.high} are no range", hint="give the least and the most possible value"
            )
        if not self.low < self.limit < self.high:
            raise ProjectError(f"the limit {self.limit} is not within ({self.low}, {self.high})", where="MeanTest")

    def observe(
        self,
        values: npt.ArrayLike,
        state: TestState | None = None,
        *,
        counts: npt.ArrayLike | None = None,
        lows: npt.ArrayLike | None = None,
        highs: npt.ArrayLike | None = None,
    ) -> TestState:
        """Take in observations, or sums of several, in their order; the test is judged after each one.

        Args:
            values: Shape (k,).
            state: After what came before.
            counts: How many observations each value is the sum of, shape (k,); one if not given.
            lows: The least that each value could have been, shape (k,), known without it; `low` if not given.
            highs: The most, likewise.

        Raises:
            ProjectError: one lies outside the bounds or is missing.
        """
        start = state or TestState()
        given = np.atleast_1d(np.asarray(values, dtype=np.float64))
        if not len(given):
            return start
        n = np.ones(len(given)) if counts is None else np.asarray(counts, dtype=np.float64)
        least = self.low * n if lows is None else np.asarray(lows, dtype=np.float64)
        most = self.high * n if highs is None else np.asarray(highs, dtype=np.float64)
        gain, worst = _within(given, least, most) - self.limit * n, self.limit * n - least
        single = self.limit - self.low
        if self.shows == "below":
            gain, worst, single = -gain, most - self.limit * n, self.high - self.limit
        safe = _SAFE / np.maximum(worst, _SAFE * 1e-9)
        bets = np.minimum(_FRACTIONS / single, safe[:, None])
        logs = np.cumsum(np.log1p(bets * gain[:, None]), axis=0)
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


def mean_interval(
    low: float,
    high: float,
    values: npt.ArrayLike,
    *,
    alphas: tuple[float, float],
    counts: npt.ArrayLike | None = None,
    lows: npt.ArrayLike | None = None,
    highs: npt.ArrayLike | None = None,
) -> tuple[float, float]:
    """The interval for a mean, valid at all times at once: the limits that no `MeanTest` has rejected.

    Args:
        low: The least that one observation can be.
        high: The most.
        values: Shape (k,), in their order.
        alphas: How often the mean may lie below the interval, and how often above it.
        counts: As for `MeanTest.observe`.
        lows: Likewise.
        highs: Likewise.

    Raises:
        ProjectError: as for `MeanTest`.
    """
    rejected: dict[Side, float] = {"above": low, "below": high}
    kept: dict[Side, float] = {"above": high, "below": low}
    for shows, alpha in zip(rejected, alphas, strict=True):
        for _ in range(_HALVINGS):
            limit = (rejected[shows] + kept[shows]) / 2
            test = MeanTest(low, high, limit, shows, alpha)
            fell = test.observe(values, counts=counts, lows=lows, highs=highs).rejected_at is not None
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


def _within(values: npt.ArrayLike, low: Floats | float, high: Floats | float) -> Floats:
    given: Floats = np.atleast_1d(np.asarray(values, dtype=np.float64))
    slack = 1e-9 * (1 + np.abs(given))
    bad = ~((given >= low - slack) & (given <= high + slack))
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        bounds = f"[{np.broadcast_to(low, given.shape)[first]:g}, {np.broadcast_to(high, given.shape)[first]:g}]"
        raise ProjectError(f"observation {given[first]} is not within {bounds}", hint="the bounds must hold for all")
    return given
