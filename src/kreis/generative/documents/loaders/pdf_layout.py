"""From pieces of text at places on a page to lines, paragraphs, lists and tables.

The order of the file is kept: it leads through the columns of a page, which the places alone would mix up.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from kreis.generative.documents.loaders.loader import table_of

__all__ = ["Segment", "compared", "markdown_of_page", "with_headings"]

_CELL = 1.2
"""A gap of so many heights of a line parts cells: blanks between words are narrower, also in justified lines."""
_WORD = 0.12
"""A gap of so many heights parts words."""
_PARAGRAPH = 0.9
"""Lines that are so many heights apart belong to two paragraphs."""
_BULLET = re.compile(r"[•◦▪●■‣–*·-]|\d{1,3}[.)]")
_BULLETED = re.compile(r"^[•◦▪●■‣·] *(?=\S)")
_NUMBER = re.compile(r"^\s*(?:[A-Z]\.)?\d*(?:\.\d+)*\.?\s+")
_HYPHENS = ("\x02", "\ufffe")
"""What pdfium gives for a hyphen at the end of a line that parts a word."""


class Segment(NamedTuple):
    """A piece of text, in points from the left and from the bottom."""

    left: float
    bottom: float
    right: float
    top: float
    text: str

    @property
    def height(self) -> float:
        """Of its letters."""
        return self.top - self.bottom


class _Row(NamedTuple):
    cells: list[Segment]
    """From left to right."""
    bottom: float
    top: float

    @property
    def text(self) -> str:
        """Its cells as one line; an item of a list begins with a dash."""
        return _BULLETED.sub("- ", " ".join(each.text.strip(" ") for each in self.cells))


def markdown_of_page(segments: list[Segment]) -> str:
    """The text of a page.

    Args:
        segments: What stands on it, in the order of the file.
    """
    rows = [_row(each) for each in _lines(segments)]
    text, place = "", 0
    while place < len(rows):
        table = _table(rows, place)
        if table > 1:
            cells = [[each.text.strip() for each in row.cells] for row in rows[place : place + table]]
            text += f"\n\n{table_of(cells)}\n\n"
            place += table
            continue
        row = rows[place]
        apart = place > 0 and rows[place - 1].bottom - row.top > _PARAGRAPH * (row.top - row.bottom)
        if text.endswith(_HYPHENS):
            text = text[:-1] + row.text
        else:
            text += ("\n\n" if apart else "\n") + row.text
        place += 1
    return text.rstrip("".join(_HYPHENS))


def compared(title: str) -> str:
    """A title as it is compared with lines: without its number."""
    return " ".join(_NUMBER.sub("", title).split()).casefold()


def with_headings(text: str, levels: dict[str, int]) -> str:
    """A page's text with its headings marked.

    Args:
        text: The page.
        levels: From 1, by title as it is compared.
    """
    if not levels:
        return text
    lines = []
    for line in text.split("\n"):
        level = levels.get(compared(line))
        lines += [line] if level is None else ["", f"{'#' * min(level, 6)} {line.strip()}", ""]
    return "\n".join(lines)


def _lines(segments: list[Segment]) -> list[list[Segment]]:
    """Segments that follow each other on one line."""
    lines: list[list[Segment]] = []
    for each in segments:
        last = lines[-1][-1] if lines else None
        if last is not None:
            shared = min(last.top, each.top) - max(last.bottom, each.bottom)
            if shared > 0.4 * min(last.height, each.height) and each.left > last.right - each.height:
                lines[-1].append(each)
                continue
        lines.append([each])
    return lines


def _row(line: list[Segment]) -> _Row:
    """Its cells: segments with wide gaps between them."""
    height = max(each.height for each in line)
    cells = [line[0]]
    for each in line[1:]:
        last = cells[-1]
        gap = each.left - last.right
        if gap > _CELL * height:
            cells.append(each)
            continue
        blank = "" if gap < _WORD * height and not last.text.endswith(" ") else " "
        joined = last.text.rstrip(" ") + blank + each.text
        cells[-1] = Segment(last.left, min(last.bottom, each.bottom), each.right, max(last.top, each.top), joined)
    return _Row(cells, min(each.bottom for each in cells), max(each.top for each in cells))


def _table(rows: list[_Row], first: int) -> int:
    """How many rows from there on have the same columns; none for lists, whose first column holds marks."""
    width = len(rows[first].cells)
    if width < 2:
        return 0
    columns = [(each.left, each.right) for each in rows[first].cells]
    count = 0
    for row in rows[first:]:
        if len(row.cells) != width:
            break
        if not all(
            cell.left < right and left < cell.right for cell, (left, right) in zip(row.cells, columns, strict=True)
        ):
            break
        columns = [
            (min(cell.left, left), max(cell.right, right))
            for cell, (left, right) in zip(row.cells, columns, strict=True)
        ]
        count += 1
    marked = all(_BULLET.fullmatch(row.cells[0].text.strip()) for row in rows[first : first + count])
    return 0 if marked and width == 2 else count
