"""What every kind of index reads alike: the head of a file, its vectors, rows as hits; and what it refuses."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from kreis.errors import ProjectError
from kreis.formats import check_format
from kreis.generative.embeddings.embedding import Vectors
from kreis.generative.index.about import FORMAT, About
from kreis.generative.index.index import FILTERS, Hit
from kreis.generative.index.words import ANALYSIS

__all__ = [
    "OfAbout", "about_of", "address_in", "check_filter", "check_vector", "hit_of", "pieces_of", "read_about",
    "spread",
]  # fmt: skip
T = TypeVar("T")


class OfAbout:
    """What an index of any kind tells of itself, from its head."""

    def __init__(self, about: About) -> None:
        self._about, self.version, self.embedding = about, about.version, about.embedding
        self.recall = about.recall
        """The share of the ten nearest chunks that the file's graph finds; None: it compares all."""

    def __len__(self) -> int:
        """Chunks."""
        return self._about.chunks

    def _in_order(self, found: Mapping[int, T], chunks: Sequence[int]) -> list[T]:
        """What was found of chunks, in their order.

        Raises:
            ProjectError: there is no such chunk.
        """
        if missing := [chunk for chunk in chunks if chunk not in found]:
            raise ProjectError(f"there is no chunk {missing[0]}", where=f"index {self.version[:12]}")
        return [found[chunk] for chunk in chunks]


def address_in(variable: str, of: str, hint: str) -> str:
    """The address that a variable of the environment holds.

    Raises:
        ProjectError: it is missing.
    """
    if address := os.environ.get(variable):
        return address
    raise ProjectError(f"no address of a {of}", where=f"environment variable {variable}", hint=hint)


def read_about(file: sqlite3.Connection, *, where: str) -> About:
    """What a file says of itself.

    Raises:
        ProjectError: another version of kreis wrote it.
    """
    return about_of(file.execute("SELECT document FROM about").fetchone()[0], where=where)


def about_of(document: str, *, where: str) -> About:
    """What an index says of itself, from its JSON.

    Raises:
        ProjectError: another version of kreis wrote it.
    """
    check_format(document.encode(), FORMAT, where=where)
    about = msgspec.json.decode(document, type=About)
    if about.analysis != ANALYSIS:
        raise ProjectError(
            f"its terms were made by {about.analysis}; this version searches {ANALYSIS}",
            where=where,
            hint="build it anew, or open it with the kreis that built it",
        )
    return about


def pieces_of(file: sqlite3.Connection, dimension: int) -> Iterator[npt.NDArray[np.float16]]:
    """The vectors of a file, piece by piece, shape (n, d)."""
    for (data,) in file.execute("SELECT data FROM vectors ORDER BY piece"):
        yield np.frombuffer(data, dtype="<f2").reshape(-1, dimension)


def check_filter(field: str) -> None:
    """Refuse a field that no document has.

    Raises:
        ProjectError: it is one.
    """
    if field not in FILTERS:
        raise ProjectError.unknown_name("field", field, FILTERS, where="filter of a query")


def check_vector(vector: Vectors, about: About) -> None:
    """Refuse a vector that can't be one of the index's model.

    Raises:
        ProjectError: it has another shape than (1, d).
    """
    if vector.shape != (1, about.dimension):
        raise ProjectError(
            f"a vector of shape {vector.shape} was given; its own have {about.dimension} numbers",
            where=f"index {about.version[:12]}",
            hint="ask with the embedding model that the index was built with",
        )


def hit_of(row: Sequence[Any], scores: Mapping[str, float]) -> Hit:
    """A hit.

    Args:
        row: The columns of `HIT`.
        scores: `score`, `lexical`, `dense`; what is not given is 0.
    """
    number, document, version, start, stop, text, parent, parent_start, *said, page, expires = row
    heading, title, source, language, licence = said
    return Hit(
        chunk=number,
        document=document,
        version=version,
        start=start,
        end=stop,
        text=text,
        shown=text if parent is None else parent,
        shown_start=start if parent is None else parent_start,
        heading=heading,
        title=title,
        source=source,
        language=language,
        licence=licence,
        page=page,
        expires=expires,
        score=scores.get("score", 0.0),
        lexical=scores.get("lexical", 0.0),
        dense=scores.get("dense", 0.0),
    )


def spread(numbers: Sequence[int] | npt.NDArray[np.integer[Any]], most: int) -> list[int]:
    """Some of many numbers, evenly over all of them, the first and the last among them.

    Args:
        numbers: In order.
        most: How many at most.
    """
    places = np.linspace(0, len(numbers) - 1, min(most, len(numbers))).astype(np.int64)
    return [int(numbers[place]) for place in places]
