"""How familiar a row is to the model, with each answer."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from kreis.evaluation.answer_parts.part import Keep
from kreis.evaluation.examinations.examination import Examination, FeatureRows, Subject
from kreis.models.answer_parts.familiarity import FamiliarFeature, FamiliarityScore
from kreis.preparation.views import FieldType
from kreis.tasks.task import Task

__all__ = ["Familiarity", "fit_familiarity"]

_BINS, _TAIL = 20, 0.005
_MOST_CATEGORIES = 200
_KNOWN = 256
_ROWS = 50_000
_FEWEST = 50


@dataclass(frozen=True)
class Familiarity:
    """The share of known rows that are at least as strange as the one that is asked about, with each answer: near 0
    where the model was taught with nothing like it, so that its answer should not be relied on.

    What is surprising is learned from the rows that fitted the model, what is usual from the validation rows. Rare
    combinations of usual values are not seen. The examination "familiarity" says how many of the test rows are strange.

    Example:

    >>> Familiarity().name
    'familiarity'
    """

    name: ClassVar[str] = "familiarity"

    @property
    def examined_by(self) -> Examination | None:
        """It is examined in each run by default."""
        return None

    def check(self, task: Task, known: Mapping[str, FieldType], features: Collection[str]) -> None:
        """It can go with every answer of a model of features."""

    def lacks(self, subject: Subject) -> str | None:
        """Why it cannot be fitted to this model; None if it can."""
        features = subject.features
        if features is None:
            return "it reads no features"
        if set(features.data.features) <= set(features.data.text_fields):
            return "it reads texts alone"
        rows = min(len(features.split.fit), len(features.split.validation))
        return f"it takes {_FEWEST} validation rows, and there are {rows}" if rows < _FEWEST else None

    def fit(self, subject: Subject, keep: Keep) -> FamiliarityScore:
        """What is packaged, from the rows that fitted it and the validation rows."""
        return fit_familiarity(subject.behind)


def fit_familiarity(behind: FeatureRows) -> FamiliarityScore:
    """How surprising values are, from the rows that fitted a model, and how strange the validation rows are."""
    data, split = behind.data, behind.split
    taught = data.matrix[split.fit[:: -(-len(split.fit) // _ROWS)]]
    places = [place for place, name in enumerate(data.features) if name not in data.text_fields]
    found = tuple(_feature(data.features[at], taught[:, at], data.features[at] in data.categories) for at in places)
    others = data.matrix[split.validation[:: -(-len(split.validation) // _ROWS)]]
    strange = sum(each.surprises(others[:, at]) for each, at in zip(found, places, strict=True))
    known = np.quantile(strange, np.linspace(0, 1, min(_KNOWN, len(others))), method="lower")
    return FamiliarityScore(features=found, known=tuple(known.tolist()), rows=len(others))


def _feature(name: str, values: npt.NDArray[np.float32], category: bool) -> FamiliarFeature:
    here = values[~np.isnan(values)].astype(np.float64)
    count = len(values)
    if category or not len(here):
        numbers, counts = np.unique(here, return_counts=True)
        common = np.sort(np.argsort(-counts, kind="stable")[:_MOST_CATEGORIES])
        surprise = _surprise(np.append(counts[common], 0), count)
        return FamiliarFeature(
            name=name,
            numbers=tuple(numbers[common].tolist()),
            surprise=tuple(surprise.tolist()),
            missing=float(_surprise(np.array([count - len(here)]), count)[0]),
        )
    finite = here[np.isfinite(here)] if np.isfinite(here).any() else np.zeros(1)
    low, high = np.quantile(finite, [_TAIL, 1 - _TAIL])
    above = float(np.nextafter(np.float32(finite.max()), np.float32(np.inf)))
    edges = np.unique([finite.min(), *np.linspace(low, high, _BINS + 1), above])
    counts = np.bincount(np.searchsorted(edges, here, side="right"), minlength=len(edges) + 1)
    return FamiliarFeature(
        name=name,
        edges=tuple(edges.tolist()),
        surprise=tuple(_surprise(counts, count).tolist()),
        missing=float(_surprise(np.array([count - len(here)]), count)[0]),
    )


def _surprise(counts: npt.NDArray[np.int64], rows: int) -> npt.NDArray[np.float64]:
    """The negative logarithm of how often, as if half a row more had been seen."""
    found: npt.NDArray[np.float64] = -np.log((counts + 0.5) / (rows + 1))
    return found
