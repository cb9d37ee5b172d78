"""Verbatim copying: long runs of words from documents whose licence does not allow it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from kreis.generative.guards.guard import Where
from kreis.generative.index.index import Hit
from kreis.generative.questions import Verdict

__all__ = ["Copying"]

_WORD = re.compile(r"\w+")
_CUT = " […] "


class Copying:
    """Cuts a run of copied words at the longest that is allowed. A run is exact but for case and signs."""

    name = "copying"
    places: frozenset[Where] = frozenset({"answer"})

    def __init__(self, licences: Sequence[str], most: int) -> None:
        self._licences = frozenset(licences)
        self._most = most

    def act(self, text: str, where: Where, passages: Sequence[Hit] = ()) -> tuple[str, list[Verdict]]:
        """Cut them."""
        protected = [each for each in passages if each.licence in self._licences]
        if not protected:
            return text, []
        words = list(_WORD.finditer(text))
        said = [match[0].casefold() for match in words]
        copied = [False] * len(words)
        half = max(1, (self._most + 1) // 2)
        blocks = [(at, f" {' '.join(said[at : at + half])} ") for at in range(0, len(said) - half + 1, half)]
        for each in protected:
            self._mark(said, blocks, _flat(each.shown or each.text), copied)
        return self._cut(text, words, copied, where)

    def _mark(self, said: list[str], blocks: list[tuple[int, str]], source: str, copied: list[bool]) -> None:
        """Mark the words of each run that is too long: it holds one of the blocks of half its length."""
        length = self._most + 1
        for at, block in blocks:
            if block not in source:
                continue
            for start in range(max(0, at - length // 2), min(at, len(said) - length) + 1):
                end = start + length
                if not all(copied[start:end]) and f" {' '.join(said[start:end])} " in source:
                    copied[start:end] = [True] * length

    def _cut(
        self, text: str, words: list[re.Match[str]], copied: list[bool], where: Where
    ) -> tuple[str, list[Verdict]]:
        """Leave out all words of a copied run after the longest that is allowed."""
        parts, kept_to, run, cuts = [], 0, 0, 0
        for at, (word, is_copied) in enumerate(zip(words, copied, strict=True)):
            run = run + 1 if is_copied else 0
            if run != self._most + 1:
                continue
            last = at
            while last + 1 < len(words) and copied[last + 1]:
                last += 1
            parts.append(text[kept_to : word.start()].rstrip() + _CUT)
            kept_to, cuts = words[last].end(), cuts + 1
        if not cuts:
            return text, []
        said = f"more than {self._most} words of a protected document"
        text = "".join(parts) + text[kept_to:].lstrip()
        return text.strip(), [Verdict(guard=self.name, where=where, did="removed", count=cuts, said=said)]


@lru_cache(maxsize=4096)
def _flat(text: str) -> str:
    """Its words, small, with a blank around each."""
    return f" {' '.join(match[0].casefold() for match in _WORD.finditer(text))} "
