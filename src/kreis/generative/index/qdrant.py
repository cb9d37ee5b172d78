"""Indexes in Qdrant, as data in a package."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from kreis.generative.index.reading import address_in

if TYPE_CHECKING:
    from kreis.generative.index.qdrant_index import QdrantIndex

__all__ = ["QdrantIndexes"]


class QdrantIndexes(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="indexes", tag="qdrant"
):
    """Indexes in a Qdrant server: a collection for each version.

    Example:

    >>> QdrantIndexes(env="QDRANT_URL").env
    'QDRANT_URL'
    """

    env: str
    """The variable that holds its URL; `{env}_KEY` holds the key."""

    def publish(self, file: Path) -> None:
        """Copy an index file into a collection, which bears the version's name once all is there. See
        `PostgresIndexes.publish`.
        """
        from kreis.generative.index.qdrant_index import publish

        with closing(self._client()) as client:
            publish(client, file)

    def open(self, version: str) -> QdrantIndex:
        """The index of a version; see `PostgresIndexes.open`."""
        from kreis.generative.index.qdrant_index import QdrantIndex

        return QdrantIndex(self._client(), version)

    def withdraw(self, version: str) -> None:
        """Delete a version; see `PostgresIndexes.withdraw`."""
        from kreis.generative.index.qdrant_index import withdraw

        with closing(self._client()) as client:
            withdraw(client, version)

    def _client(self) -> Any:
        from kreis.generative.index.qdrant_index import client_of

        hint = f"set {self.env}=https://HOST:6333, and {self.env}_KEY if it asks for a key"
        url = address_in(self.env, "Qdrant server", hint)
        return client_of(url, os.environ.get(f"{self.env}_KEY", ""))
