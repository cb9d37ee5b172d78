"""Texts that are nearly the same, found without comparing each with each."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Alike", "alike"]

_WORD = re.compile(r"\w+")
_RUN = 5
"""Words in a shingle."""
_SKETCH = 128
"""The smallest hashes of a text's shingles stand for it: what two have in common is known to 0.04 (Broder 1997)."""
_UNSURE = 0.2
"""Of pairs whose estimate lies so far below, the shingles are not compared."""
_LOOKED_UP = 16
"""So many of them say which others may be like it: with 0.8 in common, two share one of them, surely."""
_COMPARED = 30
"""A text is compared with so many of those before it that share one shingle: boilerplate stands in all of them."""
_FACTORS = np.array([3, 1_000_003, 2_147_483_647, 4_294_967_311, 8_589_934_609], dtype=np.uint64)


class Alike(NamedTuple):
    """Two texts by their places, and the share of their shingles that they have in common (Jaccard)."""

    first: int
    second: int
    share: float


def alike(texts: Sequence[str], at_least: float) -> list[Alike]:
    """Each text with the one before it that it is most like.

    Shingles of five words; the smallest hashes of each text (Broder 1997) say which pairs are compared.

    Args:
        texts: Texts with fewer than five words are left out.
        at_least: The share from which on two texts are told of.

    Example:

    >>> page = "Everybody has thirty days of leave in a year, and who needs more asks the manager in writing."
    >>> [(each.first, each.second) for each in alike([page, "Call us when you are ill.", page + " Soon."], 0.8)]
    [(0, 2)]
    """
    known: dict[str, int] = {}
    before: dict[int, list[int]] = {}
    sketches: list[npt.NDArray[np.uint64]] = []
    found = []
    for place, text in enumerate(texts):
        shingles = _shingles(text, known)
        sketch = np.sort(_mixed(shingles))[:_SKETCH]
        sketches.append(sketch)
        looked_up = sketch[:_LOOKED_UP].tolist()
        others = {other for each in looked_up for other in before.get(each, ())}
        likely = [other for other in sorted(others) if _estimate(sketch, sketches[other]) >= at_least - _UNSURE]
        shares = [(_share(shingles, _shingles(texts[other], known)), -other) for other in likely]
        if shares and (best := max(shares))[0] >= at_least:
            found.append(Alike(-best[1], place, best[0]))
        for each in looked_up:
            group = before.setdefault(each, [])
            if len(group) < _COMPARED:
                group.append(place)
    return found


def _share(one: npt.NDArray[np.uint64], other: npt.NDArray[np.uint64]) -> float:
    """Of sorted shingles, the share that both have."""
    common = _common(one, other)
    return common / (len(one) + len(other) - common)


def _common(one: npt.NDArray[np.uint64], other: npt.NDArray[np.uint64]) -> int:
    places = np.searchsorted(other, one)
    return int(np.count_nonzero(other[np.minimum(places, len(other) - 1)] == one))


def _estimate(one: npt.NDArray[np.uint64], other: npt.NDArray[np.uint64]) -> float:
    """The share by sketches: of the smallest hashes of both together, those that are in both."""
    both = np.unique(np.concatenate([one, other]))[:_SKETCH]
    within = both[-1]
    common = _common(one[one <= within], other[other <= within])
    return common / len(both)


def _shingles(text: str, known: dict[str, int]) -> npt.NDArray[np.uint64]:
    """The hashes of a text's shingles, each once; `known` keeps those of words."""
    words = _WORD.findall(text.lower())
    if len(words) < _RUN:
        return np.empty(0, dtype=np.uint64)
    for word in set(words).difference(known):
        known[word] = zlib.crc32(word.encode("utf-8", "surrogatepass"))
    hashes = np.fromiter(map(known.__getitem__, words), dtype=np.uint64, count=len(words))
    return np.unique(np.lib.stride_tricks.sliding_window_view(hashes, _RUN) @ _FACTORS)


def _mixed(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """In an order that has nothing to do with the words (the finaliser of splitmix64)."""
    mixed = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
