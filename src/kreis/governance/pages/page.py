"""A page: a title, facts, tables. Says what is to be read, not how wide the screen is, and keeps what a cell is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from html import escape

from kreis import texts
from kreis.texts import plain

__all__ = ["Cell", "Grid", "Number", "Page"]


@dataclass(frozen=True)
class Number:
    """A number that is written in a way of its own: 5%, 3.2 MB, 0.12 s."""

    value: float
    text: str


Cell = str | int | float | date | Number | None


@dataclass(frozen=True)
class Grid:
    """A table of a page."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    @property
    def right(self) -> list[bool]:
        """Which columns hold numbers, and are set right."""
        return [any(_is_number(row[place]) for row in self.rows) for place in range(len(self.columns))]

    @property
    def texts(self) -> list[list[str]]:
        """The rows as they are written, without what could steer a terminal."""
        return [[_text(cell) for cell in row] for row in self.rows]


@dataclass(frozen=True, kw_only=True)
class Page:
    """What is to be read. All texts are one line, and none can steer a terminal or bring HTML."""

    title: str
    facts: Sequence[tuple[str, str]] = ()
    """Names and values; a fact without a value is left out."""
    grids: Sequence[Grid] = ()
    end: str = ""

    def __str__(self) -> str:
        """As plain lines, a row a line, however long."""
        facts = [[plain(name), plain(value)] for name, value in self.facts if value]
        parts = ["\n".join([plain(self.title), *_lines(facts, [False, False])])]
        for grid in self.grids:
            head = [plain(grid.title)] if grid.title else []
            parts.append("\n".join([*head, *_lines([[*map(plain, grid.columns)], *grid.texts], grid.right)]))
        return "\n\n".join([*parts, *([plain(self.end)] if self.end else [])])

    def _repr_html_(self) -> str:
        """As HTML, for a notebook."""
        facts = [[plain(name), plain(value)] for name, value in self.facts if value]
        parts = [f"<h4>{escape(plain(self.title))}</h4>"]
        if facts:
            parts.append(_table([], facts, [False, False]))
        for grid in self.grids:
            if grid.title:
                parts.append(f"<h5>{escape(plain(grid.title))}</h5>")
            parts.append(_table([*map(plain, grid.columns)], grid.texts, grid.right))
        if self.end:
            parts.append(f"<p>{escape(plain(self.end))}</p>")
        return "\n".join(parts)

    __repr__ = __str__


def _is_number(cell: Cell) -> bool:
    return isinstance(cell, int | float | Number) and not isinstance(cell, bool)


def _text(cell: Cell) -> str:
    match cell:
        case None:
            return "–"
        case Number():
            return cell.text
        case bool():
            return "yes" if cell else "no"
        case int():
            return f"{cell:,}"
        case float():
            return texts.number(cell)
        case datetime():
            return texts.date(cell)
        case date():
            return cell.isoformat()
    return plain(cell)


def _lines(rows: Sequence[Sequence[str]], right: Sequence[bool]) -> list[str]:
    widths = [max((len(row[place]) for row in rows), default=0) for place in range(len(right))]
    return [
        "  ".join(
            cell.rjust(width) if to_the_right else cell.ljust(width)
            for cell, width, to_the_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in rows
    ]


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]) -> str:
    sides = ["right" if to_the_right else "left" for to_the_right in right]

    def line(cells: Sequence[str], tag: str) -> str:
        inside = "".join(
            f'<{tag} style="text-align:{side}">{escape(cell)}</{tag}>' for cell, side in zip(cells, sides, strict=True)
        )
        return f"<tr>{inside}</tr>"

    head = f"<thead>{line(columns, 'th')}</thead>" if columns else ""
    return f"<table>{head}<tbody>{''.join(line(row, 'td') for row in rows)}</tbody></table>"
