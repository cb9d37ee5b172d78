"""Marks of citations in an answer: "[2]", "[1, 3]"."""

from __future__ import annotations

import re

__all__ = ["cited", "without_marks"]

_MARK = re.compile(r"\s*[\[【](\d{1,3}(?:\s*,\s*\d{1,3})*)[\]】]")


def cited(text: str) -> tuple[int, ...]:
    """The numbers that a text cites, each once, in order."""
    found = (int(number) for match in _MARK.finditer(text) for number in match[1].split(","))
    return tuple(dict.fromkeys(found))


def without_marks(text: str) -> str:
    """A text without its marks of citations."""
    return _MARK.sub("", text)
