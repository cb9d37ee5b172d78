"""What two questions must have in common, beside a high cosine, to be one question. German and English.

Vectors hardly see what turns a question around: a "not", another number, another name, "before" for "after". So these
are compared as words. Where two questions differ in a few words only, the cosine says nothing about these words: then
all that carries meaning must be the same, in the same order. Only questions that are put quite differently are left to
the cosine, and only in a language whose negations are known here. In doubt it is another question.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kreis.generative.cache.words import (
    ASKING,
    DIRECTIONS,
    EMPTY,
    LANGUAGES,
    MAY,
    MONTHS,
    MUST,
    NEGATIONS,
    NEGATIVE_PREFIXES,
    OPPOSITES,
    OUGHT,
    UNITS,
    stem_of,
)

__all__ = ["differ", "nearest_that_agrees", "stem_of"]

_TOKEN = re.compile(r"\w*\d\w*(?:[.,:/\-]\w*\d\w*)*|[^\W\d_]+(?:-[^\W\d_]+)*(?:-\d\w*)*|[^\w\s.,;:!?\"'()\[\]{}…–—/\-]")
_SENTENCE_ENDS = re.compile(r"[.!?:]\s*[\"'»“(]*$|^[\"'«„“(\s]*$")
_SHORT = re.compile(r"n't\b")
_QUOTES = str.maketrans("’‘ʼ", "'''")
_NEAREST = 20
_FEW = 2
"""Up to so many words of their own, two questions are said to differ in a few words only."""


def differ(first: str, second: str) -> str:
    """Why two questions may not be the same, in a few words; empty where nothing speaks against it.

    Example:

    >>> differ("How long is parental leave?", "How long is the parental leave?")
    ''
    >>> differ("May I park here?", "May I not park here?")
    'negations'
    """
    one, other = _read(first), _read(second)
    if one.words == other.words:
        return "" if one.words else "words"
    if not one.languages & other.languages:
        return "language"
    for what in ("numbers", "negations", "directions"):
        if getattr(one, what) != getattr(other, what):
            return what
    if one.names - other.bag or other.names - one.bag:
        return "names"
    if _apart(one.asking, other.asking) or _apart(one.modals, other.modals):
        return "what is asked"
    if any(_turned(pair, one.bag, other.bag) for pair in OPPOSITES) or _denied(one.bag, other.bag):
        return "opposites"
    return "" if _put_differently(one.bag, other.bag) else "words"


def nearest_that_agrees(
    asked: str, held: Sequence[str], cosines: npt.NDArray[np.float32], *, at_least: float
) -> int | None:
    """The place of the question most like the one that is asked, among those that may be the same.

    Args:
        asked: A question.
        held: Other questions, n of them.
        cosines: How much each is like it, shape (n,); only the nearest few are looked at.
        at_least: From which cosine on.
    """
    for place in np.argsort(-cosines, kind="stable")[:_NEAREST]:
        if cosines[place] < at_least:
            return None
        if not differ(asked, held[place]):
            return int(place)
    return None


class _Read(NamedTuple):
    """What a question says."""

    words: tuple[str, ...]
    """All that carry meaning, by their stems, in their order."""
    bag: frozenset[str]
    numbers: tuple[str, ...]
    """Numbers, codes, units and months, in their order."""
    names: frozenset[str]
    """Stems of what is written large inside a sentence: of German ones also the nouns, which can't be told apart."""
    negations: int
    directions: frozenset[str]
    asking: frozenset[str]
    """Who, when, where, why, how many."""
    modals: frozenset[str]
    languages: frozenset[str]


@lru_cache(maxsize=4096)
def _read(text: str) -> _Read:
    plain = _SHORT.sub(" not", unicodedata.normalize("NFKC", text).translate(_QUOTES))
    words, numbers, names, bare = [], [], set(), set()
    for match in _TOKEN.finditer(plain):
        said, low = match[0], match[0].casefold()
        stem = stem_of(low)
        bare.add(low)
        if any(each.isdigit() for each in low) or low in UNITS or low in MONTHS or not low[0].isalpha():
            numbers.append(stem)
        elif (
            said[0].isupper()
            and low not in LANGUAGES["en"]
            and low not in LANGUAGES["de"]
            and not _SENTENCE_ENDS.search(plain[: match.start()])
        ):
            names.add(stem)
        if not any(low in empty for empty in EMPTY.values()):
            words.append(stem)
    return _Read(
        words=tuple(words),
        bag=frozenset(words),
        numbers=tuple(numbers),
        names=frozenset(names),
        negations=sum(each in NEGATIONS or each.startswith("kein") for each in words),
        directions=frozenset(bare & DIRECTIONS),
        asking=frozenset(kind for kind, among in ASKING.items() if bare & among),
        modals=frozenset(name for name, among in (("may", MAY), ("must", MUST), ("ought", OUGHT)) if bare & among),
        languages=frozenset(language for language, known in LANGUAGES.items() if bare & known),
    )


def _put_differently(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether they share something, but are not alike but for a few words."""
    common, own = len(one & other), max(len(one - other), len(other - one))
    return common > 0 and own > _FEW and 2 * common <= len(one | other)


def _apart(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether both say something, and nothing the same."""
    return bool(one and other and not one & other)


def _turned(pair: tuple[frozenset[str], frozenset[str]], one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether one names one side, and the other the other."""
    left, right = pair
    first, second = (bool(left & one), bool(right & one)), (bool(left & other), bool(right & other))
    return any(first) and any(second) and first != second


def _denied(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether a word of one stands in the other with what denies it before it: "usual", "unusual"."""
    own = one - other, other - one
    return any(
        prefix + word in against
        for words, against in (own, own[::-1])
        for word in words
        if len(word) >= 3
        for prefix in NEGATIVE_PREFIXES
    )
