"""United Kingdom: national insurance number (a form without a check), health service number (MOD 11)."""

from __future__ import annotations

import re

from kreis.generative.guards.personal_data.checks import weighted
from kreis.generative.guards.personal_data.recogniser import SHAPED, Pattern

__all__ = ["RECOGNISERS"]

_INSURANCE = re.compile(
    r"(?<!\w)(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][ ]?\d{2}[ ]?\d{2}[ ]?\d{2}[ ]?[A-D](?!\w)",
    re.IGNORECASE,
)
_HEALTH = re.compile(r"(?<!\d)\d{3}[ -]?\d{3}[ -]?\d{4}(?!\d)")
_HEALTH_SAID = re.compile(r"\b(?:nhs|health service)", re.IGNORECASE)


def _is_health(digits: str) -> bool:
    return weighted(digits, (10, 9, 8, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0


RECOGNISERS = (
    Pattern("SOCIAL SECURITY", _INSURANCE, sure=SHAPED, digits=6),
    Pattern("HEALTH ID", _HEALTH, _is_health, context=_HEALTH_SAID, digits=10, cues=("nhs", "health service")),
)
