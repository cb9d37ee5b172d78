"""Which form a text has."""

from __future__ import annotations

import re

from kreis.generative.output.patterns import LONGEST, check_pattern
from kreis.generative.output.validator import Said, Validator

__all__ = ["Matches"]


class Matches(Validator, frozen=True, kw_only=True, tag="matches"):
    """All of it matches a regular expression, of the kind whose time grows with the text only (`check_pattern`)."""

    pattern: str

    def __post_init__(self) -> None:
        check_pattern(self.pattern, where="Matches")

    def problem(self, said: Said) -> str | None:
        """It has another form, or is too long to be looked at."""
        for each in self.texts(said):
            if len(each) > LONGEST or re.fullmatch(self.pattern, each) is None:
                return f"{self.named} must match {self.pattern}"
        return None
