"""What clients send and what they get, as typed messages."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from kreis.tasks.outcomes import Sent

__all__ = ["Ask", "Asked", "Outcome", "Outcomes", "Refusal", "Replies", "Reply", "Unavailable", "Value"]

Value: TypeAlias = str | int | float | bool | None
"""A request field: JSON scalars only, so nothing can be nested."""


class Ask(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One thing to predict."""

    keys: dict[str, str] = {}
    """Entity to key: whose stored features to look up."""
    fields: dict[str, Value] = {}
    """What the request features are computed from."""
    reference: str | None = None
    """The client's own name for it; outcomes may come back under this name."""
    features: dict[str, float | None] = {}
    """Features that the client computed itself, by full name; they replace stored and computed ones."""


class Asked(Ask, frozen=True, forbid_unknown_fields=True, gc=False):
    """A single `Ask`, or `rows` of them."""

    rows: list[Ask] | msgspec.UnsetType = msgspec.UNSET


class Reply(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One answer."""

    id: str
    score: float
    """The model's raw output; where that is several numbers, the one that monitoring looks at."""
    decision: Sent
    """What follows from it by the model's rule: yes or no, a number, a class, or some labels."""
    model: str
    """Digest of the package that answered."""
    version: int
    """The model's number in the project."""
    release: str
    at: datetime
    fallback: bool = False
    """Whether the fallback answered, because the model that should have could not."""
    flags: list[str] = []
    """What was unusual about the request, as `"FIELD: PROBLEM"`."""
    scores: dict[str, float] | msgspec.UnsetType = msgspec.UNSET
    """The numbers of a raw output of several, by what each is about."""
    parts: dict[str, Any] = {}
    """What goes with the answer, by name, as the project asks for (`answer_with`); null where one could not be had."""


class Replies(msgspec.Struct, frozen=True, gc=False):
    """The answers of a batch, in the order of its rows."""

    predictions: list[Reply]


class Outcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What really happened."""

    outcome: Sent
    """As the released model takes it: 0 or 1, false or true; a number; a class's name; or a list of labels."""
    prediction: str | None = None
    reference: str | None = None
    known_at: datetime | None = None
    """When it became known; now, if not said."""


class Outcomes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A message of outcomes."""

    outcomes: list[Outcome]


class Refusal(Exception):  # noqa: N818 (an answer, not a fault)
    """A request that is not answered because of what it asks: a code, and a message that says what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Unknown(Refusal):
    """A request about something that there is not."""


class Unavailable(Refusal):
    """A request that could be answered at another time."""
