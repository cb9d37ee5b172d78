"""The form of a text table, found out from its first lines: separator, quotes, header."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

__all__ = ["SEPARATORS", "Dialect", "sniff"]

SEPARATORS: Final = {"\t": "tabs", ";": "semicolons", "|": "bars", ",": "commas"}
"""Where two fit alike, the first is it: a comma may belong to a number or a sentence."""
_MOST_ODD = 0.1
"""Lines in ten that may have another number of fields before a separator is none."""
_LONG_NAME = 64


class Dialect(msgspec.Struct, frozen=True):
    """How a text table is written."""

    separator: str
    quotes: bool
    """Whether a field may stand in double quotes."""
    header: bool
    """Whether the first line names the columns."""


def sniff(
    lines: Sequence[str], *, separator: str | None = None, quotes: bool | None = None, header: bool | None = None
) -> Dialect:
    """Find out how a table is written.

    Args:
        lines: Its first lines, without line ends.
        separator: Where it is known.
        quotes: Where it is known.
        header: Where it is known.

    Example:

    >>> sniff(["name;price", "a;1,5", "b;2,5"])
    Dialect(separator=';', quotes=True, header=True)
    """
    found = separator if separator is not None else _separator(lines)
    quoted = quotes if quotes is not None else not _stray_quotes(lines, found)
    rows = _rows(lines, found, quoted)
    return Dialect(found, quoted, header if header is not None else has_header(rows))


def _separator(lines: Sequence[str]) -> str:
    """The one by which most lines have the same number of fields, more than one."""
    best, best_share = ",", 1 - _MOST_ODD
    for each in SEPARATORS:
        for quoted in (True, False):
            widths = Counter(len(row) for row in _rows(lines, each, quoted))
            width, count = widths.most_common(1)[0] if widths else (0, 0)
            share = count / max(widths.total(), 1)
            if width > 1 and (share > best_share or (best_share == 1 - _MOST_ODD and share >= best_share)):
                best, best_share = each, share
    return best


def _stray_quotes(lines: Sequence[str], separator: str) -> bool:
    """Whether quotes are letters here: without them all lines have as many fields, with them some lines break."""
    full = [line for line in lines if line]
    if len({line.count(separator) for line in full}) > 1:
        return False
    return any('"' in line and not _well_quoted(line, separator) for line in full)


def _well_quoted(line: str, separator: str) -> bool:
    if line.count('"') % 2:
        return False
    try:
        next(csv.reader([line], delimiter=separator, strict=True))
    except csv.Error:
        return False
    return True


def _rows(lines: Sequence[str], separator: str, quotes: bool) -> list[list[str]]:
    if not quotes:
        return [line.split(separator) for line in lines if line]
    try:
        return [row for row in csv.reader((f"{line}\n" for line in lines), delimiter=separator) if row]
    except csv.Error:  # a field without end
        return []


def has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names the columns.

    It does where a text stands over numbers; it does not where one of its values comes again below, or where it holds
    a number. Where nothing tells, short and distinct texts are names.
    """
    if len(rows) < 2:
        return True
    first, rest = [each.strip() for each in rows[0]], rows[1:]
    columns = [[row[place].strip() for row in rest if place < len(row)] for place in range(len(first))]
    over_numbers = sum(
        not _number(name) and bool(column) and all(_number(each) or not each for each in column) and any(column)
        for name, column in zip(first, columns, strict=True)
    )
    if over_numbers:
        return True
    again = any(name and name in column for name, column in zip(first, columns, strict=True))
    named = [each for each in first if each]
    distinct = len(set(named)) == len(named) > 0
    return distinct and not again and not any(map(_number, named)) and all(len(each) <= _LONG_NAME for each in named)


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
