"""A documents source: a function that gives documents, read as rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from kreis.collection.connectors.files import noting
from kreis.collection.sources import Window
from kreis.declarations import place_of
from kreis.errors import ProjectError
from kreis.generative.documents.document import Document
from kreis.generative.documents.table import documents_frame
from kreis.generative.documents.unreadable import Unreadable

if TYPE_CHECKING:
    import polars as pl

__all__ = ["DocumentsFunction", "DocumentsOf", "ReadableBy"]

DocumentsFunction: TypeAlias = Callable[[Window], Iterable[Document | Unreadable]]
ReadableBy: TypeAlias = Literal["groups", "everyone"]
_ALL = Window(None, datetime.max.replace(tzinfo=UTC) - timedelta(days=1))


@dataclass(frozen=True, kw_only=True)
class DocumentsOf:
    """Reads documents as a source: gives the rows of a window, whether or not the function looks at the window."""

    function: DocumentsFunction
    access: ReadableBy

    def __call__(self, window: Window) -> pl.LazyFrame:
        """The documents that became known in a window, a row each."""
        return documents_frame(self._read(window), told=noting()).filter(window.contains("known_at"))

    def identity(self) -> str:
        """A digest of all documents: where it changes, something was added, changed or taken away."""
        digest = sha256()
        for each in self._read(_ALL):
            digest.update(msgspec.msgpack.encode(each))
        return digest.hexdigest()

    def _read(self, window: Window) -> Iterator[Document | Unreadable]:
        found = self.function(window)
        if not isinstance(found, Iterable):
            raise ProjectError(
                f"it gave a {type(found).__name__}, and no documents",
                where=place_of(self.function),
                hint="yield each document, or return a list of them",
            )
        for each in found:
            if self.access == "everyone" and isinstance(each, Document) and each.groups:
                raise ProjectError(
                    f"document {each.id!r} is for the groups {', '.join(each.groups)}, and access is 'everyone'",
                    hint='@project.documents(access="groups"), or give documents without groups',
                )
            yield each
