"""Which values are allowed."""

from __future__ import annotations

from kreis.generative.output.validator import Said, Validator

__all__ = ["Among"]


class Among(Validator, frozen=True, kw_only=True, tag="among"):
    """One of these, letter for letter."""

    values: tuple[str, ...]

    def problem(self, said: Said) -> str | None:
        """It is another."""
        for each in self.texts(said):
            if each.strip() not in self.values:
                return f"{self.named} must be one of: {', '.join(self.values)}"
        return None
