"""Texts that are nearly the same, found without comparing each with each."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Alike", "alike"]

_WORD = re.compile(r"\w+")
_RUN = 5
"""Words in a shingle."""
_SKETCH = 16
"""So many shingles of a text say which others may be like it: with 0.8 in common, two share one of them, surely."""
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
    found = []
    for place, text in enumerate(texts):
        shingles = _shingles(text, known)
        sketch = np.sort(_mixed(shingles))[:_SKETCH].tolist()
        others = {other for each in sketch for other in before.get(each, ())}
        best = _best(shingles, [(other, _shingles(texts[other], known)) for other in sorted(others)])
        if best is not None and best[1] >= at_least:
            found.append(Alike(best[0], place, best[1]))
        for each in sketch:
            group = before.setdefault(each, [])
            if len(group) < _COMPARED:
                group.append(place)
    return found


def _best(
    shingles: npt.NDArray[np.uint64], others: Iterable[tuple[int, npt.NDArray[np.uint64]]]
) -> tuple[int, float] | None:
    best = None
    for place, other in others:
        common = len(np.intersect1d(shingles, other, assume_unique=True))
        share = common / (len(shingles) + len(other) - common)
        if best is None or share > best[1]:
            best = (place, share)
    return best


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
