"""What is asked of series, as a written project asks it."""

from __future__ import annotations

import msgspec
import polars as pl

from kreis.start.questions.regression import RegressionKind, RegressionQuestion
from kreis.start.series.found import Found

__all__ = ["TASK", "SeriesQuestion", "question_of"]

TASK = "forecasting"


class SeriesQuestion(msgspec.Struct, frozen=True):
    """How much will it be, some periods ahead?"""

    amount: RegressionQuestion
    found: Found

    @property
    def said(self) -> str:
        """Between which ends, and how far ahead."""
        ahead = ", ".join(map(str, self.found.horizons))
        season = f"; it repeats after {self.found.season}" if self.found.season else ""
        return f"{self.amount.said}; asked about {ahead} periods of {self.found.every} ahead{season}"

    @property
    def asks(self) -> str:
        """As the goal has it."""
        ahead = f"{_listed(self.found.horizons)} periods of {self.found.every} ahead"
        return f"How much will {self.amount.column} be, {ahead}?"

    @property
    def metric(self) -> list[str]:
        """An error costs one point, on either side."""
        return [*self.amount.metric, f'task="{TASK}",']

    @property
    def explained(self) -> str:
        """The two sides."""
        return self.amount.explained

    @property
    def names(self) -> list[str]:
        """What of `kreis` its lines need."""
        return ["Differenced", "ErrorCost", "GradientBoosting", "Rule", "Window", "TimeSplit", "read_table"]

    def candidates(self) -> list[str]:
        """The season before, the last value, boosted trees that learn the difference to it."""
        season = 'project.candidate("season before", Rule(series.seasonal_naive), baseline=True)'
        drift = 'project.candidate("drift", Rule(series.drift_line), baseline=True)'
        return [
            "# What a model must beat, for each horizon; the first one is the measure of `scaled_error`.",
            season if self.found.season else drift,
            'project.candidate("last value", Rule(series.last_value), baseline=True)',
            "# Trees cannot say more than they have seen: they learn by how much it will differ from the last value.",
            'project.candidate("gbdt", Differenced(GradientBoosting(), against=series.last_value))',
        ]


def question_of(column: pl.Series, found: Found) -> SeriesQuestion:
    """The question.

    Raises:
        ProjectError: the column holds no numbers.
    """
    return SeriesQuestion(RegressionKind().of(column), found)


def _listed(horizons: list[int]) -> str:
    *others, last = map(str, horizons)
    return f"{', '.join(others)} or {last}" if others else last
