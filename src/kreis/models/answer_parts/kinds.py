"""All kinds of parts that a package may hold: what the manifest reads them as."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from kreis.models.answer_parts.familiarity import FamiliarityScore
from kreis.models.answer_parts.intervals import CoverageInterval
from kreis.models.answer_parts.levels import Levels
from kreis.models.answer_parts.reasons import FeatureReasons
from kreis.models.answer_parts.sets import CoverageSet

__all__ = ["AnswerPartKind", "adapting_part", "as_said"]

AnswerPartKind: TypeAlias = CoverageInterval | CoverageSet | FeatureReasons | FamiliarityScore


def adapting_part(parts: Sequence[AnswerPartKind]) -> CoverageInterval | CoverageSet | None:
    """The part whose level follows what happens; None where there is none."""
    for each in parts:
        if isinstance(each, CoverageInterval | CoverageSet) and each.quantile.grid is not None:
            return each
    return None


def as_said(part: CoverageInterval | CoverageSet, value: Any) -> CoverageInterval | CoverageSet:
    """The part as it was when it said a value: at the level that the value names."""
    level = value.get("adapted_level")
    return part if level is None else part.at_levels(Levels(level))
