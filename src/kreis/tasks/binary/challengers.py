"""How challengers of a yes/no question differ in value from a champion: what a canary is planned with."""

from __future__ import annotations

from collections.abc import Mapping

from kreis.tasks.binary.decision_value import DecisionValue
from kreis.tasks.task import Challenger

__all__ = ["challengers"]


def challengers(metric: DecisionValue, rates: Mapping[str, float], share: float) -> list[Challenger]:
    """As `Task.challengers`."""
    worth = rates["value"] / metric.per
    kinds = {
        "equal": _near(metric, 0.0, share),
        "6% worse": _near(metric, -0.06 * abs(worth), share),
        "21% worse": _near(metric, -0.21 * abs(worth), share),
        "random": _flipped(metric, rates, random=True),
        "inverted": _flipped(metric, rates, random=False),
    }
    most = metric.most_at_stake
    return [Challenger(name=name, differences=found, most=most) for name, found in kinds.items()]


def _near(metric: DecisionValue, mean: float, share: float) -> dict[float, float]:
    """Differences of a model that decides otherwise near the cut, as often for yes as for no: value to chance."""
    up, down = metric.true_positive - metric.false_negative, metric.true_negative - metric.false_positive
    least = min(abs(up), abs(down))
    share = min(max(share, abs(mean) / least if least else share), 1.0)
    to_yes, to_no = ((down + sign * mean / share) / (up + down) for sign in (1, -1))
    to_yes, to_no = min(max(to_yes, 0.0), 1.0), min(max(to_no, 0.0), 1.0)
    half = share / 2
    return _chances((up, half * to_yes), (-down, half * (1 - to_yes)), (-up, half * to_no), (down, half * (1 - to_no)))


def _flipped(metric: DecisionValue, rates: Mapping[str, float], *, random: bool) -> dict[float, float]:
    """Differences of a model that decides by lot (as often yes as the champion), or always the other way."""
    up, down = metric.true_positive - metric.false_negative, metric.true_negative - metric.false_positive
    yes, happens = rates["positive_rate"], rates["base_rate"]
    hit = happens * rates["recall"]
    to_no, to_yes = (1 - yes, yes) if random else (1.0, 1.0)
    missed, right = happens - hit, max(1 - yes - happens + hit, 0.0)
    return _chances((-up, hit * to_no), (down, (yes - hit) * to_no), (up, missed * to_yes), (-down, right * to_yes))


def _chances(*cases: tuple[float, float]) -> dict[float, float]:
    found: dict[float, float] = {}
    for value, chance in cases:
        found[value] = found.get(value, 0.0) + max(chance, 0.0)
    found[0.0] = found.get(0.0, 0.0) + max(1 - sum(found.values()), 0.0)
    return found
