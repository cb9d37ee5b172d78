"""At which level a challenger is compared with the champion, so that a year of comparisons keeps one error rate.

Each comparison on test rows that overlap those of earlier ones is another chance for a useless challenger. So the error
that a year may have is spent over calendar time (in the manner of Lan and DeMets 1983): every day that passes adds a
day's worth, a comparison spends part of what has been saved and is not spent yet. The chance that one of them lets a
challenger through that is no better is at most the sum of what they spent (the union bound), however much their rows
overlap, and whatever the challengers; that sum is never more than the year's rate times the years that passed.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Spending", "spend"]

_PART = 0.8
"""Of what is saved, what a comparison spends: one made again on the same day has less, but never nothing."""
_LEAST = 1e-9
"""An interval needs some error to be one."""


class Spending(NamedTuple):
    """What a comparison may spend."""

    days: float
    """Days' worth of the year's rate."""
    level: float
    """Of the two-sided interval whose lower bound decides."""
    why: str


def spend(saved: float, *, yearly: float, at_most: float) -> Spending:
    """How much error a comparison may make.

    Args:
        saved: Days that have passed since the first champion, less the days' worth that earlier comparisons spent.
        yearly: The chance that a challenger that is no better replaces the champion within a year.
        at_most: Days of the test part: what has been saved for longer is left to later comparisons.
    """
    days = min(_PART * max(saved, 0.0), at_most)
    error = max(yearly * days / 365, _LEAST)
    why = f"{days:.3g} days' share of the {yearly:.0%} a year by which a model that is no better may replace it"
    if days == 0:
        why = "no new days have passed since the last comparison: wait for some, or run with a later as_of"
    return Spending(days=days, level=1 - 2 * error, why=why)
