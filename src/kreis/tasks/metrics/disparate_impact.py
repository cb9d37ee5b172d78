"""Whether groups get the favourable decision equally often."""

from __future__ import annotations

from kreis.tasks.metrics.across import AcrossGroups
from kreis.tasks.metrics.positive_rate import PositiveRate

__all__ = ["DisparateImpact"]


class DisparateImpact(AcrossGroups):
    """The worst-off group's rate of favourable decisions over that of the rest (the ratio that 29 CFR 1607.4 D, the
    four-fifths rule, asks to be 0.8 or more)."""

    name = "disparate_impact"
    rate = PositiveRate()
