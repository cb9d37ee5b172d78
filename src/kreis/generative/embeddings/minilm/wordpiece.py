"""Tokens of BERT's uncased models (Devlin et al. 2019; WordPiece by Wu et al. 2016, section 4.1)."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Final

__all__ = ["WordPiece"]

_LONGEST: Final = 100
"""Letters of a word above which it is unknown."""
_ASCII: Final = re.compile(r"[a-z0-9]+|[^\sa-z0-9]")
_CONTROLS: Final = {code: None for code in (*range(32), 127) if chr(code) not in "\t\n\r"}
_SPECIAL: Final = ("[CLS]", "[SEP]", "[UNK]")


class WordPiece:
    """A vocabulary, one token a line: its number is the line's."""

    def __init__(self, vocabulary: Path) -> None:
        lines = vocabulary.read_text(encoding="utf-8").splitlines()
        self._numbers = {token: number for number, token in enumerate(lines)}
        self._begin, self._end, self._unknown = (self._numbers[token] for token in _SPECIAL)
        self._words: dict[str, tuple[int, ...]] = {}

    def numbers(self, text: str, most: int) -> list[int]:
        """The tokens of a text between [CLS] and [SEP]; what is longer than `most` is cut off."""
        numbers = [self._begin]
        for word in _words(text):
            if (pieces := self._words.get(word)) is None:
                pieces = self._pieces(word)
                if len(self._words) < 100_000:
                    self._words[word] = pieces
            numbers += pieces
            if len(numbers) >= most:
                break
        return [*numbers[: most - 1], self._end]

    def _pieces(self, word: str) -> tuple[int, ...]:
        """The longest tokens from left to right; those within a word begin with ##."""
        if len(word) > _LONGEST:
            return (self._unknown,)
        pieces: list[int] = []
        start = 0
        while start < len(word):
            mark = "##" if start else ""
            for stop in range(len(word), start, -1):
                if (number := self._numbers.get(mark + word[start:stop])) is not None:
                    pieces.append(number)
                    start = stop
                    break
            else:
                return (self._unknown,)
        return tuple(pieces)


def _words(text: str) -> list[str]:
    """Lower case, without accents and control characters; punctuation and CJK characters stand alone."""
    text = text.lower()
    if text.isascii():
        return _ASCII.findall(text.translate(_CONTROLS))
    return "".join(map(_written, unicodedata.normalize("NFD", text))).split()


def _written(character: str) -> str:
    category = unicodedata.category(character)
    if character in "\t\n\r" or category == "Zs":
        return " "
    if category in ("Cc", "Cf", "Mn") or character == "\ufffd":
        return ""
    code = ord(character)
    alone = not character.isalnum() if code < 128 else category[0] == "P" or any(code in each for each in _CJK)
    return f" {character} " if alone else character


_CJK: Final = (
    range(0x4E00, 0xA000), range(0x3400, 0x4DC0), range(0x20000, 0x2A6E0), range(0x2A700, 0x2B740),
    range(0x2B740, 0x2B820), range(0x2B820, 0x2CEB0), range(0xF900, 0xFB00), range(0x2F800, 0x2FA20),
)  # fmt: skip
