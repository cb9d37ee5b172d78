"""A learned re-ranker: features of a hit for a question, and a small model that orders hits by them.

The same code makes the features in training and in service. The model is ONNX, trained as a ranking candidate
(`kreis.ways.generative.retrieval`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from kreis.errors import RefusalError
from kreis.generative.index.index import Hit
from kreis.generative.index.words import term_of, words_of
from kreis.models.scoring import Matrix, OnnxScorer, Scorer
from kreis.texts import counted

__all__ = ["DEPTH", "FEATURES", "Reranker", "features_of"]

DEPTH = 50
"""So many hits of a search are put in a new order."""

FEATURES = (
    "score", "score_to_best", "lexical", "lexical_to_best", "lexical_place", "dense", "dense_to_best", "dense_place",
    "terms_found", "rare_terms_found", "rarest_term_found", "pairs_found", "best_sentence", "first_sentence",
    "closeness", "title", "heading", "words", "question_terms",
)  # fmt: skip
"""What is known of a hit, in the order of the model's input. A new one comes last: older models take the first ones."""

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_CLOSE = 12
"""Words within which terms of a question stand close together."""


class Reranker:
    """Puts hits in a new order. Safe to share between threads."""

    def __init__(self, scorer: Scorer, width: int = len(FEATURES)) -> None:
        """By what scores the first `width` features."""
        self._scorer, self._width = scorer, width

    @classmethod
    def open(cls, path: Path) -> Reranker:
        """From its file.

        Raises:
            RefusalError: it is no model of these features.
        """
        scorer = OnnxScorer.from_onnx(path.read_bytes())
        if scorer.width > len(FEATURES) or scorer.texts:
            said = f"the model takes {counted(scorer.width, 'feature')}, {len(FEATURES)} are known of a hit"
            raise RefusalError(said, where="re-ranker", hint="serve it by the version of kreis that trained it")
        return cls(scorer, scorer.width)

    def order(self, question: str, hits: Sequence[Hit], *, top: int) -> list[Hit]:
        """The best `top` hits, best first; `score` is the model's, and equal scores stay in the order they had.

        Args:
            question: What was asked.
            hits: Of a search, best first.
            top: How many.
        """
        if not hits:
            return []
        features = features_of(question, hits)[:, : self._width]
        scores = self._scorer.score(np.ascontiguousarray(features))
        order = np.argsort(-scores, kind="stable")[:top]
        return [msgspec.structs.replace(hits[place], score=float(scores[place])) for place in order]


def features_of(question: str, hits: Sequence[Hit]) -> Matrix:
    """What is known of each hit for a question: float32 of shape (n, features), in the order of `FEATURES`.

    How rare a term is follows from these hits themselves, so that a model is not bound to one index.

    Args:
        question: What was asked.
        hits: Of one search, best first.
    """
    asked = list(dict.fromkeys(_terms(question)))
    read = [_read(hit.text) for hit in hits]
    holding = [sum(term in each.terms for each in read) for term in asked]
    rarity = {term: math.log(1 + len(hits) / (0.5 + held)) for term, held in zip(asked, holding, strict=True)}
    score, lexical, dense = (np.array([getattr(hit, name) for hit in hits]) for name in ("score", "lexical", "dense"))
    columns = [
        score,
        score / max(float(score.max()), 1e-9),
        lexical,
        lexical / max(float(lexical.max()), 1e-9),
        _places(lexical),
        dense,
        dense - dense.max(),
        _places(dense),
        *np.array([_of_text(asked, rarity, hit, each) for hit, each in zip(hits, read, strict=True)]).T,
        np.full(len(hits), float(len(asked))),
    ]
    return np.column_stack(columns).astype(np.float32)


class _Read(NamedTuple):
    """A text, taken apart."""

    words: tuple[str, ...]
    """Its terms in their order."""
    terms: frozenset[str]
    sentences: tuple[frozenset[str], ...]


def _of_text(asked: Sequence[str], rarity: dict[str, float], hit: Hit, read: _Read) -> list[float]:
    """The features that come from the words of one hit."""
    whole = sum(rarity.values()) or 1.0

    def found(terms: frozenset[str]) -> float:
        return sum(rarity[term] for term in asked if term in terms) / whole

    rarest = max(rarity.values(), default=0.0)
    pairs = list(pairwise(asked))
    beside = set(pairwise(read.words))
    sentences = [found(each) for each in read.sentences]
    return [
        sum(term in read.terms for term in asked) / max(len(asked), 1),
        found(read.terms),
        float(any(term in read.terms for term in asked if rarity[term] == rarest)),
        sum(pair in beside for pair in pairs) / max(len(pairs), 1),
        max(sentences, default=0.0),
        sentences[0] if sentences else 0.0,
        _closeness(asked, rarity, read.words) / whole,
        found(frozenset(_terms(hit.title))),
        found(frozenset(_terms(hit.heading))),
        math.log1p(len(read.words)),
    ]


def _closeness(asked: Sequence[str], rarity: dict[str, float], words: Sequence[str]) -> float:
    """The most, by their rarity, of a question's terms that stand within a few words."""
    sought = set(asked)
    at = [(place, word) for place, word in enumerate(words) if word in sought]
    best = 0.0
    for start, (place, _) in enumerate(at):
        near = {word for there, word in at[start : start + 2 * _CLOSE] if there - place < _CLOSE}
        best = max(best, sum(rarity[word] for word in near))
    return best


def _places(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """One over the place of each value, the highest first."""
    places = np.empty(len(values))
    places[np.argsort(-values, kind="stable")] = 1 / np.arange(1, len(values) + 1)
    return places


_term = lru_cache(maxsize=65_536)(term_of)


def _terms(text: str) -> list[str]:
    return [_term(word) for word in words_of(text)]


@lru_cache(maxsize=4096)
def _read(text: str) -> _Read:
    sentences = [tuple(_terms(each)) for each in _SENTENCE.split(text)]
    words = tuple(word for sentence in sentences for word in sentence)
    return _Read(words, frozenset(words), tuple(frozenset(each) for each in sentences if each))
