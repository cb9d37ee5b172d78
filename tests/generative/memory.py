"""A tiny index in memory, so that what answers is tested without files."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from kreis.generative.embeddings.embedding import Vectors
from kreis.generative.index.index import Hit, Query
from kreis.generative.words import content_stems


class Passage(msgspec.Struct, frozen=True):
    """A document of one chunk."""

    document: str
    text: str
    heading: str = ""
    tenant: str = ""
    groups: tuple[str, ...] = ()


class MemoryIndex:
    """Chunks that are whole documents, found by the words that they share with a question."""

    embedding = ""

    def __init__(self, *passages: Passage, version: str = "v1") -> None:
        self.version = version
        self._passages = passages

    def __len__(self) -> int:
        return len(self._passages)

    def lexical(self, query: Query) -> list[Hit]:
        asked = set(content_stems(query.text))
        found = []
        for hit, passage in zip(self.hits(range(len(self))), self._passages, strict=True):
            shared = len(asked & set(content_stems(f"{passage.heading} {passage.text}")))
            allowed = passage.tenant in ("", query.access.tenant) and (
                not passage.groups or query.access.groups & set(passage.groups)
            )
            if shared and allowed:
                found.append(msgspec.structs.replace(hit, score=float(shared), lexical=float(shared)))
        return sorted(found, key=lambda hit: (-hit.score, hit.chunk))[: query.top]

    def dense(self, query: Query, vector: Vectors) -> list[Hit]:
        raise NotImplementedError

    def hits(self, chunks: Sequence[int]) -> list[Hit]:
        return [
            Hit(
                chunk=chunk,
                document=passage.document,
                version="1",
                start=0,
                end=len(passage.text),
                text=passage.text,
                shown=passage.text,
                shown_start=0,
                heading=passage.heading,
            )
            for chunk in chunks
            for passage in [self._passages[chunk]]
        ]
