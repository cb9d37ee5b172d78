"""Whether the favourable decision is right equally often in all groups."""

from __future__ import annotations

from kreis.tasks.metrics.across import AcrossGroups
from kreis.tasks.metrics.precision import Precision

__all__ = ["PredictiveParity"]


class PredictiveParity(AcrossGroups):
    """The worst-off group's precision of the favourable decision over that of the rest (Chouldechova 2017,
    definition 2, as a ratio)."""

    name = "predictive_parity"
    rate = Precision()
