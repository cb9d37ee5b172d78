"""Which values are allowed."""

from __future__ import annotations

import msgspec

from kreis.generative.output.validator import Said, leaves

__all__ = ["Among"]


class Among(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="is", tag="among"):
    """One of these, letter for letter."""

    values: tuple[str, ...]
    field: str = ""

    def problem(self, said: Said) -> str | None:
        """It is another."""
        for each in leaves(said.value, self.field):
            if each.strip() not in self.values:
                return f"{self.field or 'the answer'} must be one of: {', '.join(self.values)}"
        return None
