"""A page: a title, facts, tables. Says what is to be read, not how wide the screen is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from kreis.texts import plain

__all__ = ["Grid", "Page"]


@dataclass(frozen=True)
class Grid:
    """A table of a page. A column whose title ends with a blank holds numbers and is set right."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    @property
    def right(self) -> list[bool]:
        """Which columns are set right."""
        return [column.endswith(" ") for column in self.columns]


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
        facts = [(name, value) for name, value in self.facts if value]
        parts = ["\n".join([plain(self.title), *_lines(facts, [False, False])])]
        for grid in self.grids:
            head = [plain(grid.title)] if grid.title else []
            columns = [column.strip() for column in grid.columns]
            parts.append("\n".join([*head, *_lines([columns, *grid.rows], grid.right)]))
        return "\n\n".join([*parts, *([plain(self.end)] if self.end else [])])

    def _repr_html_(self) -> str:
        """As HTML, for a notebook."""
        facts = [(name, value) for name, value in self.facts if value]
        parts = [f"<h4>{escape(plain(self.title))}</h4>"]
        if facts:
            parts.append(_table([], facts, [False, False]))
        for grid in self.grids:
            if grid.title:
                parts.append(f"<h5>{escape(plain(grid.title))}</h5>")
            parts.append(_table([column.strip() for column in grid.columns], grid.rows, grid.right))
        if self.end:
            parts.append(f"<p>{escape(plain(self.end))}</p>")
        return "\n".join(parts)

    __repr__ = __str__


def _lines(rows: Sequence[Sequence[str]], right: Sequence[bool]) -> list[str]:
    cells = [[plain(cell) for cell in row] for row in rows]
    widths = [max((len(row[place]) for row in cells), default=0) for place in range(len(right))]
    return [
        "  ".join(
            cell.rjust(width) if to_the_right else cell.ljust(width)
            for cell, width, to_the_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in cells
    ]


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]) -> str:
    sides = ["right" if to_the_right else "left" for to_the_right in right]

    def line(cells: Sequence[str], tag: str) -> str:
        inside = "".join(
            f'<{tag} style="text-align:{side}">{escape(plain(cell))}</{tag}>'
            for cell, side in zip(cells, sides, strict=True)
        )
        return f"<tr>{inside}</tr>"

    head = f"<thead>{line(columns, 'th')}</thead>" if columns else ""
    return f"<table>{head}<tbody>{''.join(line(row, 'td') for row in rows)}</tbody></table>"
