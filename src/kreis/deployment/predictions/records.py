"""What the service writes down: a prediction with everything it rested on, and an outcome.

Records are written by position: a field is added at the end, with a default (docs/decisions/0010-formats.md).
"""

from __future__ import annotations

import msgspec

__all__ = ["OutcomeRecord", "PredictionRecord", "ShadowScore"]


class ShadowScore(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What another model would have answered; decided nothing."""

    model: str
    score: float
    decision: bool


class PredictionRecord(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="p", kw_only=True):
    """One answer. `at` and `logged_at` are microseconds since 1970 UTC by the service's clock."""

    id: str
    at: int
    release: str
    model: str
    keys: dict[str, str]
    fields: dict[str, str | int | float | bool | None]
    features: list[float | None]
    """As the model took them, in the order of its manifest; null where missing."""
    score: float
    decision: bool
    latency_us: int
    reference: str | None = None
    """The client's own name for what was asked (an order, a flight)."""
    shadow: list[ShadowScore] = []


class OutcomeRecord(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="o", kw_only=True):
    """What really happened, by prediction id or by the client's reference."""

    outcome: float
    known_at: int
    prediction: str | None = None
    reference: str | None = None
