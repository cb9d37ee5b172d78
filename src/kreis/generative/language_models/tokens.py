"""How many tokens a text has at most, where the model is elsewhere: by its letters, not by a tokenizer."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kreis.generative.language_models.model import Message

__all__ = ["estimate_prompt", "estimate_tokens"]

_PIECES = re.compile(r"([A-Za-z]+)|(\s+)|([^\sA-Za-z]+)")
_A_MESSAGE = 8
"""Tokens that a chat template sets around a message, at most."""
_A_PROMPT = 32
"""Tokens that it sets around all, with a system message of its own where there is none."""


def estimate_tokens(text: str) -> int:
    """Tokens of a text, more rather than fewer: for English a third too many, for other languages more.

    Words of ASCII letters have a token for each three letters begun; a blank belongs to what follows; digits, marks and
    bytes of other letters are tokens of their own.

    Args:
        text: Any text.

    Returns:
        An upper estimate for byte-pair vocabularies of 49,000 entries and more.
    """
    total = 0
    for word, blank, other in _PIECES.findall(text):
        if word:
            total += (len(word) + 2) // 3
        elif blank:
            total += 0 if blank == " " else len(blank)
        else:
            total += len(other.encode())
    return total


def estimate_prompt(messages: Sequence[Message]) -> int:
    """Tokens of a conversation with what a chat template sets around it, more rather than fewer."""
    return _A_PROMPT + sum(_A_MESSAGE + estimate_tokens(message.text) for message in messages)
