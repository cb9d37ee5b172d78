"""Forecasting: what will a number of a series be, some periods ahead?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kreis.arrays import Floats
from kreis.tasks.metrics.metric import Metric
from kreis.tasks.metrics.scaled_error import ScaledError
from kreis.tasks.regression.task import Regression

__all__ = ["Forecasting"]

_EXACTLY = 1e-6
"""Of the outcomes' spread: what a float32 of them may be off by, and a little more."""


@dataclass(frozen=True)
class Forecasting(Regression):
    """Regression that knows what it is measured against: another answer that is there for each row, the last value."""

    name = "forecasting"
    headlines: ClassVar[Mapping[str, str]] = {"scaled_error": "scaled error {:.3f}", **Regression.headlines}
    card_task = "time-series-forecasting"
    baselines: ClassVar[Sequence[str]] = (
        'project.candidate("last", Rule(series.last_value), baseline=True)',
        'project.candidate("drift", Rule(series.drift_line), baseline=True)',
        'project.candidate("seasonal", Rule(series.seasonal_naive), baseline=True)',
    )
    strength_is = "share that is told exactly"

    @property
    def metrics(self) -> Sequence[Metric]:
        """Those of regression, and the error against that of the first baseline."""
        value, *others = super().metrics
        return [value, ScaledError(), *others]

    @property
    def sliced(self) -> Sequence[str]:  # type: ignore[override]
        """Those of regression, the error beside the first baseline's, and how often ranges hold, by horizon."""
        return (*Regression.sliced, "scaled_error", *(("coverage",) if self.metric.levels else ()))

    def strength(self, values: Floats, outcomes: Floats) -> float:
        """The share of outcomes that a straight line through the feature tells exactly, from [0, 1] to [0.5, 1].

        Rank agreement says nothing here: the last value of a slow series agrees with the next one nearly perfectly, and
        is no leak.
        """
        if len(values) < 2 or np.ptp(values) == 0 or np.ptp(outcomes) == 0:
            return 0.5
        centred = values - values.mean()
        slope = float(centred @ outcomes) / float(centred @ centred)
        apart = np.abs(outcomes - outcomes.mean() - slope * centred)
        return 0.5 + float((apart <= _EXACTLY * np.ptp(outcomes)).mean()) / 2
