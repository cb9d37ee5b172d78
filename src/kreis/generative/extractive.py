"""Answers without a language model: the sentences of the passages that answer a question best, word for word."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import msgspec

from kreis.generative.index.index import Hit
from kreis.generative.sentences import sentences
from kreis.generative.words import content_stems, words

__all__ = ["Extract", "Weights", "extract", "plain_sentence", "retrieval_confidence", "whole_passages"]

_WORTH_MORE = 25  # words: a sentence shorter than this is given with the next one
_PART = 5  # letters from which on a word counts where it is part of a longer one: "Urlaub" in "Urlaubstage"
_NUMBER_ASKED = re.compile(
    r"\b(how (?:many|much|long|old|often|far|high)|when|what (?:year|date|time|percentage)|wie ?viele?|wann|"
    r"wie (?:lange|oft|alt|hoch|weit|teuer)|in welchem jahr)\b",
    re.IGNORECASE,
)
_MARKS = re.compile(r"^\s*(?:[-*+>]\s+|#+\s+|\d+[.)]\s+)+|\*\*|__|`")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")


class Extract(msgspec.Struct, frozen=True, kw_only=True):
    """Sentences of a passage."""

    passage: int
    """Its place among the hits, from 0."""
    start: int
    end: int
    """In the document's text."""
    quote: str


class Weights:
    """How much each word of a question says: rare words more than frequent ones, as among the passages found.

    The weight of a word is log(1 + n / (1 + in how many of the n passages it stands)), an inverse document frequency
    (Spärck Jones 1972) over what was found.
    """

    def __init__(self, question: str, hits: Sequence[Hit]) -> None:
        self.of_hits = [frozenset(content_stems(f"{hit.title} {hit.heading} {hit.shown}")) for hit in hits]
        every = frozenset[str]().union(*self.of_hits)
        self._weights: list[tuple[frozenset[str], float]] = []
        """Of each of the question's stems those of the passages that are it or a compound with it, and its weight."""
        for stem in dict.fromkeys(content_stems(question)):
            same = frozenset(each for each in every if each == stem or (len(stem) >= _PART and stem in each))
            found = sum(not same.isdisjoint(stems) for stems in self.of_hits)
            self._weights.append((same, math.log(1 + max(len(hits), 4) / (1 + found))))
        self._whole = sum(weight for _, weight in self._weights)

    def coverage(self, stems: frozenset[str]) -> float:
        """The share of the question, by weight, that stands in a text: 0 to 1."""
        found = (weight for same, weight in self._weights if not same.isdisjoint(stems))
        return sum(found) / self._whole if self._whole else 0.0


def retrieval_confidence(hits: Sequence[Hit], weights: Weights) -> float:
    """How well the passages fit the question, 0 to 1, monotone in both: the mean of the best cosine, where vectors were
    searched, and of the largest share of the question's words, weighted by their rarity, that one passage holds.
    """
    if not hits:
        return 0.0
    covered = max(weights.coverage(stems) for stems in weights.of_hits)
    cosine = max(hit.dense for hit in hits)
    return min(1.0, max(0.0, covered if cosine == 0 else (cosine + covered) / 2))


def extract(question: str, hits: Sequence[Hit], weights: Weights) -> Extract | None:
    """The sentences that answer a question best; None where no passage has any.

    A sentence counts by the question's words that it holds, then by those of its heading and of the sentence before it
    (a question in a list of questions and answers is no answer, what follows it is), and less in a later passage. Where
    a number or a date is asked for, one with a number counts more.

    Args:
        question: What is asked.
        hits: Passages, best first.
        weights: Of the question's words among these.
    """
    numbered = _NUMBER_ASKED.search(question) is not None
    best: tuple[float, int, int] | None = None
    places = [sentences(hit.shown) for hit in hits]
    for at, hit in enumerate(hits):
        above = frozenset(content_stems(f"{hit.title} {hit.heading}"))
        before: frozenset[str] = frozenset()
        for number, (start, end) in enumerate(places[at]):
            text = hit.shown[start:end]
            stems = frozenset(content_stems(text))
            if _is_answer(text):
                own, around = weights.coverage(stems), weights.coverage(stems | before | above)
                score = (own + 0.5 * around + 0.1 * (numbered and any(each.isdigit() for each in text))) / (
                    1 + 0.2 * at
                )
                if best is None or score > best[0] + 1e-9:
                    best = (score, at, number)
            before = stems
            if text.lstrip().startswith("#"):
                above, before = above | stems, frozenset()
    if best is None:
        return None
    _, at, number = best
    start, end = places[at][number]
    if len(words(hits[at].shown[start:end])) < _WORTH_MORE and number + 1 < len(places[at]):
        following = places[at][number + 1]
        text = hits[at].shown[slice(*following)]
        if _is_answer(text) and "\n" not in hits[at].shown[end : following[0]]:
            end = following[1]
    hit = hits[at]
    return Extract(passage=at, start=hit.shown_start + start, end=hit.shown_start + end, quote=hit.shown[start:end])


def whole_passages(hits: Sequence[Hit], count: int) -> list[Extract]:
    """The best passages as they are, up to `count` of them."""
    return [
        Extract(passage=at, start=hit.shown_start, end=hit.shown_start + len(hit.shown), quote=hit.shown)
        for at, hit in enumerate(hits[:count])
    ]


def plain_sentence(text: str) -> str:
    """Sentences as they are read: without Markdown's marks, on one line."""
    lines = (_MARKS.sub("", _LINK.sub(r"\1", line)) for line in text.splitlines())
    return " ".join(" ".join(lines).replace("|", " ").split())


def _is_answer(text: str) -> bool:
    bare = text.strip().rstrip('*_"”“»)')
    return bool(words(bare)) and not bare.startswith("#") and not bare.endswith(("?", ":"))
