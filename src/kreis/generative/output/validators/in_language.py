"""Which language an answer is in."""

from __future__ import annotations

from typing import Literal

from kreis.generative.output.validator import Said, Validator
from kreis.generative.words import german_or_english

__all__ = ["InLanguage"]

_NAMES = {"de": "German", "en": "English"}


class InLanguage(Validator, frozen=True, kw_only=True, tag="language"):
    """In the language of the question, or in a stated one. A text too short to tell is let through."""

    language: Literal["", "de", "en"] = ""
    """Empty: the question's."""

    def problem(self, said: Said) -> str | None:
        """It is in another language."""
        wanted = self.language or german_or_english(said.question)
        found = german_or_english(" ".join(self.texts(said)))
        if not wanted or not found or wanted == found:
            return None
        return f"{self.named} must be in {_NAMES[wanted]}"
