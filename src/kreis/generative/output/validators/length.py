"""How long an answer may be."""

from __future__ import annotations

from kreis.errors import ProjectError
from kreis.generative.output.validator import Said, Validator
from kreis.generative.words import words

__all__ = ["Length"]


class Length(Validator, frozen=True, kw_only=True, tag="length"):
    """So many words."""

    at_least: int = 1
    at_most: int = 1000

    def __post_init__(self) -> None:
        if not 0 <= self.at_least <= self.at_most:
            raise ProjectError(f"at_least={self.at_least} is above at_most={self.at_most}", where="Length")

    def problem(self, said: Said) -> str | None:
        """It has too few or too many words."""
        count = sum(len(words(each)) for each in self.texts(said))
        if self.at_least <= count <= self.at_most:
            return None
        return f"{self.named} has {count} words; it must have {self.at_least} to {self.at_most}"
