"""The levels at which coverage is said, where they follow what happens."""

from __future__ import annotations

import msgspec

__all__ = ["Levels"]


class Levels(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At which levels coverage is said, so that it holds in the share of cases that was asked for."""

    general: float
    """Of all rows whose group has none of its own."""
    groups: dict[str, float] = {}
    """Of groups of which enough outcomes are known."""

    def of(self, group: str | None) -> float:
        """The level that holds for a group."""
        return self.general if group is None else self.groups.get(group, self.general)
