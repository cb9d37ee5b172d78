"""Time-ordered identifiers (UUID version 7, RFC 9562 section 5.7)."""

from __future__ import annotations

import itertools
import os
from datetime import datetime

from kreis.clock import microseconds, moment

__all__ = ["microseconds_of", "new_id", "time_of"]

_made = itertools.count(int.from_bytes(os.urandom(4)) >> 1)


def new_id(now: datetime | int) -> str:
    """A new UUIDv7 for a moment (a datetime, or microseconds since 1970 UTC).

    The 12 bits after the milliseconds hold the fraction of the millisecond, the 32 bits after them count the
    identifiers of this process (from a random start), and 30 bits are random. So the identifiers of one process sort
    in the order in which they were made, also within a microsecond.
    """
    us = now if isinstance(now, int) else microseconds(now)
    milliseconds, rest = divmod(us, 1000)
    value = (milliseconds & 0xFFFFFFFFFFFF) << 80
    value |= 0x7 << 76
    value |= (rest * 4096 // 1000) << 64
    value |= 0b10 << 62
    value |= (next(_made) & 0xFFFFFFFF) << 30
    value |= int.from_bytes(os.urandom(4)) >> 2
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def time_of(identifier: str) -> datetime:
    """The moment, to the millisecond, that a UUIDv7 was made for.

    Raises:
        ValueError: it is no UUIDv7.
    """
    return moment(microseconds_of(identifier))


def microseconds_of(identifier: str) -> int:
    """As `time_of`, in microseconds since 1970 UTC.

    Raises:
        ValueError: it is no UUIDv7.
    """
    text = identifier.replace("-", "")
    if len(text) != 32 or text[12] != "7":
        raise ValueError(f"not a time-ordered identifier: {identifier!r}")
    return int(text[:12], 16) * 1000
