"""Whether a passage supports a sentence: counted, not judged by a model, so it is always the same and costs no call."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from kreis.generative.index.index import Hit
from kreis.generative.sentences import sentences
from kreis.generative.words import NEGATIONS, content_stems, numbers, words

__all__ = ["SUPPORTED", "Read", "Support", "read_claim", "support"]

SUPPORTED = 0.7
"""From this measure on a sentence is said to be supported."""

_TOGETHER = 3  # sentences of a passage that may support one sentence together
_PART = 5  # letters from which on a word counts where it is part of a longer one: "Urlaub" in "Urlaubstage"
_COUNTED = (
    "zero x two three four five six seven eight nine ten eleven twelve",
    "null x zwei drei vier fünf sechs sieben acht neun zehn elf zwölf",
)
_TENS = (
    "twenty thirty forty fifty sixty seventy eighty ninety",
    "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig",
)
_MONTHS = (
    "january february march april x june july august september october november december",
    "januar februar märz april mai juni juli august september oktober november dezember",
)
_IN_WORDS = {word: str(number) for listed in _COUNTED for number, word in enumerate(listed.split())}
_IN_WORDS |= {word: f"{ten}0" for listed in _TENS for ten, word in enumerate(listed.split(), start=2)}
_IN_WORDS |= {word: f"month {month}" for listed in _MONTHS for month, word in enumerate(listed.split(), start=1)}
_MAY = re.compile(r"(?<=[\w,.] )May\b")
_CAPITAL = re.compile(r"(?<![.!?:]\s)(?<!^)(?<![\"„“»(*_#-])\b[A-ZÄÖÜ]\w*")


class _Sentence(msgspec.Struct, frozen=True):
    start: int
    end: int
    stems: frozenset[str]
    numbers: frozenset[str]
    negated: bool


class Read(msgspec.Struct, frozen=True):
    """A passage, read once for all sentences that are checked against it."""

    hit: Hit
    sentences: tuple[_Sentence, ...]
    above: frozenset[str]
    """Stems of title and headings: they hold for all sentences."""
    stems: frozenset[str]
    """All stems."""

    @classmethod
    def of(cls, hit: Hit) -> Read:
        """Read a passage.

        Args:
            hit: As it was shown to the model.
        """
        parts = tuple(_sentence(hit.shown, start, end) for start, end in sentences(hit.shown))
        above = frozenset(content_stems(f"{hit.title} {hit.heading}"))
        return cls(hit, parts, above, above.union(*(each.stems for each in parts)))


class Support(msgspec.Struct, frozen=True):
    """How well a passage supports a sentence, and by which of its own."""

    measure: float
    """0 to 1; 0 where numbers or negations disagree."""
    start: int
    end: int
    """In `Hit.shown`."""


class Claim(msgspec.Struct, frozen=True):
    """A sentence of an answer, read."""

    stems: frozenset[str]
    numbers: frozenset[str]
    names: frozenset[str]
    negated: bool


def read_claim(text: str) -> Claim | None:
    """What a sentence claims; None where it holds no word that could be true or false ("Yes.", "Gern!").

    Args:
        text: A sentence without marks of citations.
    """
    read = _sentence(text, 0, len(text))
    if not read.numbers and len(read.stems) < 2:
        return None
    names = [name.lower() for name in _CAPITAL.findall(text)]
    named = frozenset(content_stems(name for name in names if name not in _IN_WORDS))
    return Claim(read.stems - read.numbers, read.numbers, named, read.negated)


def support(claim: Claim, passage: Read) -> Support:
    """How well a passage supports a claim.

    The measure is the share of the claim's content words that stand in up to three neighbouring sentences of the
    passage or its headings (containment: Broder 1997; "attributable to identified sources": Rashkin et al. 2023, here
    without a model). It is 0 where a number or a month of the claim does not stand there, or where one of the two is
    negated and the other not, and halved where a name (a word with a capital inside a sentence; in German also each
    noun) is missing in the whole passage. It counts words: who did what to whom it does not see.

    Args:
        claim: What is said.
        passage: What it rests on.
    """
    best, length, counted = Support(0.0, 0, 0), 0, len(claim.stems) + len(claim.numbers)
    named = all(_stands(name, passage.stems) for name in claim.names)
    for window in _windows(passage.sentences):
        stems = passage.above.union(*(each.stems for each in window))
        if not claim.numbers <= stems:
            continue
        found = sum(_stands(stem, stems) for stem in claim.stems)
        measure = (found + len(claim.numbers)) / counted
        if measure * (1 if named else 0.5) <= best.measure + (0.1 if length else 0):
            continue  # a longer window must be better by more than a little
        nearest = max(window, key=lambda each: len(each.stems & (claim.stems | claim.numbers)))
        if nearest.negated == claim.negated:
            best = Support(measure * (1 if named else 0.5), window[0].start, window[-1].end)
            length = len(window)
    return best


def _windows(parts: Sequence[_Sentence]) -> Iterator[Sequence[_Sentence]]:
    for size in range(1, _TOGETHER + 1):
        for first in range(len(parts) - size + 1):
            yield parts[first : first + size]


def _stands(stem: str, stems: frozenset[str]) -> bool:
    """Whether a word stands there: itself, or as part of a compound."""
    if stem in stems:
        return True
    if len(stem) < _PART:
        return False
    return any(len(each) >= _PART and (stem.startswith(each) or each.startswith(stem)) for each in stems)


def _sentence(text: str, start: int, end: int) -> _Sentence:
    part = text[start:end]
    listed = words(part)
    counted = frozenset(numbers(part)) | {_IN_WORDS[word] for word in listed if word in _IN_WORDS}
    if _MAY.search(part):
        counted |= {"month 5"}
    stems = frozenset(content_stems(word for word in listed if word not in _IN_WORDS)) | counted
    return _Sentence(start, end, stems, counted, any(word in NEGATIONS for word in listed))
