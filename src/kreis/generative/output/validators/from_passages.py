"""What must stand in the passages."""

from __future__ import annotations

from kreis.generative.output.validator import Said, Validator
from kreis.generative.words import numbers

__all__ = ["NumbersFromPassages", "WordForWord"]


class NumbersFromPassages(Validator, frozen=True, kw_only=True, tag="numbers from passages"):
    """Each number of the answer stands in a passage, or in the question."""

    def problem(self, said: Said) -> str | None:
        """A number comes from nowhere."""
        known = {each for hit in said.passages for each in numbers(hit.shown)} | set(numbers(said.question))
        for text in self.texts(said):
            for number in numbers(text):
                if number not in known:
                    return f"the number {number} stands in no passage"
        return None


class WordForWord(Validator, frozen=True, kw_only=True, tag="word for word"):
    """A text of the answer is a quotation from a passage."""

    def problem(self, said: Said) -> str | None:
        """It is not."""
        shown = [_squeezed(hit.shown) for hit in said.passages]
        for text in self.texts(said):
            if not any(_squeezed(text) in each for each in shown):
                return f"{self.named} must be copied word for word from a passage"
        return None


def _squeezed(text: str) -> str:
    return " ".join(text.split()).casefold()
