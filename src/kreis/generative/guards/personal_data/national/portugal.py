"""Portugal: tax number (NIF), where words say that it is one."""

from __future__ import annotations

import re

from kreis.generative.guards.personal_data.checks import weighted
from kreis.generative.guards.personal_data.recogniser import Pattern

__all__ = ["RECOGNISERS"]

_NUMBER = re.compile(r"(?<!\d)[1-35689]\d{2}[ .]?\d{3}[ .]?\d{3}(?!\d)")
_SAID = re.compile(r"\b(?:nif|contribuinte|número fiscal|tax (?:id|number))", re.IGNORECASE)


def _is_number(digits: str) -> bool:
    check = 11 - weighted(digits, range(9, 1, -1)) % 11
    return (0 if check >= 10 else check) == int(digits[8])


RECOGNISERS = (Pattern("TAX ID", _NUMBER, _is_number, context=_SAID, cues=("nif", "contribuinte", "fiscal", "tax")),)
