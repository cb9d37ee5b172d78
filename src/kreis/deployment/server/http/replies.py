"""What handlers answer with, and what they say of a body that cannot be read."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar, get_args, get_type_hints

import msgspec

from kreis.deployment.server.http.refusals import HttpRefusal
from kreis.deployment.server.messages import Refusal

__all__ = ["JSON", "UNREADABLE", "Answer", "Route", "decoded", "malformed"]

JSON = [("content-type", "application/json")]
Answer: TypeAlias = tuple[int, list[tuple[str, str]], bytes]
"""Status, headers, body."""
Route: TypeAlias = tuple[str, str, Callable[[Any, Any, Any], Awaitable[Answer | None]]]
"""Path, method, and what answers; None has answered by itself."""
_T = TypeVar("_T", bound=msgspec.Struct)
UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""What decoding a body may raise."""
_FIELD = re.compile(r" - at `\$\.(\w+)`$")
"""A field of the body itself."""


def decoded(decoder: msgspec.json.Decoder[_T], body: bytes) -> _T:
    """A body as the message that it should be.

    Raises:
        Refusal: it is not.
    """
    try:
        return decoder.decode(body)
    except UNREADABLE as error:
        raise malformed(error, decoder.type) from error


def malformed(error: Exception, of: type[msgspec.Struct]) -> Refusal:
    """422 where it is JSON of another shape, 400 where it is no JSON.

    Args:
        error: What decoding raised.
        of: What the body should be: its fields, and the values of the one that is wrong, are told.
    """
    if isinstance(error, msgspec.ValidationError):
        said = str(error)[:300]
        if "unknown field" in said and " - at " not in said:
            said += f"; known: {', '.join(of.__struct_encode_fields__)}"
        elif said.startswith("Invalid enum value") and (found := _FIELD.search(said)):
            values = get_args(get_type_hints(of).get(found[1]))
            said += f"; known: {', '.join(map(str, values))}" if values else ""
        return Refusal("wrong_shape", said)
    return HttpRefusal(400, "no_json", "the body is not JSON")
