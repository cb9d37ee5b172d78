"""Whether those who deserve the favourable decision get it equally often in all groups."""

from __future__ import annotations

from kreis.tasks.metrics.across import AcrossGroups
from kreis.tasks.metrics.recall import Recall

__all__ = ["EqualOpportunity"]


class EqualOpportunity(AcrossGroups):
    """The worst-off group's recall of the favourable side over that of the rest (Hardt, Price and Srebro 2016,
    definition 2.2, as a ratio)."""

    name = "equal_opportunity"
    rate = Recall()
