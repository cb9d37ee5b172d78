"""Norway: birth number, with two check digits by MOD 11."""

from __future__ import annotations

import re

from kreis.generative.guards.personal_data.checks import date_in, weighted
from kreis.generative.guards.personal_data.recogniser import Pattern

__all__ = ["RECOGNISERS"]

_NUMBER = re.compile(r"(?<!\d)[0-7]\d[0-9]\d\d{2}[ ]?\d{5}(?!\d)")


def _is_number(digits: str) -> bool:
    """D-numbers add 40 to the day, test numbers to the month."""
    first = weighted(digits, (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)) % 11
    second = weighted(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11
    return first == second == 0 and date_in(f"{int(digits[:2]) % 40}", f"{int(digits[2:4]) % 40}")


RECOGNISERS = (Pattern("NATIONAL ID", _NUMBER, _is_number, digits=11),)
