"""Switzerland: old-age insurance number (AHV), an EAN-13 that begins with 756."""

from __future__ import annotations

import re

from kreis.generative.guards.personal_data.checks import weighted
from kreis.generative.guards.personal_data.recogniser import Pattern

__all__ = ["RECOGNISERS"]

_NUMBER = re.compile(r"(?<!\d)756[ .]?\d{4}[ .]?\d{4}[ .]?\d{2}(?!\d)")


def _is_number(digits: str) -> bool:
    return weighted(digits, (1, 3) * 6 + (1,)) % 10 == 0


RECOGNISERS = (Pattern("SOCIAL SECURITY", _NUMBER, _is_number, digits=13, cues=("756",)),)
