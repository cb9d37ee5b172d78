"""What the service writes down: a prediction with everything it rested on, an outcome, and what went wrong.

Records are written by position: a field is added at the end, with a default (docs/decisions/0010-formats.md).
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from kreis.identifiers import microseconds_of

__all__ = [
    "ClosingRecord",
    "FailureRecord",
    "OutcomeRecord",
    "PredictionRecord",
    "Record",
    "Several",
    "ShadowScore",
    "WithdrawnRecord",
]


class Several(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The raw output of a model that gives several numbers."""

    kept: float
    """The one that monitoring looks at, as the model's decision rule says."""
    all: list[float]


class ShadowScore(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What another model would have answered; decided nothing."""

    model: str
    score: float | Several
    decision: bool | float


class PredictionRecord(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="p", kw_only=True):
    """One answer. `at` is microseconds since 1970 UTC by the service's clock."""

    id: str
    at: int
    release: str
    model: str
    keys: dict[str, str]
    fields: dict[str, str | int | float | bool | None]
    features: list[float | None]
    """As the model took them, in the order of its manifest; null where missing."""
    score: float | Several
    """The raw output: a number; or, of a model that gives several, those (from version 0.3 on)."""
    decision: bool | float
    """Yes or no; or, of a model that predicts one, a number (from version 0.2 on)."""
    latency_us: int
    reference: str | None = None
    """The client's own name for what was asked (an order, a flight)."""
    shadow: list[ShadowScore] = []
    extra: dict[str, float | None] = {}
    """Features, by full name, that other live models take and this one does not: what a canary compares with."""
    flags: list[str] = []
    """What was unusual about the request: `"FIELD: PROBLEM"`. It was answered all the same."""
    parts: dict[str, Any] = {}
    """What went with the answer, by name: JSON values."""


class OutcomeRecord(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="o", kw_only=True):
    """What really happened, by prediction id or by the client's reference."""

    outcome: float
    known_at: int
    prediction: str | None = None
    reference: str | None = None
    received: int = 0
    """When it was sent, microseconds since 1970 UTC: of two outcomes known at one moment the one sent last counts, and
    several workers may have taken them."""
    comment: str = ""
    """What a person says of an answer, masked."""

    @property
    def is_early(self) -> bool:
        """Whether it was known before its prediction was asked, as far as the prediction's id says when that was."""
        try:
            return self.prediction is not None and self.known_at < microseconds_of(self.prediction)
        except ValueError:
            return False


class FailureRecord(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="f", kw_only=True):
    """Requests that ended in a server error, those of about a second together."""

    at: int
    """Of the first of them, microseconds since 1970 UTC."""
    route: str
    status: int
    code: str
    count: int


class WithdrawnRecord(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="x", kw_only=True):
    """Predictions of this segment that were not given after all: they could not be forced to disk."""

    ids: list[str]


class ClosingRecord(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="e", kw_only=True):
    """The last frame of a segment that was closed: without it the end is missing, or the writer was killed."""

    size: int
    """Bytes before this frame."""
    records: int
    """Frames before this one."""


Record: TypeAlias = PredictionRecord | OutcomeRecord | FailureRecord | WithdrawnRecord
