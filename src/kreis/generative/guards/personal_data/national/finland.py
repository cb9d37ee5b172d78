"""Finland: personal identity code, a birthday with a check sign by MOD 31."""

from __future__ import annotations

import re

from kreis.generative.guards.personal_data.checks import date_in
from kreis.generative.guards.personal_data.recogniser import Pattern

__all__ = ["RECOGNISERS"]

_NUMBER = re.compile(r"(?<!\w)[0-3]\d[01]\d{3}(?:[-+]|[A-FYXWVU])\d{3}[0-9A-FHJ-NPR-Y](?!\w)", re.IGNORECASE)


def _is_number(text: str) -> bool:
    digits = text[:6] + text[-4:-1]
    return date_in(text[:2], text[2:4]) and "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(digits) % 31] == text[-1]


RECOGNISERS = (Pattern("NATIONAL ID", _NUMBER, _is_number, digits=6),)
