"""How many tokens a text has at most, where the model is elsewhere: by its letters, not by a tokenizer."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from kreis.generative.language_models.model import Message

__all__ = ["estimate_prompt", "estimate_tokens"]

_PIECES = re.compile(r"[A-Za-z]+|\s+|[^\sA-Za-z]+")
_ENGLISH = frozenset(
    "a and are as at be by for from has have in is it not of on or that the this to was which with".split()  # noqa: SIM905
)
_A_MESSAGE = 8
"""Tokens that a chat template sets around a message, at most."""
_A_PROMPT = 32
"""Tokens that it sets around all, with a system message of its own where there is none."""


def estimate_tokens(text: str) -> int:
    """Tokens of a text, more rather than fewer.

    Fitted to the vocabulary of SmolLM2 (49,152 entries, mostly English): a quarter to a half too many for prose and
    code, as many as there are for columns of numbers. Later models have larger vocabularies, so fewer tokens. A text
    without words (random letters) may have more than this says.
    """
    pieces = Counter(_PIECES.findall(text))  # a prompt repeats its words: each is looked at once
    words = {piece: count for piece, count in pieces.items() if piece.isascii() and piece.isalpha() and piece.islower()}
    english = sum(words[word] for word in _ENGLISH & words.keys()) >= 0.12 * sum(words.values())
    total = 0.0
    for piece, count in pieces.items():
        total += count * (_of_word(piece, english) if piece.isascii() and piece.isalpha() else _of_signs(piece))
    return math.ceil(1.07 * total)


@lru_cache(maxsize=16_384)
def _of_word(word: str, english: bool) -> float:
    if not (word.islower() or word.istitle()):
        return 1 + 0.55 * (len(word) - 1)
    return 1 + (0.2 * max(0, len(word) - 3) if english else 0.4 * max(0, len(word) - 2))


@lru_cache(maxsize=4_096)
def _of_signs(signs: str) -> float:
    if signs.isspace():
        return 0 if signs == " " else min(len(signs), 2)
    return len(signs) if signs.isascii() else sum(min(3, len(letter.encode()) - 1) or 1 for letter in signs)


def estimate_prompt(messages: Sequence[Message]) -> int:
    """Tokens of a conversation with what a chat template sets around it, more rather than fewer."""
    return _A_PROMPT + sum(_A_MESSAGE + estimate_tokens(message.text) for message in messages)
