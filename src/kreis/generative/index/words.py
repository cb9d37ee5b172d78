"""Texts as terms: what is the same word to a search."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

__all__ = ["ANALYSIS", "term_of", "words_of"]

ANALYSIS: Final = "kreis.words/1"
"""Names these rules, in an index: another version of them can't search it."""
_WORD: Final = re.compile(r"[^\W_]+")
_COMBINING: Final = re.compile("[\u0300-\u036f]")
_UMLAUT: Final = re.compile(r"(?<![aeiouq])([ou])e|ae")


def words_of(text: str) -> list[str]:
    """The words of a text as they stand in it, in lower case. Hyphens and underscores part them."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return _WORD.findall(text.casefold())


def term_of(word: str) -> str:
    """The term that a word is searched by: without accents and the endings of plurals and cases.

    One set of rules for English and German, because a question does not say its language: "Häuser", "Haeuser" and
    "Haus" meet in "haus", "policies" and "policy" in "polici".
    """
    if not word.isascii():
        word = _COMBINING.sub("", unicodedata.normalize("NFKD", word))
    return word
