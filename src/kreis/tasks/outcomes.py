"""What an outcome may be, as data in a package: the service checks by it what clients send."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from hashlib import sha256
from typing import Any, ClassVar, TypeAlias

import msgspec

__all__ = [
    "Feedback",
    "NoOutcome",
    "Number",
    "OneOf",
    "OutcomeForm",
    "Sent",
    "SomeOf",
    "YesNo",
    "class_number",
    "class_text",
]

Sent: TypeAlias = float | bool | str | list[str]
"""An outcome as a client sends it."""


def class_number(text: str) -> float:
    """The number that names a class: 48 bits of its text's SHA-256, which float64 holds exactly.

    It means the same in every model, run and log. Among 1,000 classes any two share one with chance 2e-9.

    >>> class_number("setosa")
    263333158216225.0
    """
    return float(int.from_bytes(sha256(text.encode()).digest()[:6], "big"))


def class_text(value: str | float | bool) -> str:
    """A class's text, however a table or a client has it: 3 and 3.0 are "3", true is "true".

    >>> [class_text(each) for each in ("setosa", 3.0, True)]
    ['setosa', '3', 'true']
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


class _Form(msgspec.Struct, frozen=True):
    """An outcome that is sent as the number which stands for it, unless it says otherwise."""

    as_it_is: ClassVar[bool] = True
    """Whether an answer shows the number itself."""
    parted: ClassVar[bool] = False
    """Whether an evaluation shows the rows of each outcome by themselves."""
    decision_type: ClassVar[str] = "number"
    """The logical type of a decision, as contracts have it."""

    def number(self, value: Sent) -> float:
        """The number that stands for a value which is not refused."""
        return float(value)  # type: ignore[arg-type]

    def shown(self, value: float) -> Sent:
        """The inverse of `number`, for JSON; of a number that stands for nothing, itself."""
        return value


class YesNo(_Form, frozen=True, forbid_unknown_fields=True, tag_field="form", tag="yes_no"):
    """Yes or no, sent as true and false or 1 and 0."""

    decision_type: ClassVar[str] = "boolean"

    def refusal(self, value: Sent) -> str | None:
        """Why a value is no outcome; None where it is one."""
        return None if value in (0, 1) else f"the outcome is {_shown(value)}; it must be 0, 1, false or true"

    def schema(self) -> dict[str, Any]:
        """As JSON Schema."""
        return {"enum": [0, 1, False, True]}

    def said(self, value: float) -> str:
        """An outcome in words."""
        return "yes" if value > 0.5 else "no"


class Number(_Form, frozen=True, forbid_unknown_fields=True, tag_field="form", tag="number"):
    """A number within bounds, if there are any."""

    at_least: float | None = None
    at_most: float | None = None
    whole: bool = False
    """Whether only whole numbers are."""

    def refusal(self, value: Sent) -> str | None:
        """Why a value is no outcome; None where it is one."""
        if isinstance(value, bool | str | list) or not math.isfinite(value):
            return f"the outcome is {_shown(value)}; it must be a number"
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


class OneOf(_Form, frozen=True, dict=True, forbid_unknown_fields=True, tag_field="form", tag="one_of"):
    """One of some classes, sent by its text; a number stands for it inside (`class_number`)."""

    as_it_is: ClassVar[bool] = False
    parted: ClassVar[bool] = True
    classes: tuple[str, ...]

    @cached_property
    def _texts(self) -> dict[float, str]:
        return {class_number(each): each for each in self.classes}

    def refusal(self, value: Sent) -> str | None:
        """Why a value is no outcome; None where it is one."""
        if not isinstance(value, list) and (class_text(value) in self.classes or value in self._texts):
            return None
        return f"the outcome is {_shown(value)}; it must be one of {listed(self.classes)}"

    def number(self, value: Sent) -> float:
        """The number that stands for a value which is not refused: a class's text, or its number."""
        known = not isinstance(value, list) and class_text(value) in self.classes
        return class_number(class_text(value)) if known else float(value)  # type: ignore[arg-type]

    def shown(self, value: float) -> Sent:
        """The inverse of `number`, for JSON; of a number that names none of the classes, itself."""
        return self._texts.get(value, value)

    def schema(self) -> dict[str, Any]:
        """As JSON Schema."""
        return {"enum": list(self.classes)}

    def said(self, value: float) -> str:
        """An outcome in words."""
        return self._texts.get(value, "another class")


class SomeOf(_Form, frozen=True, forbid_unknown_fields=True, tag_field="form", tag="some_of"):
    """Any of some labels, sent as a list of their texts; one number stands for them inside: a bit for each."""

    as_it_is: ClassVar[bool] = False
    labels: tuple[str, ...]

    def refusal(self, value: Sent) -> str | None:
        """Why a value is no outcome; None where it is one."""
        if isinstance(value, list):
            unknown = [each for each in value if each not in self.labels]
            return f"{unknown[0]!r:.80} is none of the labels {listed(self.labels)}" if unknown else None
        number = math.nan if isinstance(value, bool | str) else float(value)
        if 0 <= number < 2.0 ** len(self.labels) and number % 1 == 0:
            return None
        return f"the outcome is {_shown(value)}; it must be a list of {listed(self.labels)}"

    def number(self, value: Sent) -> float:
        """The number that stands for a value which is not refused: labels, or their number."""
        if not isinstance(value, list):
            return float(value)
        return float(sum(1 << self.labels.index(each) for each in set(value)))

    def shown(self, value: float) -> Sent:
        """The inverse of `number`, for JSON."""
        return [label for place, label in enumerate(self.labels) if int(value) >> place & 1]

    def schema(self) -> dict[str, Any]:
        """As JSON Schema."""
        return {"type": "array", "items": {"enum": list(self.labels)}, "uniqueItems": True}

    def said(self, value: float) -> str:
        """An outcome in words."""
        return ", ".join(label for place, label in enumerate(self.labels) if int(value) >> place & 1) or "no label"


class NoOutcome(_Form, frozen=True, forbid_unknown_fields=True, tag_field="form", tag="none"):
    """Nothing: what is asked is never answered by what happens."""

    def refusal(self, value: Sent) -> str | None:
        """Why a value is no outcome: none is."""
        return f"the outcome is {_shown(value)}; what this model is asked for has no outcome"

    def number(self, value: Sent) -> float:
        """The number that stands for a value which is not refused: there is none."""
        return math.nan

    def schema(self) -> dict[str, Any]:
        """As JSON Schema: nothing satisfies it."""
        return {"not": {}, "description": "there is no outcome"}

    def said(self, value: float) -> str:
        """A decision in words."""
        return f"number {value:,.6g}"


class Feedback(_Form, frozen=True, forbid_unknown_fields=True, tag_field="form", tag="feedback"):
    """What came of an answer, sent by its name."""

    SOLVED: ClassVar[float] = 1.0
    WRONG: ClassVar[float] = 0.0
    PASSED_ON: ClassVar[float] = 2.0
    """An answer was given, and a person had to help all the same."""
    TEXTS: ClassVar[dict[str, float]] = {"solved": 1.0, "wrong": 0.0, "passed_on": 2.0}
    NUMBERS: ClassVar[tuple[float, ...]] = (1.0, 0.0, 2.0)
    as_it_is: ClassVar[bool] = False

    def refusal(self, value: Sent) -> str | None:
        """Why a value is no outcome; None where it is one."""
        numbers = not isinstance(value, bool | str | list) and value in self.NUMBERS
        if numbers or (isinstance(value, str) and value in self.TEXTS):
            return None
        return f"the outcome is {_shown(value)}; it must be one of {listed(list(self.TEXTS))}"

    def number(self, value: Sent) -> float:
        """The number that stands for a value which is not refused."""
        return self.TEXTS[value] if isinstance(value, str) else float(value)  # type: ignore[arg-type]

    def shown(self, value: float) -> Sent:
        """The inverse of `number`, for JSON; of a number that names none, itself."""
        return next((text for text, number in self.TEXTS.items() if number == value), value)

    def schema(self) -> dict[str, Any]:
        """As JSON Schema."""
        return {"enum": list(self.TEXTS)}

    def said(self, value: float) -> str:
        """An outcome in words."""
        return next(
            (text.replace("_", " ") for text, number in self.TEXTS.items() if number == value), "something else"
        )


OutcomeForm: TypeAlias = YesNo | Number | OneOf | SomeOf | NoOutcome | Feedback


_LISTED = 12


def listed(names: Sequence[str]) -> str:
    """Some names in a sentence, the first twelve of them."""
    more = f" and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
    return ", ".join(map(repr, names[:_LISTED])) + more


def _shown(value: Sent) -> str:
    return f"{value:g}" if isinstance(value, int | float) else f"{value!r:.80}"
