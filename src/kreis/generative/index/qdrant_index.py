"""An index in Qdrant."""

from __future__ import annotations

import secrets
import sqlite3
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec
import numpy as np

from kreis.errors import KreisError, StoreError, library
from kreis.generative.embeddings.embedding import Vectors
from kreis.generative.index.about import HIT, About
from kreis.generative.index.bm25 import K1, MOST_LIKE, B, candidates, related
from kreis.generative.index.index import FILTERS, Hit, Query
from kreis.generative.index.postings import postings_of
from kreis.generative.index.reading import (
    OfAbout,
    about_of,
    check_filter,
    check_vector,
    hit_of,
    pieces_of,
    read_about,
    spread,
)
from kreis.generative.index.words import is_long, term_of, words_of

__all__ = ["QdrantIndex", "client_of", "publish", "withdraw"]

_NAME: Final = "kreis_index_"
_DENSE: Final = "dense"
_WORDS: Final = "words"
_AT_ONCE: Final = 256
_SCROLLED: Final = 10_000
_TERMS: Final = 50_000
"""In a point."""
_FIELDS: Final = (
    "number", "id", "version", "start", "stop", "text", "parent", "parent_start", "heading", "title", "source",
    "language", "licence", "page",
)  # fmt: skip
"""Of a hit, as `hit_of` takes them; what says when it expires stands beside them."""


def client_of(url: str, key: str) -> Any:
    """A client of a server.

    Raises:
        MissingLibraryError: qdrant-client is not installed.
        StoreError: it is no address.
    """
    client = library("qdrant_client").QdrantClient
    with _speaking():
        return client(url=url, api_key=key or None, check_compatibility=False)


class QdrantIndex(OfAbout):
    """See `Index`. Terms that are like one of the question add their own BM25 with less weight; the SQLite file counts
    them together, so scores of such questions differ a little.
    """

    def __init__(self, client: Any, version: str) -> None:
        self._client, self._name = client, _NAME + version[:40]
        with _speaking():
            if self._name not in _aliases(client):
                raise StoreError(f"no index {version[:12]} is published there", where="Qdrant", hint="publish it first")
            [head] = client.retrieve(self._name, [_special(0)])
            super().__init__(about_of(head.payload["about"], where="Qdrant"))
            points = client.retrieve(self._name, [_special(1 + place) for place in range(head.payload["pieces"])])
        pieces = sorted((point.payload for point in points), key=lambda payload: int(payload["first"]))
        terms = [term for piece in pieces for term in piece["terms"]]
        holding = [count for piece in pieces for count in piece["holding"]]
        self._terms = {term: (place, holding[place]) for place, term in enumerate(terms)}
        self._sorted = sorted(terms)

    def lexical(self, query: Query) -> list[Hit]:
        """See `Index.lexical`."""
        from qdrant_client.models import SparseVector

        wanted: dict[int, float] = {}
        for part, times in Counter(map(term_of, words_of(query.text))).items():
            longer = self._longer(part) if is_long(part) else []
            known = [each for each in candidates(part, longer) if each in self._terms]
            for term, weight in related(part, longer, known):
                place, holding = self._terms[term]
                rarity = np.log1p((len(self) - holding + 0.5) / (holding + 0.5))
                wanted[place] = wanted.get(place, 0.0) + times * weight * float(rarity)
        vector = SparseVector(indices=list(wanted), values=list(wanted.values())) if wanted else None
        return self._found(query, vector, _WORDS, "lexical")

    def dense(self, query: Query, vector: Vectors) -> list[Hit]:
        """See `Index.dense`."""
        check_vector(vector, self._about)
        return self._found(query, vector[0].tolist(), _DENSE, "dense")

    def hits(self, chunks: Sequence[int]) -> list[Hit]:
        """See `Index.hits`."""
        return [_hit(point.payload, {}) for point in self._points(chunks, with_payload=True)]

    def vectors(self, chunks: Sequence[int]) -> Vectors:
        """See `Index.vectors`."""
        points = self._points(chunks, with_payload=False, with_vectors=[_DENSE])
        made: Vectors = np.array([point.vector[_DENSE] for point in points], dtype=np.float32)
        return made.reshape(len(chunks), self._about.dimension)

    def private(self, most: int) -> list[Hit]:
        """See `Index.private`."""
        numbers: list[int] = []
        after: Any = None
        with _speaking():
            while True:
                points, after = self._client.scroll(
                    self._name,
                    scroll_filter=_not_for_all(),
                    limit=_SCROLLED,
                    offset=after,
                    with_payload=False,
                    with_vectors=False,
                )
                numbers += [point.id for point in points]
                if after is None:
                    break
        return self.hits(spread(sorted(numbers), most))

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    def _longer(self, term: str) -> list[str]:
        start, stop = bisect_left(self._sorted, term), bisect_left(self._sorted, f"{term}\U0010ffff")
        longer = [each for each in self._sorted[start:stop] if each != term]
        return sorted(longer, key=lambda each: (len(each), each))[:MOST_LIKE]

    def _found(self, query: Query, vector: Any, using: str, score: str) -> list[Hit]:
        allowed = _allowed(query)
        if vector is None or not len(self):
            return []
        with _speaking():
            points = self._client.query_points(
                self._name, query=vector, using=using, query_filter=allowed, limit=query.top
            ).points
        points.sort(key=lambda point: (-point.score, point.id))
        return [_hit(point.payload, {"score": point.score, score: point.score}) for point in points]

    def _points(self, chunks: Sequence[int], **what: Any) -> list[Any]:
        numbers = [int(chunk) for chunk in chunks]
        with _speaking():
            found = {point.id: point for point in self._client.retrieve(self._name, numbers, **what)}
        return self._in_order(found, numbers)


def publish(client: Any, file: Path) -> None:
    """Copy an index file into a collection of a client. See `QdrantIndexes.publish`."""
    from qdrant_client import models

    with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as source, _speaking():
        about = read_about(source, where=str(file))
        name = _NAME + about.version[:40]
        if name in _aliases(client):
            return
        collection = f"{name}_{secrets.token_hex(4)}"
        dense = models.VectorParams(
            size=max(about.dimension, 1), distance=models.Distance.COSINE, datatype=models.Datatype.FLOAT16
        )
        client.create_collection(
            collection,
            vectors_config={_DENSE: dense} if about.dimension else {},
            sparse_vectors_config={_WORDS: models.SparseVectorParams()},
        )
        for field in ("tenant", "groups", *FILTERS):
            if not _is_local(client):
                client.create_payload_index(collection, field, models.PayloadSchemaType.KEYWORD)
        client.upload_points(collection, _points(source, about), batch_size=_AT_ONCE, wait=True)
        alias = models.CreateAlias(collection_name=collection, alias_name=name)
        client.update_collection_aliases([models.CreateAliasOperation(create_alias=alias)])


def withdraw(client: Any, version: str) -> None:
    """Delete a version, and what broken-off publications left of it."""
    with _speaking():
        for collection in client.get_collections().collections:
            if collection.name.startswith(_NAME + version[:40]):
                client.delete_collection(collection.name)


def _points(source: sqlite3.Connection, about: About) -> Iterator[Any]:
    from qdrant_client.models import PointStruct, SparseVector

    terms = source.execute("SELECT term, postings FROM terms").fetchall()
    pieces = range(0, len(terms), _TERMS)
    head = {"about": msgspec.json.encode(about).decode(), "pieces": len(pieces)}
    yield PointStruct(id=_special(0), vector={}, payload=head)
    for place, first in enumerate(pieces):
        some = terms[first : first + _TERMS]
        said = {"first": first, "terms": [term for term, _ in some], "holding": [len(data) // 5 for _, data in some]}
        yield PointStruct(id=_special(1 + place), vector={}, payload=said)
    words = _Words(data for _, data in terms)
    mean = max(about.words / max(about.chunks, 1), 1.0)
    vectors = (row for piece in pieces_of(source, about.dimension) for row in piece)
    for number, length, payload in _payloads(source):
        places, counts = words.of(number)
        values = counts * (K1 + 1) / (counts + K1 * (1 - B + B * length / mean))
        vector: dict[str, Any] = {_WORDS: SparseVector(indices=places.tolist(), values=values.tolist())}
        if about.dimension:
            vector[_DENSE] = next(vectors).tolist()
        yield PointStruct(id=number, vector=vector, payload=payload)


class _Words:
    """Postings turned round: the terms of each chunk."""

    def __init__(self, postings: Iterable[bytes]) -> None:
        read = [postings_of(data) for data in postings]
        chunks = np.concatenate([np.empty(0, dtype=np.uint32), *(each for each, _ in read)])
        order = np.argsort(chunks, kind="stable")
        self._chunks = chunks[order]
        self._terms = np.repeat(np.arange(len(read)), [len(each) for each, _ in read])[order]
        self._counts = np.concatenate([np.empty(0), *(counts for _, counts in read)])[order]

    def of(self, chunk: int) -> tuple[Any, Any]:
        start, stop = np.searchsorted(self._chunks, [chunk, chunk + 1])
        return self._terms[start:stop], self._counts[start:stop]


def _payloads(source: sqlite3.Connection) -> Iterator[tuple[int, int, dict[str, Any]]]:
    rows = source.execute(
        f"SELECT {HIT}, owner, tenant, groups, words FROM chunks JOIN documents ON documents.number = chunks.document"
        " JOIN readers ON readers.number = readers LEFT JOIN parents ON parents.number = parent ORDER BY chunks.number"
    )
    for *hit, expires, owner, tenant, groups, words in rows:
        payload = dict(zip(_FIELDS, hit, strict=True)) | {"owner": owner, "tenant": tenant}
        if expires is not None:
            payload["expires"] = expires
        if names := msgspec.json.decode(groups, type=list[str]):
            payload["groups"] = names
        yield hit[0], words, payload


def _allowed(query: Query) -> Any:
    """What a point must be to be a candidate."""
    from qdrant_client import models as q

    def empty(key: str) -> Any:
        return q.IsEmptyCondition(is_empty=q.PayloadField(key=key))

    groups = [q.FieldCondition(key="groups", match=q.MatchAny(any=sorted(query.access.groups)))]
    must: list[Any] = [
        q.FieldCondition(key="tenant", match=q.MatchAny(any=["", query.access.tenant])),
        q.Filter(should=[empty("groups"), *(groups if query.access.groups else [])]),
    ]
    if query.at:
        must.append(q.Filter(should=[empty("expires"), q.FieldCondition(key="expires", range=q.Range(gt=query.at))]))
    for field, value in query.filters.items():
        check_filter(field)
        must.append(q.FieldCondition(key=field, match=q.MatchValue(value=value)))
    return q.Filter(must=must)


def _not_for_all() -> Any:
    """What a chunk is that belongs to a tenant or to groups. Points that are no chunks have neither field."""
    from qdrant_client import models as q

    def said(key: str) -> Any:
        return q.Filter(must_not=[q.IsEmptyCondition(is_empty=q.PayloadField(key=key))])

    of_tenant = q.Filter(must=[said("tenant")], must_not=[q.FieldCondition(key="tenant", match=q.MatchValue(value=""))])
    return q.Filter(should=[of_tenant, said("groups")])


def _hit(payload: Mapping[str, Any], scores: Mapping[str, float]) -> Hit:
    return hit_of([*(payload[field] for field in _FIELDS), payload.get("expires")], scores)


def _special(number: int) -> str:
    """The id of a point that is no chunk."""
    return str(UUID(int=number))


def _aliases(client: Any) -> set[str]:
    return {alias.alias_name for alias in client.get_aliases().aliases}


def _is_local(client: Any) -> bool:
    return type(client._client).__name__ == "QdrantLocal"


@contextmanager
def _speaking() -> Iterator[None]:
    from qdrant_client.common.client_exceptions import QdrantException
    from qdrant_client.http.exceptions import ApiException

    try:
        yield
    except KreisError:
        raise
    except (ApiException, QdrantException, OSError) as error:
        said = str(error).strip().splitlines()
        raise StoreError(
            said[0] if said else type(error).__name__, where="Qdrant", hint="check the address and the key"
        ) from error
