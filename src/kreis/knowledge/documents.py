"""A documents source: a function that gives documents, read as rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from struct import Struct
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec

from kreis.collection.connectors.files import noting
from kreis.collection.sources import Window
from kreis.declarations import place_of
from kreis.errors import ProjectError
from kreis.generative.documents.document import Document, Unreadable
from kreis.generative.documents.loaders.load import from_folder
from kreis.generative.documents.table import documents_frame

if TYPE_CHECKING:
    import polars as pl

__all__ = ["DocumentsFunction", "DocumentsOf", "ReadableBy"]

DocumentsFunction: TypeAlias = Callable[[Window], Iterable[Document | Unreadable]]
ReadableBy: TypeAlias = Literal["groups", "everyone"]
_HEAD = Struct("<?Q")
_ALL = Window(None, datetime.max.replace(tzinfo=UTC) - timedelta(days=1))


class _Kept:
    """Documents, encoded one after the other."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def add(self, document: Document | Unreadable, encoded: bytes) -> None:
        self._file.write(_HEAD.pack(isinstance(document, Document), len(encoded)) + encoded)

    def read(self) -> Iterator[Document | Unreadable]:
        place = 0
        while True:
            self._file.seek(place)
            if not (head := self._file.read(_HEAD.size)):
                return
            is_document, size = _HEAD.unpack(head)
            place += _HEAD.size + size
            kind: type[Document | Unreadable] = Document if is_document else Unreadable
            yield msgspec.msgpack.decode(self._file.read(size), type=kind)


@dataclass(frozen=True, kw_only=True)
class DocumentsOf:
    """Reads documents as a source: gives the rows of a window, whether or not the function looks at the window.

    What lies in files is found relative to the project's folder.
    """

    function: DocumentsFunction
    access: ReadableBy
    folder: Path
    """The project's."""
    _waiting: list[_Kept] = field(default_factory=list, init=False, repr=False, compare=False)
    _kept: list[_Kept] = field(default_factory=list, init=False, repr=False, compare=False)
    """All documents as they were read to see whether they changed; only within `once`."""

    def __getstate__(self) -> dict[str, Any]:
        """What determines the documents: steps that read them are known by it, in whatever folder."""
        return {"function": self.function, "access": self.access}

    def __call__(self, window: Window) -> pl.LazyFrame:
        """The documents that became known in a window, a row each."""
        found = self._kept[0].read() if self._kept else self._read(window)
        return documents_frame(found, told=noting()).filter(window.contains("known_at"))

    @contextmanager
    def once(self) -> Iterator[None]:
        """Within it, documents that were read to see whether they changed are not read a second time: they are kept in
        an unnamed file meanwhile.
        """
        with TemporaryFile() as file:
            self._waiting.append(_Kept(file))
            try:
                yield
            finally:
                self._waiting.clear()
                self._kept.clear()

    def identity(self) -> str:
        """A digest of all documents: where it changes, something was added, changed or taken away."""
        digest, kept = sha256(), self._waiting.pop() if self._waiting else None
        for each in self._read(_ALL):
            said = msgspec.msgpack.encode(each)
            digest.update(said)
            if kept is not None:
                kept.add(each, said)
        if kept is not None:
            self._kept.append(kept)
        return digest.hexdigest()

    def _read(self, window: Window) -> Iterator[Document | Unreadable]:
        return from_folder(self.folder, self._given(window))

    def _given(self, window: Window) -> Iterator[Document | Unreadable]:
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
