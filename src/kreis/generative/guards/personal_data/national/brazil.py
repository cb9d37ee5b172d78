"""Brazil: taxpayer number (CPF), with two check digits by MOD 11."""

from __future__ import annotations

import re

from kreis.generative.guards.personal_data.checks import weighted
from kreis.generative.guards.personal_data.recogniser import Pattern

__all__ = ["RECOGNISERS"]

_NUMBER = re.compile(r"(?<!\d)\d{3}[.]?\d{3}[.]?\d{3}[-]?\d{2}(?!\d)")


def _is_number(digits: str) -> bool:
    if len(set(digits)) == 1:
        return False
    checks = (weighted(digits[:9], range(10, 1, -1)), weighted(digits[:10], range(11, 1, -1)))
    return all(check * 10 % 11 % 10 == int(digit) for check, digit in zip(checks, digits[9:], strict=True))


RECOGNISERS = (Pattern("TAX ID", _NUMBER, _is_number, digits=11),)
