"""Netherlands: citizen service number (BSN), where words say that it is one: of any numbers, one in eleven checks."""

from __future__ import annotations

import re

from kreis.generative.guards.personal_data.checks import weighted
from kreis.generative.guards.personal_data.recogniser import Pattern

__all__ = ["RECOGNISERS"]

_NUMBER = re.compile(r"(?<!\d)\d{3,4}[ .]?\d{2,3}[ .]?\d{2,3}(?!\d)")
_SAID = re.compile(r"\b(?:bsn|burgerservice\w*|sofi\w*|citizen service)", re.IGNORECASE)


def _is_number(digits: str) -> bool:
    digits = digits.zfill(9)
    return len(digits) == 9 and weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


RECOGNISERS = (
    Pattern(
        "NATIONAL ID",
        _NUMBER,
        _is_number,
        context=_SAID,
        digits=8,
        cues=("bsn", "burgerservice", "sofi", "citizen service"),
    ),
)
