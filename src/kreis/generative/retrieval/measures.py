"""How well searches find what questions need: recall, reciprocal rank, discounted gain; by question, over all at once.

A question names what is relevant to it, with a grade each: whole documents, or places in them. All measures follow from
the place at which each of these is found first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from kreis.arrays import Floats
from kreis.errors import ProjectError
from kreis.generative.index.index import Access, Hit, Query
from kreis.generative.questions import Citation
from kreis.texts import counted

__all__ = ["Found", "Judged", "Relevant"]


class Relevant(msgspec.Struct, frozen=True, kw_only=True):
    """What answers a question: a document, or a part of one."""

    document: str
    start: int | None = None
    end: int | None = None
    """Characters in the document's text; None: the document as a whole."""
    grade: float = 1.0
    """How relevant it is; above 0."""

    def held_by(self, hit: Hit | Citation) -> bool:
        """Whether a hit, or what is cited, is of the document and overlaps the part."""
        if hit.document != self.document:
            return False
        return self.start is None or self.end is None or (hit.start < self.end and self.start < hit.end)


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A question, and what is relevant to it: a judgement that searches are chosen and judged by."""

    text: str
    relevant: tuple[Relevant, ...] = ()
    """Nothing, where no document answers it: then the measures of a ranking do not apply."""
    access: Access = Access()
    filters: Mapping[str, str] = {}

    def query(self, top: int) -> Query:
        """It, as a search is asked."""
        return Query(text=self.text, access=self.access, top=top, filters=self.filters)

    def places(self, hits: Sequence[Hit]) -> list[float]:
        """Where each of `relevant` is found first, counted from 1; infinite where it is not.

        Where whole documents are asked for, documents are counted: several chunks of one have one place.
        """
        whole = all(each.start is None for each in self.relevant)
        found = [math.inf] * len(self.relevant)
        seen: dict[str, int] = {}
        for place, hit in enumerate(hits, start=1):
            at = seen.setdefault(hit.document, len(seen) + 1) if whole else place
            for number, each in enumerate(self.relevant):
                if math.isinf(found[number]) and each.held_by(hit):
                    found[number] = float(at)
        return found

    def grades(self, hits: Sequence[Hit]) -> list[float]:
        """How relevant each hit is: the best grade that it holds, else 0."""
        return [max((each.grade for each in self.relevant if each.held_by(hit)), default=0.0) for hit in hits]


@dataclass(frozen=True, eq=False)
class Found:
    """At which places n questions' relevant items are found; NaN of a question to which nothing is relevant.

    Example:

    >>> found = Found.of_names([["b", "a", "c"], ["a", "b"]], [{"a": 1.0, "d": 1.0}, {"a": 1.0}])
    >>> found.recall(3), found.reciprocal_rank(3), found.ndcg(3).round(3)
    (array([0.5, 1. ]), array([0.5, 1. ]), array([0.387, 1.   ]))
    """

    places: Floats
    """Shape (n, m): of each relevant item the place at which it is found, from 1; infinite where it is not."""
    grades: Floats
    """Shape (n, m): of each the grade; 0 where there are fewer than m."""

    @classmethod
    def of_hits(cls, hits: Sequence[Sequence[Hit]], questions: Sequence[Judged]) -> Found:
        """What a search found for each question, best first."""
        _same(len(hits), len(questions))
        places = [question.places(found) for question, found in zip(questions, hits, strict=True)]
        return cls._padded(places, [[each.grade for each in question.relevant] for question in questions])

    @classmethod
    def of_names(cls, names: Sequence[Iterable[str]], judgements: Sequence[Mapping[str, float]]) -> Found:
        """By names alone: those found, best first, and the grade of those relevant. A name counts where it comes first;
        a grade of 0 is as if it were not judged.
        """
        _same(len(names), len(judgements))
        places, grades = [], []
        for found, judged in zip(names, judgements, strict=True):
            at = {name: place for place, name in enumerate(dict.fromkeys(found), start=1)}
            relevant = {name: grade for name, grade in judged.items() if grade > 0}
            places.append([float(at.get(name, math.inf)) for name in relevant])
            grades.append(list(relevant.values()))
        return cls._padded(places, grades)

    @classmethod
    def _padded(cls, places: Sequence[Sequence[float]], grades: Sequence[Sequence[float]]) -> Found:
        width = max((len(each) for each in grades), default=0)
        shape = (len(grades), max(width, 1))
        at, of = np.full(shape, math.inf), np.zeros(shape)
        for row, (some, with_grades) in enumerate(zip(places, grades, strict=True)):
            at[row, : len(some)], of[row, : len(with_grades)] = some, with_grades
        return cls(at, of)

    def __len__(self) -> int:
        return len(self.places)

    def recall(self, at: int) -> Floats:
        """The share of what is relevant among the first `at` places, shape (n,)."""
        relevant = self.grades > 0
        found = (relevant & (self.places <= at)).sum(axis=1, dtype=np.float64)
        return _share(found, relevant.sum(axis=1, dtype=np.float64))

    def reciprocal_rank(self, at: float = math.inf) -> Floats:
        """One over the place of what is found first, 0 beyond `at` (Voorhees 1999), shape (n,)."""
        first = self.places.min(axis=1)
        judged = (self.grades > 0).any(axis=1)
        return np.where(judged, np.where(first <= at, 1 / first, 0.0), math.nan)

    def ndcg(self, at: int) -> Floats:
        """The discounted gain over that of the best order (Järvelin and Kekäläinen 2002), shape (n,).

        The gain is the grade itself and the discount 1 / log2(1 + place), as TREC and BEIR compute it.
        """
        counted = self.places <= at
        gained = np.where(counted, self.grades / np.log2(1 + np.where(counted, self.places, 1.0)), 0.0).sum(axis=1)
        best = -np.sort(-self.grades, axis=1)[:, :at]
        ideal = (best / np.log2(2 + np.arange(best.shape[1]))).sum(axis=1)
        return np.minimum(_share(gained, ideal), 1.0)  # several items in one chunk have one place


def _share(part: Floats, whole: Floats) -> Floats:
    """NaN where there is nothing of the whole."""
    shares = np.full(len(part), math.nan)
    np.divide(part, whole, out=shares, where=whole > 0)
    return shares


def _same(found: int, asked: int) -> None:
    if found != asked:
        raise ProjectError(f"{found} rankings for {counted(asked, 'question')}", where="measures of retrieval")
