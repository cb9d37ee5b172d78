"""Whether a passage supports a sentence: counted, not judged by a model, so it is always the same and costs no call."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from kreis.generative.cache.agreement import stem_of
from kreis.generative.cache.words import OPPOSITES
from kreis.generative.index.index import Hit
from kreis.generative.sentences import sentences
from kreis.generative.words import NEGATIONS, content_stems, words

__all__ = ["SUPPORTED", "Read", "Support", "read_claim", "support"]

SUPPORTED = 0.7
"""From this measure on a sentence is said to be supported."""

_BETTER = 0.1  # so much more must stand in more sentences than in fewer, for them to be cited
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
_ABOUT = frozenset(
    content_stems(
        "answer question passage text document section according state states stated mention mentions mentioned "
        "antwort frage abschnitt text dokument textstelle laut gemäß lautet steht"
    )
)
"""Words about the answer itself: "The answer is 30." claims only "30"."""
_MAY = re.compile(r"(?<=[\w,.] )May\b")
_CAPITAL = re.compile(r"(?<![.!?:]\s)(?<!^)(?<![\"„“»(*_#-])\b[A-ZÄÖÜ]\w*")


class _Sentence(msgspec.Struct, frozen=True):
    start: int
    end: int
    stems: frozenset[str]
    numbers: frozenset[str]
    negated: bool
    sides: frozenset[tuple[int, bool]]
    """Of pairs of opposites which side it names."""


class Read:
    """A passage, read once for all sentences that are checked against it.

    Args:
        hit: As it was shown to the model.
    """

    def __init__(self, hit: Hit) -> None:
        self.hit = hit
        self.sentences = [_sentence(hit.shown, start, end) for start, end in sentences(hit.shown)]
        self.everywhere = (1 << len(self.sentences)) - 1
        self.places: dict[str, int] = dict.fromkeys(content_stems(f"{hit.title} {hit.heading}"), self.everywhere)
        """Of each stem the sentences that hold it, as bits; title and headings hold for all."""
        for place, sentence in enumerate(self.sentences):
            for stem in sentence.stems:
                self.places[stem] = self.places.get(stem, 0) | 1 << place
        self._longer: dict[str, list[str]] = {}
        for stem in self.places:
            if len(stem) >= _PART:
                self._longer.setdefault(stem[:_PART], []).append(stem)

    def where(self, stem: str) -> int:
        """The sentences that hold a word: itself, or as the beginning of a compound, or the other way round."""
        found = self.places.get(stem, 0)
        for each in self._longer.get(stem[:_PART], ()) if len(stem) >= _PART else ():
            if stem.startswith(each) or each.startswith(stem):
                found |= self.places[each]
        return found


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
    sides: frozenset[tuple[int, bool]]


def read_claim(text: str) -> Claim | None:
    """What a sentence claims; None where it holds no word that could be true or false ("Yes.", "Gern!").

    Args:
        text: A sentence without marks of citations.
    """
    read = _sentence(text, 0, len(text))
    if not read.numbers and len(read.stems - _ABOUT) < 2:
        return None
    names = [name.lower() for name in _CAPITAL.findall(text)]
    named = frozenset(content_stems(name for name in names if name not in _IN_WORDS))
    return Claim(read.stems - read.numbers - _ABOUT, read.numbers, named, read.negated, read.sides)


def support(claim: Claim, passage: Read) -> Support:
    """How well a passage supports a claim.

    The measure is the share of the claim's content words that stand in up to three neighbouring sentences of the
    passage or its headings (containment: Broder 1997; "attributable to identified sources": Rashkin et al. 2023, here
    without a model). It is 0 where a number or a month of the claim does not stand there, or where one of the two is
    negated and the other not, or says the opposite ("open", "closed"), and halved where a name (a word with a capital
    inside a sentence; in German also each noun) is missing in the whole passage. One sentence must hold more than half
    of the words: what is put together from several is not what they say. It counts words: who did what to whom it does
    not see.

    Args:
        claim: What is said.
        passage: What it rests on.
    """
    counted = len(claim.stems) + len(claim.numbers)
    numbers_at = [passage.places.get(number, 0) for number in claim.numbers]
    stems_at = [found for stem in claim.stems if (found := passage.where(stem))]
    at_most = (len(stems_at) + len(numbers_at)) / counted
    if not all(numbers_at) or at_most < SUPPORTED:
        return Support(at_most if all(numbers_at) else 0.0, 0, 0)
    share = 1.0 if all(map(passage.where, claim.names)) else 0.5
    held = [sum(each >> place & 1 for each in (*stems_at, *numbers_at)) for place in range(len(passage.sentences))]
    best, needed = Support(0.0, 0, 0), 0.0
    for size in range(1, min(_TOGETHER, len(passage.sentences)) + 1):
        for first in range(len(passage.sentences) - size + 1):
            window = ((1 << size) - 1) << first
            if not all(each & window for each in numbers_at) or 2 * max(held[first : first + size]) <= counted:
                continue
            measure = share * (sum(each & window != 0 for each in stems_at) + len(numbers_at)) / counted
            if measure > needed and _agrees(claim, passage.sentences[first : first + size]):
                best = Support(measure, passage.sentences[first].start, passage.sentences[first + size - 1].end)
                needed = measure if size == 1 else measure + _BETTER
        needed = best.measure + _BETTER if best.measure else 0.0
        if needed >= share * at_most:
            break
    return best


def _agrees(claim: Claim, window: Sequence[_Sentence]) -> bool:
    """Whether the sentence that is nearest to a claim is negated where the claim is, and names no opposite of it."""
    said = claim.stems | claim.numbers
    nearest = max(window, key=lambda each: len(each.stems & said))
    against = (
        (pair, not side) in nearest.sides and (pair, side) not in nearest.sides and (pair, not side) not in claim.sides
        for pair, side in claim.sides
    )
    return nearest.negated == claim.negated and not any(against)


def _sentence(text: str, start: int, end: int) -> _Sentence:
    part = text[start:end]
    listed = words(part)
    stems: set[str] = set()
    counted: set[str] = set()
    sides: set[tuple[int, bool]] = set()
    for word in listed:
        stem, is_number, of_pairs = _word(word)
        sides.update(of_pairs)
        if stem:
            stems.add(stem)
            if is_number:
                counted.add(stem)
    if _MAY.search(part):
        stems.add("month 5")
        counted.add("month 5")
    negated = not NEGATIONS.isdisjoint(listed)
    return _Sentence(start, end, frozenset(stems), frozenset(counted), negated, frozenset(sides))


@lru_cache(maxsize=65536)
def _word(word: str) -> tuple[str, bool, tuple[tuple[int, bool], ...]]:
    """How a word is compared, whether it is a number or a month, and which sides of opposites it is."""
    sides = tuple(
        (pair, word_side)
        for pair, both in enumerate(OPPOSITES)
        for word_side, words_ in zip((True, False), both, strict=True)
        if stem_of(word) in words_
    )
    if word in _IN_WORDS:
        return _IN_WORDS[word], True, sides
    return "".join(content_stems([word])), word[0].isdigit(), sides
