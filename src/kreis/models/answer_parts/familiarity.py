"""How familiar a row is to the model: whether what it was taught with looks like this row."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec
import numpy as np
import numpy.typing as npt

from kreis.models.answer_parts.part import Asking, Get, Raw, Scores
from kreis.models.scoring import Matrix

__all__ = ["FamiliarFeature", "FamiliarityScore"]

_Floats = npt.NDArray[np.float64]


class FamiliarFeature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How surprising the values of one feature are: the negative logarithm of how often their like was taught."""

    name: str
    edges: tuple[float, ...] = ()
    """Of a number: ascending; a value falls behind the last edge that is not above it."""
    numbers: tuple[float, ...] = ()
    """Of a category: those that were taught, ascending."""
    surprise: tuple[float, ...]
    """Of each part between the edges, one more than there are edges; or of each category, and of any other one."""
    missing: float
    """Where it has no value."""

    def surprise_of(self, value: float) -> float:
        """Of one value."""
        if value != value:
            return self.missing
        if not self.numbers:
            return self.surprise[bisect_right(self.edges, value)]
        at = bisect_left(self.numbers, value)
        return self.surprise[at if at < len(self.numbers) and self.numbers[at] == value else -1]

    def surprises(self, values: npt.NDArray[np.float32]) -> _Floats:
        """Of each value, shape (n,)."""
        surprise, gone = np.array(self.surprise), np.isnan(values)
        if self.numbers:
            known = np.array(self.numbers)
            at = np.minimum(np.searchsorted(known, values), len(known) - 1)
            at = np.where(known[at] == values, at, len(known))
        else:
            at = np.searchsorted(np.array(self.edges), np.where(gone, 0.0, values), side="right")
        return np.where(gone, self.missing, surprise[np.where(gone, 0, at)])


class FamiliarityScore(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="part", tag="familiarity"
):
    """The share of known rows that are at least as strange as this one: a conformal p-value (Bates et al. 2023,
    "Testing for outliers with conformal p-values", section 2). Strangeness is the sum of the features' surprises (HBOS:
    Goldstein and Dengel 2012): it sees values that are rare, new or gone, not rare combinations of usual ones.
    """

    name: ClassVar[str] = "familiarity"
    files: ClassVar[Sequence[str]] = ()
    features: tuple[FamiliarFeature, ...]
    known: tuple[float, ...]
    """The strangeness of rows that did not say what is surprising, ascending: evenly drawn quantiles."""
    rows: int
    """Of how many rows."""

    def schema(self) -> dict[str, Any]:
        """Of its value, as JSON Schema."""
        said = "share of known rows that are at least as strange as this one: near 0 where the model knows no such row"
        properties = {
            "share": {"type": "number", "description": said},
            "strangest": {"type": "string", "description": "the feature that is most surprising"},
        }
        return {
            "type": ["object", "null"],
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }

    def said(self, value: Any) -> str:
        """A value of its own in words, for a person who asks why."""
        return f"{value['share']:.2g} of known rows are as strange; most surprising is {value['strangest']}"

    def open(self, get: Get, features: Sequence[str]) -> OpenedFamiliarity:
        """Ready to answer."""
        return OpenedFamiliarity(self, [list(features).index(each.name) for each in self.features])


class OpenedFamiliarity:
    """It, and the places of its features."""

    def __init__(self, part: FamiliarityScore, places: Sequence[int]) -> None:
        self._features, self._places, self._rows = part.features, places, part.rows
        self._known = [each + 1e-9 for each in part.known]  # rows that are as strange to within rounding count as such
        self._usual = [min((*each.surprise, each.missing)) for each in part.features]

    def shares(self, matrix: Matrix) -> tuple[_Floats, npt.NDArray[np.intp]]:
        """Of each row the share of known rows that are as strange, and its most surprising feature; shape (n,)."""
        each = [f.surprises(matrix[:, place]) for f, place in zip(self._features, self._places, strict=True)]
        strange = sum(each, start=np.zeros(len(matrix)))
        below = np.searchsorted(self._known, strange, side="right") / len(self._known)
        apart = np.stack(each, axis=1) - np.array(self._usual)
        return (1 + (1 - below) * self._rows) / (1 + self._rows), np.argmax(apart, axis=1)

    def one(self, values: npt.NDArray[np.float32], score: Raw, asked: Asking) -> Any:
        """How familiar one row is."""
        row = values.tolist()
        each = [f.surprise_of(row[place]) for f, place in zip(self._features, self._places, strict=True)]
        below = bisect_right(self._known, sum(each)) / len(self._known)
        apart = [found - usual for found, usual in zip(each, self._usual, strict=True)]
        share = (1 + (1 - below) * self._rows) / (1 + self._rows)
        return {"share": share, "strangest": self._features[apart.index(max(apart))].name}

    def many(self, matrix: Matrix, scores: Scores, asked: Sequence[Asking]) -> list[Any]:
        """How familiar some rows are."""
        shares, strangest = self.shares(matrix)
        return [
            {"share": share, "strangest": self._features[place].name}
            for share, place in zip(shares.tolist(), strangest.tolist(), strict=True)
        ]
