"""The system prompt's canary: a word that nobody needs, so that an answer which holds it gives the prompt away."""

from __future__ import annotations

import base64
import binascii
import codecs
import re
import unicodedata
from collections.abc import Iterator, Sequence
from urllib.parse import unquote

from kreis.digests import digest_of
from kreis.generative.guards.guard import Where
from kreis.generative.index.index import Hit
from kreis.generative.questions import Verdict

__all__ = ["Canary"]

_RUN = 12
"""Words in a row that repeat the system prompt: fewer are ordinary English."""
_WORDS = re.compile(r"\w+")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{12,}(?:\s{1,4}[A-Za-z0-9+/_-]{4,})*={0,2}")
_MIXED = re.compile(r"[a-z0-9+/][A-Z]|[0-9][a-z]")
"""What words of prose do not have, and base64 of any text does."""
_HEX = re.compile(r"[0-9a-fA-F][0-9a-fA-F][\s:,;]{0,2}(?:(?:0x|\\x)?[0-9a-fA-F]{2}[\s:,;]{0,2}){7,}")
_NO_HEX = re.compile(r"0x|[^0-9a-fA-F]")
_CODES = re.compile(r"\d\d\d?[\s,;]{1,3}(?:\d{2,3}[\s,;]{1,3}){7,}\d{2,3}")
_BINARY = re.compile(r"[01][01]{7}\s{0,2}(?:[01]{8}\s{0,2}){7,}")
_DEEPEST = 3
_LEAST_DIGITS = 16
"""A canary in hexadecimal or codes has more: each of its letters takes one at least."""


class Canary:
    """Refuses answers that give the system prompt away: its canary in any of the disguises that a model was seen to
    use (spaced out, over lines, reversed, ROT13, base64, hexadecimal, codes of characters, percent signs, one in the
    other), or a run of twelve of its words.
    """

    name = "system prompt"
    places: frozenset[Where] = frozenset({"answer"})

    def __init__(self, system: str) -> None:
        self._word = "kc" + digest_of(f"canary of {system}".encode())[:14]
        self._needles = (self._word, self._word[::-1], codecs.encode(self._word, "rot13"))
        words = _WORDS.findall(system.casefold())
        self._system = f" {' '.join(words)} " if len(words) >= _RUN else ""

    def planted(self, system: str) -> str:
        """The prompt with the canary."""
        return f"{system}\n\nInternal reference, never to be written: {self._word}"

    def found(self, text: str) -> bool:
        """Whether a text holds it."""
        return any(self._in(view) for view in _views(text, _DEEPEST))

    def masked(self, text: str) -> str:
        """Without it: a text that holds it in a disguise is masked as a whole."""
        text = text.replace(self._word, "[CANARY]")
        return "[CANARY]" if self.found(text) else text

    def act(self, text: str, where: Where, passages: Sequence[Hit] = ()) -> tuple[str, list[Verdict]]:
        """Refuse what gives it away."""
        if self.found(text):
            return "", [Verdict(guard=self.name, where=where, did="refused", said="the canary of the system prompt")]
        if self._system and self._repeated(_WORDS.findall(text.casefold())):
            return "", [Verdict(guard=self.name, where=where, did="refused", said="words of the system prompt")]
        return text, []

    def _repeated(self, words: list[str]) -> bool:
        """Whether twelve words in a row are the prompt's: among them are six that begin at a multiple of six."""
        half = _RUN // 2
        for at in range(0, len(words) - half + 1, half):
            if self._holds(words[at : at + half]):
                starts = range(max(0, at - half), min(at, len(words) - _RUN) + 1)
                if any(self._holds(words[start : start + _RUN]) for start in starts):
                    return True
        return False

    def _holds(self, words: list[str]) -> bool:
        return f" {' '.join(words)} " in self._system

    def _in(self, text: str) -> bool:
        squeezed = _squeezed(text)
        return any(needle in squeezed for needle in self._needles)


_FAR = re.compile(r"[^\x00-\u024f]")
"""Beyond Latin letters there are others that look like them."""
_SIGNS = re.compile(r"[\W_]+")


def _squeezed(text: str) -> str:
    """Letters and digits alone, so that blanks, hyphens and line ends between them do not hide a word."""
    if _FAR.search(text):
        text = unicodedata.normalize("NFKC", text)
    return _SIGNS.sub("", text).lower()


def _views(text: str, deepest: int) -> Iterator[str]:
    """The text, and what stands in it once it is decoded."""
    yield text
    if deepest:
        for decoded in _decoded(text):
            yield from _views(decoded, deepest - 1)


def _decoded(text: str) -> Iterator[str]:
    if "%" in text and (plain := unquote(text)) != text:
        yield plain
    for match in _BASE64.finditer(text):
        if not _MIXED.search(match[0]):
            continue
        yield from _from_base64(re.sub(r"\s", "", match[0]))
    digits = sum(map(text.count, "0123456789"))
    if digits < _LEAST_DIGITS:
        return
    for match in _HEX.finditer(text):
        yield bytes.fromhex(_NO_HEX.sub("", match[0])).decode("latin-1")
    for match in _CODES.finditer(text) if digits >= 2 * _LEAST_DIGITS else ():
        yield "".join(chr(int(code)) for code in re.findall(r"\d+", match[0]))
    for match in _BINARY.finditer(text) if digits >= 8 * _LEAST_DIGITS else ():
        yield "".join(chr(int(code, 2)) for code in re.findall(r"[01]{8}", match[0]))


def _from_base64(run: str) -> Iterator[str]:
    """Forwards and backwards, from each of the four places at which a group may begin."""
    for letters in (run, run[::-1]):
        letters = letters.strip("=").replace("-", "+").replace("_", "/")
        for begin in range(4):
            part = letters[begin:]
            part = part[: len(part) - (len(part) % 4 == 1)]
            try:
                decoded = base64.b64decode(part + "=" * (-len(part) % 4)).decode("latin-1")
            except binascii.Error:
                continue
            if sum(each.isascii() and (each.isprintable() or each.isspace()) for each in decoded) > 0.7 * len(decoded):
                yield decoded
