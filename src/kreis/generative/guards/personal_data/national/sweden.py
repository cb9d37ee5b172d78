"""Sweden: personal identity number, a birthday with Luhn's check digit."""

from __future__ import annotations

import re

from kreis.generative.guards.personal_data.checks import date_in, luhn
from kreis.generative.guards.personal_data.recogniser import Pattern

__all__ = ["RECOGNISERS"]

_NUMBER = re.compile(r"(?<!\d)(?:19|20)?\d{2}[01]\d[0-9]\d[-+]\d{4}(?!\d)|(?<!\d)(?:19|20)\d{2}[01]\d[0-9]\d{5}(?!\d)")


def _is_number(digits: str) -> bool:
    """Coordination numbers add 60 to the day."""
    digits = digits[-10:]
    day = int(digits[4:6])
    return date_in(f"{day - 60 if day > 60 else day}", digits[2:4]) and luhn(digits)


RECOGNISERS = (Pattern("NATIONAL ID", _NUMBER, _is_number, digits=6),)
