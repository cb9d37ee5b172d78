"""What handlers answer with, and what they say of a body that cannot be read."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from kreis.deployment.server.http.refusals import HttpRefusal
from kreis.deployment.server.messages import Refusal

__all__ = ["JSON", "UNREADABLE", "Answer", "malformed"]

JSON = [("content-type", "application/json")]
Answer: TypeAlias = tuple[int, list[tuple[str, str]], bytes]
"""Status, headers, body."""
UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""What decoding a body may raise."""


def malformed(error: Exception) -> Refusal:
    """422 where it is JSON of another shape, 400 where it is no JSON."""
    if isinstance(error, msgspec.ValidationError):
        return Refusal("wrong_shape", str(error)[:300])
    return HttpRefusal(400, "no_json", "the body is not JSON")
