"""Denmark: CPR number, a birthday and four digits; since 2007 without a check digit, so that its form counts."""

from __future__ import annotations

import re

from kreis.generative.guards.personal_data.checks import date_in
from kreis.generative.guards.personal_data.recogniser import SHAPED, Pattern

__all__ = ["RECOGNISERS"]

_NUMBER = re.compile(r"(?<![\d-])[0-3]\d[01]\d\d{2}-\d{4}(?![\d-])")


def _is_number(digits: str) -> bool:
    return date_in(digits[:2], digits[2:4])


RECOGNISERS = (Pattern("NATIONAL ID", _NUMBER, _is_number, sure=SHAPED, digits=10),)
