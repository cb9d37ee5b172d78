"""Which chunks hold a term, and how often: collected in pieces, so that memory does not grow with the documents."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

import numpy as np
import numpy.typing as npt

from kreis.generative.index.words import term_of, words_of

__all__ = ["Postings", "postings_of"]

_PIECE: Final = 2_000_000
"""Words that are kept in memory before they are sorted and put aside."""
_MERGED: Final = 4_000_000
"""Postings that are merged at once."""


class _Numbers(dict[str, int]):
    """The number of a word's term, made when it is first asked for."""

    def __init__(self) -> None:
        self.terms: dict[str, int] = {}

    def __missing__(self, word: str) -> int:
        number = self[word] = self.terms.setdefault(term_of(word), len(self.terms))
        return number


class Postings:
    """Collects the terms of chunks, in the order of their numbers."""

    def __init__(self, folder: Path) -> None:
        self._numbers = _Numbers()
        self._file = TemporaryFile(dir=folder)  # noqa: SIM115 - closed by `close`
        self._pieces: list[tuple[int, int]] = []
        """Where each begins in the file, and its postings."""
        self._holding = np.zeros(0, dtype=np.int64)
        """Chunks that hold each term, of those that were put aside."""
        self._terms = array("q")
        """Of the chunks from `_kept` on, word by word."""
        self._kept = 0
        self.lengths: list[int] = []
        """Words of each chunk."""

    def add(self, text: str) -> None:
        """The next chunk."""
        words = words_of(text)
        self._terms.extend(map(self._numbers.__getitem__, words))
        self.lengths.append(len(words))
        if len(self._terms) >= _PIECE:
            self._put_aside()

    def rows(self) -> Iterator[tuple[str, bytes]]:
        """Each term with its postings (as `postings_of` reads them), in the order in which terms first came."""
        self._put_aside()
        names = list(self._numbers.terms)
        past = np.cumsum(self._holding)
        first = 0
        while first < len(names):
            done = past[first - 1] if first else 0
            last = min(max(int(np.searchsorted(past, done + _MERGED)), first + 1), len(names))
            yield from self._merged(names, first, last)
            first = last

    def close(self) -> None:
        """Delete what was put aside."""
        self._file.close()

    def _put_aside(self) -> None:
        if not self._terms:
            return
        lengths = self.lengths[self._kept :]
        chunks = np.repeat(np.arange(self._kept, len(self.lengths)), lengths)
        keys, counts = np.unique(np.array(self._terms, dtype=np.int64) << 32 | chunks, return_counts=True)
        holding = np.bincount(keys >> 32, minlength=len(self._numbers.terms))
        holding[: len(self._holding)] += self._holding
        self._holding = holding
        place = self._file.tell()
        self._file.write(keys.tobytes())
        self._file.write(np.minimum(counts, 255).astype(np.uint8).tobytes())
        self._pieces.append((place, len(keys)))
        self._terms, self._kept = array("q"), len(self.lengths)

    def _merged(self, names: list[str], first: int, last: int) -> Iterator[tuple[str, bytes]]:
        parts = [self._part(place, size, first, last) for place, size in self._pieces]
        keys = np.concatenate([part[0] for part in parts])
        order = np.argsort(keys, kind="stable")
        keys, counts = keys[order], np.concatenate([part[1] for part in parts])[order]
        chunks = (keys & 0xFFFFFFFF).astype("<u4")
        bounds = np.searchsorted(keys, np.arange(first, last + 1) << 32).tolist()
        for number, start, stop in zip(range(first, last), bounds, bounds[1:], strict=False):
            yield names[number], chunks[start:stop].tobytes() + counts[start:stop].tobytes()

    def _part(
        self, place: int, size: int, first: int, last: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
        """What one piece holds of some terms: read, not mapped, so that what was read makes room again."""
        self._file.flush()
        piece = np.memmap(self._file, dtype=np.int64, mode="r", offset=place, shape=(size,))
        start, stop = np.searchsorted(piece, [first << 32, last << 32]).tolist()
        self._file.seek(place + 8 * start)
        keys = np.frombuffer(self._file.read(8 * (stop - start)), dtype=np.int64)
        self._file.seek(place + 8 * size + start)
        return keys, np.frombuffer(self._file.read(stop - start), dtype=np.uint8)


def postings_of(data: bytes) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint8]]:
    """A row's chunks, ascending, and how often the term stands in each (255: or more)."""
    count = len(data) // 5
    return np.frombuffer(data, dtype="<u4", count=count), np.frombuffer(data, dtype=np.uint8, offset=4 * count)
