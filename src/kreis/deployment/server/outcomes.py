"""What an outcome that a client sends must be, and how it is written down."""

from __future__ import annotations

from kreis.clock import microseconds
from kreis.deployment.predictions.records import OutcomeRecord
from kreis.deployment.server.messages import Outcome, Refusal
from kreis.tasks.outcomes import Number, OutcomeForm

__all__ = ["record_of"]


def record_of(place: int, outcome: Outcome, form: OutcomeForm | None, now_us: int, latest_us: int) -> OutcomeRecord:
    """The record of a checked outcome.

    Args:
        place: Where it stands in its message, for the refusal.
        outcome: What was sent.
        form: What an outcome may be; anything finite where nothing is released.
        now_us: Now, microseconds since 1970 UTC: when it became known, if it does not say.
        latest_us: The latest moment at which it may have become known.

    Raises:
        Refusal: it names no prediction, or holds what the task does not know or a moment that cannot be.
    """
    if (outcome.prediction is None) == (outcome.reference is None):
        raise Refusal("ambiguous", f"outcomes[{place}]: name either a prediction or a reference")
    if len(outcome.prediction or outcome.reference or "") > 1_000:
        raise Refusal("too_long", f"outcomes[{place}]: the name is longer than 1000 characters")
    if form is not None and (reason := form.refusal(outcome.outcome)) is not None:
        raise Refusal("not_allowed", f"outcomes[{place}]: {reason}")
    if form is None and isinstance(outcome.outcome, str | list):
        raise Refusal("not_allowed", f"outcomes[{place}]: nothing is released yet that takes {outcome.outcome!r:.80}")
    known_at = now_us
    if outcome.known_at is not None:
        if outcome.known_at.tzinfo is None:
            raise Refusal("bad_time", f"outcomes[{place}]: known_at needs a time zone")
        known_at = microseconds(outcome.known_at)
        if not 0 <= known_at <= latest_us:
            raise Refusal("bad_time", f"outcomes[{place}]: known_at lies in the future, or before 1970")
    record = OutcomeRecord(
        outcome=(form or Number()).number(outcome.outcome),
        known_at=known_at,
        prediction=outcome.prediction,
        reference=outcome.reference,
        received=now_us,
    )
    if record.is_early:
        raise Refusal("bad_time", f"outcomes[{place}]: known_at is earlier than the prediction {outcome.prediction}")
    return record
