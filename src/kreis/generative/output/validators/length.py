"""How long an answer may be."""

from __future__ import annotations

import msgspec

from kreis.errors import ProjectError
from kreis.generative.output.validator import Said, leaves
from kreis.generative.words import words

__all__ = ["Length"]


class Length(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="is", tag="length"):
    """So many words."""

    at_least: int = 1
    at_most: int = 1000
    field: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.at_least <= self.at_most:
            raise ProjectError(f"at_least={self.at_least} is above at_most={self.at_most}", where="Length")

    def problem(self, said: Said) -> str | None:
        """It has too few or too many words."""
        count = sum(len(words(each)) for each in leaves(said.value, self.field))
        if self.at_least <= count <= self.at_most:
            return None
        return f"{self.field or 'the answer'} has {count} words; it must have {self.at_least} to {self.at_most}"
