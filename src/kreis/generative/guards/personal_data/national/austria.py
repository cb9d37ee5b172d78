"""Austria: social security number."""

from __future__ import annotations

import re

from kreis.generative.guards.personal_data.checks import date_in, weighted
from kreis.generative.guards.personal_data.recogniser import Pattern

__all__ = ["RECOGNISERS"]

_NUMBER = re.compile(r"(?<![\d.+-])[1-9]\d{3}[ /-]?\d{2}[ ./]?\d{2}[ ./]?\d{2}(?![\d-])")


def _is_number(digits: str) -> bool:
    """The fourth digit checks the others; the last six are a birthday (months 13 to 15 where a day was full)."""
    month = int(digits[6:8])
    check = weighted(digits[:3] + digits[4:], (3, 7, 9, 5, 8, 4, 2, 1, 6)) % 11
    return date_in(digits[4:6], f"{month - 12 if 13 <= month <= 15 else month}") and check == int(digits[3])


RECOGNISERS = (Pattern("SOCIAL SECURITY", _NUMBER, _is_number, digits=10),)
