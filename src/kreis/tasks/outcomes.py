"""What an outcome may be, as data in a package: the service checks by it what clients send."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import msgspec

__all__ = ["Number", "OutcomeForm", "YesNo"]


class YesNo(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="form", tag="yes_no"):
    """Yes or no, sent as true and false or 1 and 0."""

    @property
    def decision_type(self) -> str:
        """The logical type of a decision, as contracts have it."""
        return "boolean"

    def refusal(self, value: float) -> str | None:
        """Why a value is no outcome; None where it is one."""
        return None if value in (0, 1) else f"the outcome is {value:g}; it must be 0, 1, false or true"

    def schema(self) -> dict[str, Any]:
        """As JSON Schema."""
        return {"enum": [0, 1, False, True]}

    def said(self, value: float) -> str:
        """An outcome in words."""
        return "yes" if value > 0.5 else "no"


class Number(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="form", tag="number"):
    """A number within bounds, if there are any."""

    at_least: float | None = None
    at_most: float | None = None
    whole: bool = False
    """Whether only whole numbers are."""

    @property
    def decision_type(self) -> str:
        """The logical type of a decision, as contracts have it."""
        return "number"

    def refusal(self, value: float) -> str | None:
        """Why a value is no outcome; None where it is one."""
        if isinstance(value, bool) or not math.isfinite(value):
            return f"the outcome is {value}; it must be a number"
        if self.at_least is not None and value < self.at_least:
            return f"the outcome is {value:g}; it must be at least {self.at_least:g}"
        if self.at_most is not None and value > self.at_most:
            return f"the outcome is {value:g}; it must be at most {self.at_most:g}"
        return f"the outcome is {value:g}; it must be a whole number" if self.whole and value % 1 else None

    def schema(self) -> dict[str, Any]:
        """As JSON Schema."""
        bounds = {"minimum": self.at_least, "maximum": self.at_most}
        kind = "integer" if self.whole else "number"
        return {"type": kind, **{name: bound for name, bound in bounds.items() if bound is not None}}

    def said(self, value: float) -> str:
        """An outcome in words."""
        return f"{value:,.6g}"


OutcomeForm: TypeAlias = YesNo | Number
