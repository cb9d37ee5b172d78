"""What must stand in the passages."""

from __future__ import annotations

import msgspec

from kreis.generative.output.validator import Said, leaves
from kreis.generative.words import numbers

__all__ = ["NumbersFromPassages", "WordForWord"]


class NumbersFromPassages(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="is", tag="numbers from passages"
):
    """Each number of the answer stands in a passage, or in the question."""

    field: str = ""

    def problem(self, said: Said) -> str | None:
        """A number comes from nowhere."""
        known = {each for hit in said.passages for each in numbers(hit.shown)} | set(numbers(said.question))
        for text in leaves(said.value, self.field):
            for number in numbers(text):
                if number not in known:
                    return f"the number {number} stands in no passage"
        return None


class WordForWord(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="is", tag="word for word"
):
    """A text of the answer is a quotation from a passage."""

    field: str = ""

    def problem(self, said: Said) -> str | None:
        """It is not."""
        shown = [_squeezed(hit.shown) for hit in said.passages]
        for text in leaves(said.value, self.field):
            if not any(_squeezed(text) in each for each in shown):
                return f"{self.field or 'the answer'} must be copied word for word from a passage"
        return None


def _squeezed(text: str) -> str:
    return " ".join(text.split()).casefold()
