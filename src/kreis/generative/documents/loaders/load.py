"""Loads documents: from a file, from bytes, from all files of a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import NamedTuple, TypeVar

from kreis.durable import read_regular
from kreis.errors import CorruptionError, KreisError, MissingLibraryError, ProjectError
from kreis.generative.documents.document import Document, Unreadable
from kreis.generative.documents.loaders.kinds import loader_of
from kreis.generative.documents.loaders.loader import Found, Gap
from kreis.texts import counted

__all__ = ["from_folder", "load_document", "load_documents", "load_folder"]

T = TypeVar("T")
_BASE: ContextVar[Path] = ContextVar("kreis_documents_base", default=Path())
"""Where relative paths begin: in a project its folder, else the working directory."""

_MOST_BYTES = 256 << 20
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class _Given(NamedTuple):
    """What is known of a file beside what it says."""

    name: str
    where: str
    known_at: datetime | None
    changed: datetime | None
    owner: str
    licence: str
    language: str
    groups: Sequence[str] | None
    tenant: str


def from_folder(folder: Path, found: Iterator[T]) -> Iterator[T]:
    """What an iterator gives, while relative paths begin in a folder.

    Args:
        folder: Where they begin.
        found: Loads files as it is asked for them.
    """
    while True:
        token = _BASE.set(folder)
        try:
            each = next(found)
        except StopIteration:
            return
        finally:
            _BASE.reset(token)
        yield each


def load_document(
    source: Path | str | bytes,
    name: str | None = None,
    *,
    known_at: datetime | None = None,
    media_type: str = "",
    owner: str = "",
    licence: str = "",
    language: str = "",
    groups: Sequence[str] | None = None,
    tenant: str = "",
) -> Document:
    """Load the one document of a file.

    Args:
        source: Path of the file, or its bytes. In a documents function of a project a relative path begins in the
            project's folder, else in the working directory.
        name: What names the document; the path, if not given. Its ending says which kind of file it is.
        known_at: Since when it could be read; if not given, what the file says, else when it was changed.
        media_type: The kind of file, where the name does not end in one.
        owner: Where the file says none.
        licence: Where the file says none.
        language: Where the file says none.
        groups: Who may read it, whatever the file says; if not given, what the file says.
        tenant: Whose it is; a file cannot say that.

    Raises:
        ProjectError: it cannot be read as a whole, or holds several documents.

    Example:

    >>> from datetime import UTC, datetime
    >>> page = b"<html lang='de'><body><article><h1>Urlaub</h1><p>30 Tage im Jahr.</p></article></body></html>"
    >>> leave = load_document(page, "leave.html", known_at=datetime(2026, 1, 1, tzinfo=UTC))
    >>> leave.text, leave.language
    ('# Urlaub\\n\\n30 Tage im Jahr.', 'de')
    """
    found = load_documents(
        source, name, known_at=known_at, media_type=media_type, owner=owner, licence=licence, language=language,
        groups=groups, tenant=tenant,
    )  # fmt: skip
    for each in found:
        if isinstance(each, Unreadable):
            raise ProjectError(each.reason, where=each.id, hint="load_documents gives what can be read of it")
    documents = [each for each in found if isinstance(each, Document)]
    if len(documents) != 1:
        where = name or str(source)
        raise ProjectError(
            f"it holds {counted(len(documents), 'document')}, not one", where=where, hint="load_documents gives all"
        )
    return documents[0]


def load_documents(
    source: Path | str | bytes,
    name: str | None = None,
    *,
    known_at: datetime | None = None,
    media_type: str = "",
    owner: str = "",
    licence: str = "",
    language: str = "",
    groups: Sequence[str] | None = None,
    tenant: str = "",
) -> list[Document | Unreadable]:
    """Load all that a file holds: rows of questions and answers, an e-mail with what is attached to it.

    Args:
        source: See `load_document`.
        name: See `load_document`.
        known_at: See `load_document`.
        media_type: See `load_document`.
        owner: See `load_document`.
        licence: See `load_document`.
        language: See `load_document`.
        groups: See `load_document`.
        tenant: See `load_document`.

    Returns:
        The documents; and what could not be read of the file, each with its reason.

    Raises:
        ProjectError: nothing of it can be read.

    Example:

    >>> from datetime import UTC, datetime
    >>> rows = b"question,answer\\nHow many days?,30 a year.\\nWho says so?,\\n"
    >>> [each.id for each in load_documents(rows, "faq.csv", known_at=datetime(2026, 1, 1, tzinfo=UTC))]
    ['faq.csv#d4ddf8e545ea', 'faq.csv#line 3']
    """
    changed = None
    if isinstance(source, bytes):
        data, where = source, ""
        if name is None:
            raise ProjectError("bytes need a name", hint='load_document(data, "leave.pdf", known_at=…)')
    else:
        name = str(source) if name is None else name
        data, changed = _read(_BASE.get() / source)
        where = str(source)
    given = _Given(name, where, known_at, changed, owner, licence, language, groups, tenant)
    parts = _parts(data, name, media_type)
    moments = [each.known_at for each in parts if isinstance(each, Found) and each.known_at is not None]
    file = known_at or changed or min(moments, default=_NEVER)
    return [_made(each, given) if isinstance(each, Found) else _gap(each, given, file) for each in parts]


def load_folder(
    folder: Path | str,
    pattern: str = "**/*",
    *,
    known_at: datetime | None = None,
    owner: str = "",
    licence: str = "",
    language: str = "",
    groups: Sequence[str] | None = None,
    tenant: str = "",
) -> Iterator[Document | Unreadable]:
    """Load the files of a folder, in the order of their names; one after the other, as they are asked for.

    Args:
        folder: Where they lie; a relative path begins as for `load_document`. Names that begin with a dot are left out.
        pattern: Which: "**/*.md".
        known_at: See `load_document`.
        owner: See `load_document`.
        licence: See `load_document`.
        language: See `load_document`.
        groups: See `load_document`.
        tenant: See `load_document`.

    Yields:
        Documents, named by their paths in the folder; and what could not be read, each with its reason: files of
        another kind, too, and links that lead out of the folder.

    Raises:
        ProjectError: there is no such folder, or nothing in it fits the pattern.
        MissingLibraryError: the extra `kreis[generate]` is not installed.

    Example:

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "leave.md").write_text("# Leave")
    >>> _ = (folder / "scan.pdf").write_text("")
    >>> [(each.id, type(each).__name__) for each in load_folder(folder)]
    [('leave.md', 'Document'), ('scan.pdf', 'Unreadable')]
    """
    root = _BASE.get() / folder
    paths = sorted(path for path in root.glob(pattern) if not path.is_dir() and _shown(path.relative_to(root)))
    if not paths:
        what = "no such folder" if not root.is_dir() else f"no file in it fits {pattern!r}"
        raise ProjectError(what, where=str(root.absolute()), hint='load_folder("docs", "**/*.md")')
    inside = root.resolve()
    for path in paths:
        name = path.relative_to(root).as_posix()
        told = Path(folder) / name
        try:
            if not _utf8(name):
                raise ProjectError("its name is not UTF-8", hint="rename it")
            if not _leads_to(path).is_relative_to(inside):
                raise ProjectError("it is a link that leads out of the folder", hint="put the file itself there")
            yield from load_documents(
                told, name, known_at=known_at, owner=owner, licence=licence, language=language, groups=groups,
                tenant=tenant,
            )  # fmt: skip
        except MissingLibraryError:
            raise
        except KreisError as error:
            changed = datetime.fromtimestamp(path.lstat().st_mtime, UTC)
            called, source = _written(name), _written(str(told))
            yield Unreadable(id=called, reason=_told(error), known_at=known_at or changed, source=source)


def _utf8(name: str) -> bool:
    return not any("\ud800" <= each <= "\udfff" for each in name)


def _written(name: str) -> str:
    """A file's name as text that can be kept, whatever bytes it has."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _leads_to(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:
        raise ProjectError("it is a link that leads back to itself", hint="put the file itself there") from error


def _shown(path: PurePath) -> bool:
    return not any(part.startswith(".") for part in path.parts)


def _told(error: KreisError) -> str:
    return f"{error.message}: {error.hint}" if error.hint else error.message


def _read(path: Path) -> tuple[bytes, datetime]:
    """A file's bytes, and when it was changed."""
    try:
        data = read_regular(path, _MOST_BYTES)
        changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError as error:
        raise ProjectError(
            f"it cannot be opened: {error.strerror}", where=str(path), hint="is the path right?"
        ) from error
    except CorruptionError as error:  # a pipe, which nobody writes to, or more than fits
        hint = f"put a file of at most {_MOST_BYTES:,} bytes there"
        raise ProjectError(error.message, where=str(path), hint=hint) from error
    return data, changed


def _parts(data: bytes, name: str, media_type: str) -> list[Found | Gap]:
    loader = loader_of(name, media_type)
    try:
        return list(loader.load(data, name))
    except (KreisError, MemoryError):
        raise
    except ModuleNotFoundError as error:
        raise MissingLibraryError.of(error) or error from error
    except Exception as error:  # a library met something that its author did not think of
        message = f"not readable as {loader.kind}: {type(error).__name__}: {error}"
        raise ProjectError(message, where=name, hint="open and save it anew") from error


def _made(part: Found, given: _Given) -> Document:
    known_at = given.known_at or part.known_at or given.changed
    if known_at is None:
        hint = "known_at=, a moment in UTC"
        raise ProjectError("nothing says since when it could be read", where=f"{given.name}{part.part}", hint=hint)
    return Document(
        id=f"{given.name}{part.part}",
        text=part.text,
        known_at=known_at,
        title=part.title or PurePath(given.name).stem,
        owner=part.owner or given.owner,
        licence=part.licence or given.licence,
        language=part.language or given.language,
        groups=(part.groups or ()) if given.groups is None else tuple(given.groups),
        tenant=given.tenant,
        source=part.source or given.where,
        expires=part.expires,
        pages=part.pages,
    )


def _gap(part: Gap, given: _Given, known_at: datetime) -> Unreadable:
    return Unreadable(id=f"{given.name}{part.part}", reason=part.reason, known_at=known_at, source=given.where)
