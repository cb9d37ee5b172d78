"""What all connectors ask of a path before they open it, and where they note what they met."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from kreis.errors import ProjectError, nearest

__all__ = ["checked_file", "note", "notes", "noting"]

_NOTES: ContextVar[dict[str, None] | None] = ContextVar("notes", default=None)


@contextmanager
def notes() -> Iterator[dict[str, None]]:
    """Gather what connectors note while the block runs, each sentence once."""
    gathered: dict[str, None] = {}
    token = _NOTES.set(gathered)
    try:
        yield gathered
    finally:
        _NOTES.reset(token)


def note(sentence: str) -> None:
    """Note something that the owner of the data should know."""
    noting()(sentence)


def noting() -> Callable[[str], None]:
    """`note` for another thread (Polars reads a deferred frame in one): it notes where this was called."""
    gathered = _NOTES.get()

    def note_here(sentence: str) -> None:
        if gathered is not None:
            gathered[sentence] = None

    return note_here


def checked_file(path: str | Path, *, within: str | Path | None = None) -> Path:
    """The file, links resolved.

    Raises:
        ProjectError: no such file, or it lies outside the folder `within`.
    """
    file = Path(path)
    resolved = file.resolve()
    if within is not None and not resolved.is_relative_to(Path(within).resolve()):
        raise ProjectError(f"the file lies outside {within}", where=str(file), hint="move it there, without links")
    if not resolved.is_file():
        what = "is a folder, not a file" if resolved.is_dir() else "there is no such file"
        parent = resolved.parent
        siblings = [each.name for each in parent.iterdir() if each.is_file()] if parent.is_dir() else []
        hint = nearest(file.name, siblings) if siblings else f"{parent} holds no files"
        raise ProjectError(what, where=str(file), hint=hint)
    return resolved
