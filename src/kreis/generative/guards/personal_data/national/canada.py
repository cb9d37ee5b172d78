"""Canada: social insurance number (Luhn), in groups or where words say that it is one."""

from __future__ import annotations

import re

from kreis.generative.guards.personal_data.checks import luhn
from kreis.generative.guards.personal_data.recogniser import Pattern

__all__ = ["RECOGNISERS"]

_GROUPS = re.compile(r"(?<![\d(])(?<!\d )[1-79]\d{2}([ -])\d{3}\1\d{3}(?![ -]?\d)")
_PLAIN = re.compile(r"(?<!\d)[1-79]\d{8}(?!\d)")
_SAID = re.compile(r"\b(?:sin|social insurance|nas|assurance sociale)\b", re.IGNORECASE)

RECOGNISERS = (
    Pattern("SOCIAL SECURITY", _GROUPS, luhn),
    Pattern("SOCIAL SECURITY", _PLAIN, luhn, context=_SAID, cues=("sin", "social insurance", "nas")),
)
