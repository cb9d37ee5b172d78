"""Parts of a text as pairs of places, and how they are joined to chunks of a size. One regular expression goes over the
text for each kind of part; nothing looks at single characters in Python.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

__all__ = ["Span", "fits", "joined", "sentences", "size", "stripped", "tokens"]

Span: TypeAlias = tuple[int, int]
"""The first character, and the one after the last."""

_LETTERS = 16
"""A text has at least one word for so many characters, blanks or not: Chinese, and data in a line, are cut as well."""
_LONGEST = 200
"""A word that is longer is cut."""
_TOKEN = re.compile(rf"\S{{1,{_LONGEST}}}")
_END = re.compile(
    r"[.!?…。！？\n]"
    r"(?:(?<=\n)(?:[ \t]*\n\s*|(?=[ \t]*(?:[-*+]|\d{1,9}[.)]|#{1,6}|\|)[ \t]))"
    r"|(?<=[.!?…])[.!?…)\]\"'»”’*_`]*\s+"
    r"|(?<=[。！？])[」』）]*\s*)"
)
"""Where a sentence may end: the last of its marks, or a line after which a heading, an item or a row begins."""
_SHORT_AT_MOST = 10
"""A longer word is not among them, whatever stands before it."""
_SHORT = re.compile(
    r"abs|approx|art|bz(?:gl|w)|ca|cf|dr|e\.g|eg|etc|evtl|fig|ggf|i\.e|inkl|jr|max|min|mrs?|ms|n[ro]|prof|resp|s\.o|sog|"
    r"[js]r|str?|tel|u\.a|usw|vgl|vs|z\.?b|zzgl",
    re.IGNORECASE,
)
"""Words that a full stop follows within a sentence, in English and German."""


def size(text: str) -> int:
    """How many words a text counts for."""
    return max(len(text.split()), len(text) // _LETTERS)


def fits(text: str, start: int, end: int, words: int) -> bool:
    """Whether a part of a text counts for no more than so many words; its words are counted only where that is near."""
    if end - start < 2 * words:  # as if each had one letter
        return True
    if end - start >= _LETTERS * (words + 1):
        return False
    blanks = text.count(" ", start, end) + text.count("\n", start, end) + text.count("\t", start, end)
    return blanks < words or size(text[start:end]) <= words


def tokens(text: str, start: int, end: int) -> list[Span]:
    """The words of a part of a text."""
    return [found.span() for found in _TOKEN.finditer(text, start, end)]


def sentences(text: str, start: int = 0, end: int | None = None) -> list[Span]:
    """The sentences of a part of a text, without the blanks between them.

    A full stop after an abbreviation, an initial or a day ("3. Oktober"), or before a small letter, ends none.

    Args:
        text: Markdown, or plain.
        start: The first character of the part.
        end: The one after its last; None: to the end.

    Example:

    >>> text = "Ask Dr. Ada by 3. May. It takes a day, e.g. a Monday."
    >>> [text[start:end] for start, end in sentences(text)]
    ['Ask Dr. Ada by 3. May.', 'It takes a day, e.g. a Monday.']
    """
    end = len(text) if end is None else end
    found, begin = [], start
    for mark in _END.finditer(text, start, end):
        if text[mark.start()] == "." and not _ends(text, begin, mark.start(), mark.end(), end):
            continue
        found.append((begin, mark.end()))
        begin = mark.end()
    found.append((begin, end))
    return stripped(text, found)


def _ends(text: str, begin: int, stop: int, following: int, end: int) -> bool:
    """Whether the full stop at `stop` ends the sentence from `begin`."""
    if following < end and text[following].islower():
        return False
    first = max(begin, text.rfind(" ", begin, stop) + 1)
    if stop - first > _SHORT_AT_MOST:
        return True
    word = text[first:stop].lstrip("(\n\t\"'„»*_")
    if word.isdigit():
        return len(word) > 2
    return not (len(word) == 1 and word.isalpha()) and not _SHORT.fullmatch(word)


def stripped(text: str, spans: Iterable[Span]) -> list[Span]:
    """Without the blanks at both ends; without the empty ones."""
    found = []
    for start, end in spans:
        part = text[start:end]
        bare = part.strip()
        if not bare:
            continue
        if len(bare) == end - start:
            found.append((start, end))
        else:
            first = start + len(part) - len(part.lstrip())
            found.append((first, first + len(bare)))
    return found


def joined(text: str, parts: Sequence[Span], *, words: int, overlap: int) -> Iterator[Span]:
    """Neighbours together, as many as have no more than so many words. A part that has more stands alone.

    Args:
        text: Their text.
        parts: In order, none empty.
        words: How many a chunk has at most.
        overlap: At the beginning of each chunk the last parts of the one before come again, with at most so many words.
    """
    if parts and fits(text, parts[0][0], parts[-1][1], words):
        yield parts[0][0], parts[-1][1]
        return
    sizes = [size(text[start:end]) for start, end in parts]
    first = total = 0
    for position, count in enumerate(sizes):
        if position > first and total + count > words:
            yield parts[first][0], parts[position - 1][1]
            kept, again = 0, position
            while again - 1 > first and kept + sizes[again - 1] <= min(overlap, words - count):
                again -= 1
                kept += sizes[again]
            first, total = again, kept
        total += count
    if parts:
        yield parts[first][0], parts[-1][1]
