"""Poland: PESEL, a birthday with a check digit."""

from __future__ import annotations

import re

from kreis.generative.guards.personal_data.checks import date_in, weighted
from kreis.generative.guards.personal_data.recogniser import Pattern

__all__ = ["RECOGNISERS"]

_NUMBER = re.compile(r"(?<!\d)\d{2}[0-389]\d[0-3]\d{6}(?!\d)|(?<!\d)\d{2}[4-7]\d[0-3]\d{6}(?!\d)")


def _is_number(digits: str) -> bool:
    """The month says the century: 20 is added for 2000, 40 for 2100, 80 for 1800."""
    check = weighted(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1))
    return check % 10 == 0 and date_in(digits[4:6], f"{int(digits[2:4]) % 20}")


RECOGNISERS = (Pattern("NATIONAL ID", _NUMBER, _is_number, digits=11),)
