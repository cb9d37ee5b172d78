"""Sentences of an answer, with their places: what is claimed, cited and streamed one by one."""

from __future__ import annotations

import re

from kreis.generative.chunking.spans import Span
from kreis.generative.chunking.spans import sentences as spans

__all__ = ["sentences", "whole_sentences"]

_MARKS = re.compile(r"(?:\[\d+(?:\s*,\s*\d+)*\]\s*)+")
_MARK_TO_COME = re.compile(r"\[[\d,\s]*\]?\s*$")


def sentences(text: str) -> list[Span]:
    """Where each sentence of a text starts and ends, in order; marks of citations belong to the sentence before them.

    A heading, an item of a list and a row of a table is a sentence of its own.

    Example:

    >>> text = "Leave is 30 days, e.g. in May. [1] Ask first!"
    >>> [text[start:end] for start, end in sentences(text)]
    ['Leave is 30 days, e.g. in May. [1]', 'Ask first!']
    """
    found: list[Span] = []
    for start, end in spans(text):
        marks = _MARKS.match(text, start, end)
        if marks and found:
            found[-1] = (found[-1][0], marks.start() + len(marks[0].rstrip()))
            start = marks.end()
        if start < end:
            found.append((start, end))
    return found


def whole_sentences(text: str) -> tuple[list[Span], int]:
    """The sentences of a growing text that no further character can change, and where the rest starts."""
    found = sentences(text)
    if found and _MARK_TO_COME.match(text, found[-1][0]):
        found.pop()  # the last one is a mark, or what may become one: it belongs to the sentence before
    whole = found[:-1]
    return whole, whole[-1][1] if whole else 0
