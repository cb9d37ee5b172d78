"""How challengers whose decisions lie near a champion's differ from it in value: what a canary is planned with."""

from __future__ import annotations

from kreis.tasks.task import Challenger

__all__ = ["near_alike"]

_SPREAD = 0.5
"""Of what a decision is worth: how much two models differ by on a case, presumably."""


def near_alike(worth: float, share: float, most: float, *, apart: float | None = None) -> list[Challenger]:
    """Models that differ by half of what a decision is worth, to either side.

    Args:
        worth: What a decision is worth, whichever sign it has; above 0.
        share: Of the decisions, in which they differ.
        most: The most that two decisions on the same case can differ by.
        apart: By how much they differ there, where the metric says so.
    """
    apart, found = _SPREAD * worth if apart is None else apart, []
    for name, loss in {"equal": 0.0, "6% worse": 0.06 * worth, "21% worse": 0.21 * worth}.items():
        differing = min(max(share, loss / apart), 1.0)
        up = max(differing / 2 * (1 - loss / (apart * differing)), 0.0)
        differences = {apart: up, -apart: differing - up, 0.0: 1 - differing}
        found.append(Challenger(name=name, differences=differences, most=max(most, apart)))
    return found
