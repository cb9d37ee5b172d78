"""Sentences of a text, with their places: what is claimed, cited and streamed one by one. German and English."""

from __future__ import annotations

import re

__all__ = ["sentences", "whole_sentences"]

_SHORT = """dr mr mrs ms prof st nr no vs etc e.g i.e z.b d.h u.a o.ä bzw ca evtl ggf inkl vgl abs art bspw usw str tel
max
min fig al approx resp zzgl sog s.o s.u v.a i.d.r u.u p.a jan feb mar apr jun jul aug sep sept oct okt nov dec
dez inc ltd co jr sr z d i u"""
_ABBREVIATIONS = frozenset(_SHORT.split())
_END = re.compile(
    r"[.!?…]+[\"'”“»)\]]*(?:\s*\[\d+(?:\s*,\s*\d+)*\])*(?=\s|$)|:(?=\n)|\n(?=\s*(?:[-*+|#>]|\d+[.)]\s))|\n\s*\n"
)
_LAST_WORD = re.compile(r"(\S+)$")
_MONTHS = re.compile(
    r"\s+(?:januar|februar|märz|april|mai|juni|juli|august|september|oktober|november|dezember|"
    r"jahrhundert|klasse|stock|quartal|auflage)",
    re.IGNORECASE,
)
_MARK_TO_COME = re.compile(r"\s*\[[\d,\s]*\]?\s*$")


def sentences(text: str) -> list[tuple[int, int]]:
    """Where each sentence of a text starts and ends, in order.

    A heading, an item of a list and a row of a table is a sentence of its own. Marks of citations ("[2]") belong to the
    sentence before them.

    Example:

    >>> text = "Leave is 30 days, e.g. in May. [1] Ask first!"
    >>> [text[start:end] for start, end in sentences(text)]
    ['Leave is 30 days, e.g. in May. [1]', 'Ask first!']
    """
    found, start = [], 0
    for match in _END.finditer(text):
        if match.start() < start or not _ends(text, start, match):
            continue
        found.append((start, match.end()))
        start = match.end()
    found.append((start, len(text)))
    return [place for place in (_stripped(text, *each) for each in found) if place[0] < place[1]]


def whole_sentences(text: str) -> tuple[list[tuple[int, int]], int]:
    """The sentences of a growing text that no further character can change, and where the rest starts."""
    found = sentences(text)
    if not found or _MARK_TO_COME.match(text, found[-1][0]):
        found = found[:-1]  # the last one is a mark, or what may become one: it belongs to the sentence before
    whole = found[:-1]
    return whole, whole[-1][1] if whole else 0


def _ends(text: str, start: int, match: re.Match[str]) -> bool:
    """Whether a stop ends a sentence: not after an abbreviation, an initial, or a German ordinal number."""
    if match[0][0] != ".":
        return True
    last = _LAST_WORD.search(text, max(start, match.start() - 30), match.start())
    word = last[1].lower().lstrip("([\"'„“»*_") if last else ""
    if len(match[0]) > 1:
        return True
    if word in _ABBREVIATIONS or (len(word) == 1 and word.isalpha()):
        return False
    return not (word.isdigit() and (len(word) <= 2) and _is_ordinal(text, match.end(), start, last))


def _is_ordinal(text: str, end: int, start: int, last: re.Match[str] | None) -> bool:
    only_number = last is not None and not text[start : last.start()].strip()  # "1. First item"
    return only_number or _MONTHS.match(text, end) is not None


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - (len(piece) - len(piece.rstrip()))
