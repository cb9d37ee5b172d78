"""The sentences of an answer, each checked against the passages that it cites."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import msgspec

from kreis.generative.extractive import plain_sentence
from kreis.generative.index.index import Hit
from kreis.generative.output.marks import cited, without_marks
from kreis.generative.output.support import SUPPORTED, Read, read_claim, support
from kreis.generative.questions import Citation

__all__ = ["CheckedSentence", "ClaimCheck"]


class CheckedSentence(msgspec.Struct, frozen=True):
    """A sentence of an answer after its check."""

    text: str
    """With its marks: as it may be given; empty where it may not."""
    citations: tuple[Citation, ...] = ()
    measure: float = 0.0
    """The best passage's support, 0 to 1."""
    claims: bool = True
    """Whether it says anything that could be true or false."""


class ClaimCheck:
    """Checks sentences against passages.

    Args:
        hits: What the model was shown, in the order of their numbers.
    """

    def __init__(self, hits: Sequence[Hit]) -> None:
        self._hits = hits
        self._read = cache(lambda number: Read(hits[number - 1]))  # most answers need only what they cite

    def sentence(self, text: str) -> CheckedSentence:
        """A sentence as it may be given.

        The passages that it cites are looked at first. Where none of them supports it, the others are, and the mark is
        set right: a model that names no passage, or a wrong one, may still say what stands there. A sentence that no
        passage supports, and one that says nothing ("Sure!"), is left out.
        """
        bare = without_marks(text).strip()
        claim = read_claim(plain_sentence(bare))
        if claim is None:
            return CheckedSentence("", claims=False)
        named = [number for number in cited(text) if 1 <= number <= len(self._hits)]
        others = [number for number in range(1, len(self._hits) + 1) if number not in named]
        best = 0.0
        for numbers in (named, others):
            found = {number: support(claim, self._read(number)) for number in numbers}
            kept = {number: each for number, each in found.items() if each.measure >= SUPPORTED}
            best = max([best, *(each.measure for each in found.values())])
            if kept and numbers is others:
                first = max(kept, key=lambda number: (kept[number].measure, -number))
                kept = {first: kept[first]}
            if kept:
                marks = "".join(f" [{number}]" for number in sorted(kept))
                citations = tuple(self._citation(number, kept[number].start, kept[number].end, bare) for number in kept)
                return CheckedSentence(bare + marks, citations, best)
        return CheckedSentence("", measure=best)

    def _citation(self, number: int, start: int, end: int, claim: str) -> Citation:
        return citation_of(number, self._hits[number - 1], start, end, claim)


def citation_of(number: int, hit: Hit, start: int, end: int, claim: str) -> Citation:
    """The place of a claim.

    Args:
        number: The passage's, as the mark has it.
        hit: The passage.
        start: In `hit.shown`.
        end: In `hit.shown`.
        claim: The sentence of the answer.
    """
    return Citation(
        document=hit.document,
        version=hit.version,
        start=hit.shown_start + start,
        end=hit.shown_start + end,
        quote=hit.shown[start:end],
        title=hit.title,
        source=hit.source,
        page=hit.page,
        claim=claim,
        number=number,
    )
