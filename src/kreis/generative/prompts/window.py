"""What fits into a model's window, and what is dropped when not all does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from kreis.generative.index.index import Hit
from kreis.generative.language_models.model import Message
from kreis.generative.prompts.prompt import Example
from kreis.generative.prompts.rendering import OpenPrompt
from kreis.generative.tools.spec import ToolResult, ToolSpec

__all__ = ["Fitted", "fit"]

_PER_MESSAGE = 8
"""Tokens that a model's own template adds to a message, at most."""


class Fitted(msgspec.Struct, frozen=True, kw_only=True):
    """What a model is sent, and what was left out of it."""

    messages: tuple[Message, ...]
    passages: tuple[Hit, ...]
    dropped: int
    """Passages that did not fit."""


def fit(
    prompt: OpenPrompt,
    question: str,
    *,
    window: int,
    count: Callable[[str], int],
    passages: Sequence[Hit],
    history: Sequence[Message] = (),
    examples: Sequence[Example] = (),
    tool_results: Sequence[ToolResult] = (),
    tools: Sequence[ToolSpec] = (),
    further: Sequence[Message] = (),
    at: int = 0,
) -> Fitted | None:
    """The messages of a question, as many of their parts as fit.

    What does not fit goes in this order: examples from the last, passages from the last down to the best one, the
    oldest turns, the best passage. Instructions, question, results of tools and what follows are never cut.

    Args:
        prompt: What the model is told.
        question: What is asked.
        window: Tokens that prompt and answer may have together.
        count: Tokens of a text.
        passages: Best first.
        history: Earlier turns, oldest first.
        examples: Nearest first.
        tool_results: What tools said.
        tools: What the model may ask for.
        further: Turns after the question: an answer that was wrong, and why.
        at: The moment, microseconds since 1970 UTC.

    Returns:
        The messages; None where not even the question fits.
    """
    system = prompt.system(at, tools)
    kept, turns, shots = list(passages), list(history), list(examples)
    fixed = count(system.text) + sum(count(each.text) for each in further) + prompt.prompt.most_tokens
    room = window - fixed - _PER_MESSAGE * (2 + len(further))
    while True:
        user = prompt.user(question, passages=kept, history=turns, examples=shots, tool_results=tool_results, at=at)
        too_many = count(user.text) - room
        if too_many <= 0:
            break
        if shots:
            shots.pop()
        elif len(kept) > 1:
            _drop(kept, too_many, count)
        elif turns:
            turns.pop(0)
        elif kept:
            kept.pop()
        else:
            return None
    return Fitted(
        messages=(system, user, *further),
        passages=tuple(kept),
        dropped=len(passages) - len(kept),
    )


def _drop(passages: list[Hit], too_many: int, count: Callable[[str], int]) -> None:
    """Drop as many of the last passages as are surely too many, at least one, and keep the best."""
    freed = 0
    while len(passages) > 1 and freed < too_many:
        freed += count(passages.pop().shown)
