"""Abusive words: a list, in English and German (`abusive_words.txt`; `*` stands for any ending). Its error rates stand
in docs/reference/guards.md.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import resources

from kreis.generative.guards.guard import Where
from kreis.generative.index.index import Hit
from kreis.generative.questions import Verdict

__all__ = ["Toxicity"]

_WORD = re.compile(r"\w+")


class Toxicity:
    """Refuses an answer that abuses somebody; in a question it is only marked: people quote, and are upset."""

    name = "toxicity"
    places: frozenset[Where] = frozenset({"question", "answer"})

    def __init__(self) -> None:
        lines = (
            (resources.files("kreis.generative.guards") / "abusive_words.txt").read_text(encoding="utf-8").splitlines()
        )
        self._phrases = tuple(line for line in lines if " " in line)
        self._beginnings = tuple(line[:-1] for line in lines if line.endswith("*"))
        self._words = frozenset(lines).difference(self._phrases)

    def act(self, text: str, where: Where, passages: Sequence[Hit] = ()) -> tuple[str, list[Verdict]]:
        """Refuse or mark it."""
        small = text.lower()
        whole, beginnings, phrases = self._words, self._beginnings, self._phrases
        found = sum(word in whole or word.startswith(beginnings) for word in _WORD.findall(small))
        found += sum(phrase in small for phrase in phrases)
        if not found:
            return text, []
        if where == "answer":
            return "", [Verdict(guard=self.name, where=where, did="refused", count=found, said="abusive words")]
        return text, [Verdict(guard=self.name, where=where, did="saw", count=found, said="abusive words")]
