"""BM25 (Robertson and Zaragoza 2009), over postings that are read term by term."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from kreis.generative.index.words import LIKE, is_long, parts_of, term_of, words_of

if TYPE_CHECKING:
    from kreis.generative.index.sqlite import SqliteIndex

__all__ = ["K1", "MOST_LIKE", "B", "Bm25", "Postings", "candidates", "related"]

K1: Final = 1.2
B: Final = 0.75
_KEPT: Final = 64
"""Terms whose sums are kept: the frequent ones cost most, and come in most questions."""
_SPARSE: Final = 0.125
"""Share of chunks from which on a sum over all of them is faster than by places."""
MOST_LIKE: Final = 20
"""Terms that begin with another one, the shortest first, that are counted for it."""

Postings = tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint8]]
"""Chunks, ascending, and how often the term stands in each."""
Scores = npt.NDArray[np.float32]


class Bm25:
    """Scores of chunks. Terms that are like one of the question count as that one, with less weight."""

    def __init__(self, terms: SqliteIndex, words: npt.NDArray[np.int64]) -> None:
        """`words`: of each chunk."""
        self._terms = terms
        mean = max(float(words.mean()), 1.0) if len(words) else 1.0
        self._norm: Scores = (K1 * (1 - B + B * words / mean)).astype(np.float32)
        self._of_term = lru_cache(maxsize=_KEPT)(self._of)

    def scores(self, text: str) -> Scores:
        """Of each chunk, 0 where it holds no word of the text."""
        scores = np.zeros(len(self._norm), dtype=np.float32)
        for term, times in sorted(Counter(map(term_of, words_of(text))).items()):
            chunks, values = self._of_term(term)
            if chunks is None:
                scores += times * values
            else:
                scores[chunks] += times * values
        return scores

    def _of(self, term: str) -> tuple[npt.NDArray[np.int64] | None, Scores]:
        """What a term adds to chunks; None for them: to each, in their order."""
        longer = self._terms.longer(term) if is_long(term) else []
        known = self._terms.postings(candidates(term, longer))
        found = [(weight, known[each]) for each, weight in related(term, longer, known)]
        together = np.zeros(len(self._norm), dtype=np.float32)
        for weight, (places, often) in found:
            together[places] += weight * often
        chunks = np.flatnonzero(together) if len(found) != 1 else found[0][1][0].astype(np.int64)
        counts = together[chunks]
        rarity = np.log1p((len(together) - len(chunks) + 0.5) / (len(chunks) + 0.5))
        values = (rarity * (K1 + 1) * counts / (counts + self._norm[chunks])).astype(np.float32)
        if len(chunks) < _SPARSE * len(together):
            return chunks, values
        together[chunks] = values
        return None, together


def candidates(term: str, longer: Sequence[str]) -> list[str]:
    """The terms that may count for one: itself, those that begin with it, and its parts."""
    heads, tails = parts_of(term)
    return [term, *longer, *heads, *tails]


def related(term: str, longer: Sequence[str], known: Container[str]) -> list[tuple[str, float]]:
    """The known terms that count for one, with their weights: of its parts the longest of each end."""
    heads, tails = parts_of(term)
    parts = [each for part in (heads, tails) for each in [each for each in part if each in known][:1]]
    like = dict.fromkeys(each for each in [*longer, *parts] if each in known)
    return [(each, 1.0) for each in [term] if each in known] + [(each, LIKE) for each in like]
