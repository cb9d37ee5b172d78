"""The structure of a Markdown text: its sections, and the blocks in them."""

from __future__ import annotations

import re

import msgspec

from kreis.generative.chunking.spans import Span, fits, sentences, stripped, tokens

__all__ = ["Section", "blocks_within", "sections"]

_FENCE = r"(?P<fence>`{3,}|~{3,})[^\n]*(?:\n(?:[^\n]*\n)*? {0,3}(?P=fence)[`~]*[ \t\r]*(?![^\n])|[\s\S]*\Z)"
_MARKED = rf" {{0,3}}(?:{_FENCE}|(?P<level>#{{1,6}})(?:[ \t]+(?P<title>[^\n]*))?(?![^\n]))"
_UNDERLINED = r"(?P<above>[^\s#>|*+`~-][^\n]*)\n(?P<line>=+|-{2,})[ \t\r]*(?![^\n])"
_MARKS = rf"(?:{_MARKED}|{_UNDERLINED})"
"""A heading; or code in fences, in which there are none."""
_FIRST = re.compile(_MARKS)
"""In the first line."""
_NEXT, _NEXT_MARKED = re.compile(rf"\n{_MARKS}"), re.compile(rf"\n{_MARKED}")
"""In any other: a line's end to begin with is found fast. The second is faster, for texts without underlines."""
_ITEM = r"(?:[-*+]|\d{1,9}[.)])[ \t]"
_BLOCK = re.compile(
    rf"(?<![^\n])(?: {{0,3}}{_FENCE}"
    r"|(?P<table>(?:[ \t]*\|[^\n]*(?:\n|\Z))+)"
    rf"|[ \t]*{_ITEM}[^\n]*(?:\n(?:[ \t]*\n)?[ \t]{{2,}}\S[^\n]*|\n(?! {{0,3}}{_ITEM})[^\s|][^\n]*)*"
    rf"|[ \t]*\S[^\n]*(?:\n(?!\s*(?:{_ITEM}|\||`{{3,}}|~{{3,}}))[ \t]*\S[^\n]*)*)"
)
"""Code, a table, an item of a list with what is indented below it, or a paragraph; from the beginning of a line."""
_LINE = re.compile(r"[^\n]*\S[^\n]*")
_SIGNS = re.compile(r"\]\([^)]*\)|[`*\[]|[ \t]#+[ \t]*$")


class Section(msgspec.Struct):
    """A heading and what stands below it until the next one."""

    start: int
    end: int
    level: int
    """1 to 6; 0 for what stands before the first heading."""
    heading: str
    """With those above it: "Leave > Parental leave"."""
    body: int
    """Where its heading ends."""
    last: int = 0
    """The position of the last section below it; its own where there is none."""


def sections(text: str) -> list[Section]:
    """The sections of a text in order; the first one begins at its beginning."""
    found = [Section(0, len(text), 0, "", 0)]
    path: list[tuple[int, str]] = []
    for mark in _headings(text):
        if mark["fence"]:
            continue
        if mark["level"]:
            level, title = len(mark["level"]), mark["title"] or ""
        else:
            level, title = 1 if mark["line"].startswith("=") else 2, mark["above"]
        while path and path[-1][0] >= level:
            path.pop()
        path.append((level, _SIGNS.sub("", title).strip()))
        begin = mark.start() + (text[mark.start()] == "\n")
        found[-1].end = begin
        found.append(Section(begin, len(text), level, " > ".join(name for _, name in path if name), mark.end()))
    _nest(found)
    return found


def _headings(text: str) -> list[re.Match[str]]:
    first = _FIRST.match(text)
    pattern = _NEXT if "\n==" in text or "\n--" in text else _NEXT_MARKED
    rest = list(pattern.finditer(text, first.end() if first else 0))
    return [first, *rest] if first else rest


def _nest(found: list[Section]) -> None:
    """Note of each section which is the last one below it."""
    above: list[Section] = []
    for position, section in enumerate(found):
        while above and above[-1].level >= section.level:
            above.pop().last = position - 1
        above.append(section)
    for section in above:
        section.last = len(found) - 1


def blocks_within(text: str, start: int, end: int, words: int) -> list[Span]:
    """The blocks of a part of a text: paragraphs, items of lists, tables, code. In place of one with more words than
    that stand its sentences, of tables and code its lines; in place of one of these that is still too long, its words.
    """
    found: list[Span] = []
    for mark in _BLOCK.finditer(text, start, end):
        first, last = mark.span()
        if fits(text, first, last, words):
            found.append((first, last))
            continue
        lines = mark["fence"] or mark["table"]
        parts = [each.span() for each in _LINE.finditer(text, first, last)] if lines else sentences(text, first, last)
        for part in parts:
            found += [part] if fits(text, *part, words) else tokens(text, *part)
    return stripped(text, found)
