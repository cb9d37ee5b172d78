"""How many tokens a text has at most, where the model is elsewhere: by its letters, not by a tokenizer."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from kreis.generative.language_models.model import Message

__all__ = ["estimate_prompt", "estimate_tokens"]

_PIECES = re.compile(r"([A-Za-z]+)|(\s+)|([^\sA-Za-z]+)")
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

    Args:
        text: Any text.

    Returns:
        An upper estimate.
    """
    pieces = _PIECES.findall(text)
    words = [word for word, _, _ in pieces if word.islower()]
    english = sum(word in _ENGLISH for word in words) >= 0.12 * len(words)
    total = 0.0
    for word, blank, other in pieces:
        if blank:
            total += 0 if blank == " " else min(len(blank), 2)
        elif other:
            total += len(other) if other.isascii() else sum(min(3, len(letter.encode()) - 1) or 1 for letter in other)
        elif not (word.islower() or word.istitle()):
            total += 1 + 0.55 * (len(word) - 1)
        else:
            total += 1 + (0.2 * max(0, len(word) - 3) if english else 0.4 * max(0, len(word) - 2))
    return math.ceil(1.07 * total)


def estimate_prompt(messages: Sequence[Message]) -> int:
    """Tokens of a conversation with what a chat template sets around it, more rather than fewer."""
    return _A_PROMPT + sum(_A_MESSAGE + estimate_tokens(message.text) for message in messages)
