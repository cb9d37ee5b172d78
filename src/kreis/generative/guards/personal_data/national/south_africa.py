"""South Africa: identity number, a birthday with Luhn's check digit."""

from __future__ import annotations

import re

from kreis.generative.guards.personal_data.checks import date_in, luhn
from kreis.generative.guards.personal_data.recogniser import Pattern

__all__ = ["RECOGNISERS"]

_NUMBER = re.compile(r"(?<!\d)\d{2}[01]\d[0-3]\d[ ]?\d{4}[ ]?[01][ ]?[89][ ]?\d(?!\d)")


def _is_number(digits: str) -> bool:
    return date_in(digits[4:6], digits[2:4]) and luhn(digits)


RECOGNISERS = (Pattern("NATIONAL ID", _NUMBER, _is_number, digits=13),)
