"""All kinds of parts that a package may hold: what the manifest reads them as."""

from __future__ import annotations

from typing import TypeAlias

from kreis.models.answer_parts.familiarity import FamiliarityScore
from kreis.models.answer_parts.intervals import CoverageInterval
from kreis.models.answer_parts.reasons import FeatureReasons
from kreis.models.answer_parts.sets import CoverageSet

__all__ = ["AnswerPartKind"]

AnswerPartKind: TypeAlias = CoverageInterval | CoverageSet | FeatureReasons | FamiliarityScore
