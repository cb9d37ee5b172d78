"""What a guard is: it reads a text on its way, and says what it found and what may go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

from kreis.generative.index.index import Hit
from kreis.generative.questions import Verdict

__all__ = ["Guard", "Where"]

Where: TypeAlias = Literal["question", "passage", "tool result", "answer", "history"]


class Guard(Protocol):
    """Reads texts at the places that it is for. Deterministic; safe to share between threads. Its tests:
    `kreis.generative.guards.testing`.
    """

    @property
    def name(self) -> str:
        """As verdicts call it."""
        ...

    @property
    def places(self) -> frozenset[Where]:
        """Where it acts."""
        ...

    def act(self, text: str, where: Where, passages: Sequence[Hit] = ()) -> tuple[str, list[Verdict]]:
        """Read a text.

        Args:
            text: What is about to go on.
            where: On which way.
            passages: What an answer rests on.

        Returns:
            The text as it may go on, and what was found in it, in words that do not repeat it. Where something is
            refused, the text is empty. A text that went through once goes through again unchanged.
        """
        ...
