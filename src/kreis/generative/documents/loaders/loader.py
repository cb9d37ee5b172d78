"""What a loader is: it takes the bytes of a file of its kind, and gives texts in Markdown with what the file says of
them. What it cannot read it says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Protocol

import msgspec

from kreis.clock import in_utc
from kreis.errors import ProjectError

__all__ = ["Found", "Gap", "Loader", "as_text", "groups_of", "moment_of", "table_of", "tidy"]

_BLANK_LINES = re.compile(r"[ \t]*\n(?:[ \t]*\n){2,}")


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A text in a file, and what the file says of it. What it does not say is empty."""

    text: str
    """Markdown; lines end with a line feed."""
    part: str = ""
    """Where a file holds several texts, what is added to its name: "#a1b2"."""
    title: str = ""
    owner: str = ""
    licence: str = ""
    language: str = ""
    groups: tuple[str, ...] | None = None
    """None: the file says nothing of it."""
    known_at: datetime | None = None
    expires: datetime | None = None
    source: str = ""
    pages: tuple[int, ...] = ()


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a file that could not be read."""

    part: str
    """As in `Found`."""
    reason: str
    """Why, and what to do."""


class Loader(Protocol):
    """Reads one kind of file. Frozen; `kreis.generative.documents.loaders.testing` has its tests."""

    @property
    def kind(self) -> str:
        """As it is told to people: "a PDF"."""
        ...

    @property
    def endings(self) -> tuple[str, ...]:
        """Of names of files, in small letters: ".pdf"."""
        ...

    @property
    def media_types(self) -> tuple[str, ...]:
        """Of bytes that have no name: "application/pdf"."""
        ...

    def load(self, data: bytes, name: str) -> Iterable[Found | Gap]:
        """The texts of a file, in its order.

        Args:
            data: The file.
            name: The file's, for messages.

        Raises:
            ProjectError: nothing of it can be read; says why and what to do.
        """
        ...


def as_text(data: bytes, name: str) -> str:
    """A text file's text; lines end with a line feed.

    Raises:
        ProjectError: it is not UTF-8.
    """
    coding = "UTF-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "UTF-8"
    try:
        text = data.decode(coding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        said = f"the text is not {coding} at byte {error.start:,}"
        raise ProjectError(said, where=name, hint="save it as UTF-8") from error
    if "\0" in text:
        raise ProjectError("it is no text: it holds zero bytes", where=name, hint="give it the ending of its kind")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def tidy(text: str) -> str:
    """Without blanks at both ends, and with no more than one empty line between two others."""
    return _BLANK_LINES.sub("\n\n", text).strip()


def table_of(rows: list[list[str]]) -> str:
    """A Markdown table; the first row is its head. Empty where no cell says anything."""
    cells = [[" ".join(cell.split()).replace("|", "\\|") for cell in row] for row in rows]
    cells = [row for row in cells if any(row)]
    if not cells:
        return ""
    width = max(map(len, cells))
    lines = ["| " + " | ".join(row + [""] * (width - len(row))) + " |" for row in cells]
    return "\n".join([lines[0], "|" + "---|" * width, *lines[1:]])


def moment_of(value: object, what: str, name: str) -> datetime | None:
    """A moment as a file gives it: ISO 8601, a day for its beginning; UTC where it has no zone. None where it is empty.

    Raises:
        ProjectError: it is no moment.
    """
    if value is None or value == "":
        return None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError as error:
        raise ProjectError(f"{what} is no moment: {value!r}", where=name, hint=f"{what}: 2026-12-31") from error
    return in_utc(moment)


def groups_of(value: object) -> tuple[str, ...] | None:
    """Access groups as a file gives them: a list, or a text with commas. None where it says nothing."""
    if value is None:
        return None
    given = value if isinstance(value, list) else str(value).split(",")
    return tuple(text for each in given if (text := str(each).strip()))
