"""Which form a text has."""

from __future__ import annotations

import re

import msgspec

from kreis.generative.output.patterns import LONGEST, check_pattern
from kreis.generative.output.validator import Said, leaves

__all__ = ["Matches"]


class Matches(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="is", tag="matches"):
    """All of it matches a regular expression, of the kind whose time grows with the text only (`check_pattern`)."""

    pattern: str
    field: str = ""

    def __post_init__(self) -> None:
        check_pattern(self.pattern, where="Matches")

    def problem(self, said: Said) -> str | None:
        """It has another form, or is too long to be looked at."""
        for each in leaves(said.value, self.field):
            if len(each) > LONGEST or re.fullmatch(self.pattern, each) is None:
                return f"{self.field or 'the answer'} must match {self.pattern}"
        return None
