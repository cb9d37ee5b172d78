"""India: Aadhaar number (Verhoeff), in groups of four or where words say that it is one."""

from __future__ import annotations

import re

from kreis.generative.guards.personal_data.checks import verhoeff
from kreis.generative.guards.personal_data.recogniser import Pattern

__all__ = ["RECOGNISERS"]

_GROUPS = re.compile(r"(?<!\d)(?<!\d[ -])[2-9]\d{3}([ -])\d{4}\1\d{4}(?![ -]?\d)")
_PLAIN = re.compile(r"(?<!\d)[2-9]\d{11}(?!\d)")
_SAID = re.compile(r"\b(?:aadhaa?r|uid(?:ai)?)\b", re.IGNORECASE)

RECOGNISERS = (
    Pattern("NATIONAL ID", _GROUPS, verhoeff, digits=12),
    Pattern("NATIONAL ID", _PLAIN, verhoeff, context=_SAID, digits=12, cues=("aadha", "uid")),
)
