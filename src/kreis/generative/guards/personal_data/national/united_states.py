"""United States: social security and taxpayer numbers: a form and ranges, without a check digit."""

from __future__ import annotations

import re

from kreis.generative.guards.personal_data.recogniser import SHAPED, Pattern

__all__ = ["RECOGNISERS"]

_WRITTEN = re.compile(r"(?<![\d-])(?!000|666)\d{3}([- ])(?!00)\d{2}\1(?!0000)\d{4}(?![\d-])")
_PLAIN = re.compile(r"(?<!\d)(?!000|666)\d{3}(?!00)\d{2}(?!0000)\d{4}(?!\d)")
_SAID = re.compile(r"\b(?:ssn|social security|itin|taxpayer)", re.IGNORECASE)

RECOGNISERS = (
    Pattern("SOCIAL SECURITY", _WRITTEN, sure=SHAPED),
    Pattern("SOCIAL SECURITY", _PLAIN, context=_SAID, sure=SHAPED, cues=("ssn", "social sec", "itin", "taxpayer")),
)
