"""The interval that holds what happens in a stated share of all cases: a split conformal prediction interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec
import numpy as np
import numpy.typing as npt

from kreis.models.answer_parts.grouped import Grouped
from kreis.models.answer_parts.levels import Levels
from kreis.models.answer_parts.part import Asking, Get, Raw, Scores
from kreis.models.answer_parts.sets import group_said, with_group
from kreis.models.scoring import Matrix

__all__ = ["CoverageInterval"]

_Floats = npt.NDArray[np.float64]


class CoverageInterval(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="part", tag="coverage_interval"
):
    """The score and as much to both sides as the errors of the stated share of rows are at most, in units of the
    errors' spread at such a score (Lei et al. 2018, section 5.2); or from the lowest to the highest of several
    quantiles and as much beyond (CQR: Romano, Patterson and Candès 2019).
    """

    name: ClassVar[str] = "coverage"
    files: ClassVar[Sequence[str]] = ()
    level: float
    quantile: Grouped
    """How far it reaches, in spreads; of several quantiles, how far beyond them."""
    rows: int
    """That the quantiles were found on."""
    several: bool = False
    """Whether raw outputs are several quantiles, ascending."""
    edges: tuple[float, ...] = ()
    """Scores between which the spread is the same, ascending."""
    spreads: tuple[float, ...] = (1.0,)
    """Of the errors, up to each edge and beyond the last."""
    at_least: float | None = None
    """What outcomes are at least; None where nothing bounds them."""
    at_most: float | None = None

    def at_levels(self, levels: Levels) -> CoverageInterval:
        """The same, said at other levels."""
        return msgspec.structs.replace(self, quantile=self.quantile.at_levels(levels))

    def beyond(self, scores: Scores, happened: npt.NDArray[Any]) -> _Floats:
        """How far off it was what happened, in the unit of the quantiles, shape (n,).

        Args:
            scores: Raw outputs, shape (n,) or (n, k).
            happened: The numbers that happened, shape (n,).
        """
        if self.several:
            found: _Floats = np.maximum(scores[:, 0] - happened, happened - scores[:, -1]).astype(np.float64)
            return found
        given = (scores if scores.ndim == 1 else scores[:, 0]).astype(np.float64)
        return np.abs(happened - given) / self.spread_at(given)

    def held(self, value: Any, happened: Any) -> bool:
        """Whether a value of its own held the number that happened."""
        return bool(value["low"] <= happened <= value["high"])

    def ends(self, scores: Scores, groups: Sequence[str | None] | None) -> tuple[_Floats, _Floats]:
        """The ends of the interval of each row, both of shape (n,).

        Args:
            scores: Raw outputs, shape (n,) or (n, k).
            groups: The group of each row; None where there are none.
        """
        reach = self.quantile.numbers(groups, len(scores))
        if self.several:
            given = scores.astype(np.float64)
            low, high = given[:, 0] - reach, given[:, -1] + reach
            crossed = low > high  # the quantiles were too far apart, and these are so near that nothing is left
            middle = (low + high) / 2
            low, high = np.where(crossed, middle, low), np.where(crossed, middle, high)
        else:
            reach = reach * self.spread_at(scores)
            low, high = scores - reach, scores + reach
        low = low if self.at_least is None else np.maximum(low, self.at_least)
        return low, high if self.at_most is None else np.minimum(high, self.at_most)

    def spread_at(self, scores: Scores) -> _Floats:
        """The spread of the errors at each score, shape (n,)."""
        found: _Floats = np.array(self.spreads)[np.searchsorted(self.edges, scores, side="left")]
        return found

    def schema(self) -> dict[str, Any]:
        """Of its value, as JSON Schema."""
        said = f"what happens lies between low and high in at least {self.level:.4g} of all cases"
        ends = {"low": {"type": "number", "description": said}, "high": {"type": "number"}}
        return with_group({"level": {"type": "number"}, **ends}, self.quantile)

    def said(self, value: Any) -> str:
        """A value of its own in words, for a person who asks why."""
        ends = f"{value['low']:.6g} to {value['high']:.6g}"
        return f"{ends} in {value['level']:.4g} of all cases{group_said(value, self.quantile)}"

    def open(self, get: Get, features: Sequence[str]) -> CoverageInterval:
        """Ready to answer: it is as it stands."""
        return self

    def one(self, values: npt.NDArray[np.float32], score: Raw, asked: Asking) -> Any:
        """The interval of one row."""
        return self.many(values[None, :], np.array([score]), [asked])[0]

    def many(self, matrix: Matrix, scores: Scores, asked: Sequence[Asking]) -> list[Any]:
        """The intervals of some rows."""
        groups = [self.quantile.group_of(each) for each in asked]
        low, high = self.ends(scores, groups)
        return [
            {"level": self.level, "low": down, "high": up, **self.quantile.told(group)}
            for down, up, group in zip(low.tolist(), high.tolist(), groups, strict=True)
        ]
