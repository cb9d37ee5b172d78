"""Dates of birth: a date where words say that somebody was born on it."""

from __future__ import annotations

import re

from kreis.generative.guards.personal_data.recogniser import SHAPED, Pattern

__all__ = ["RECOGNISERS"]

_MONTHS = "[Jj]an|[Ff]eb|[Mm][aä][ryi]|[Aa]pr|[Jj]u[nl]|[Aa]ug|[Ss]ep|[Oo][ck]t|[Nn]ov|[Dd]e[cz]"
_DATE = (
    rf"(?:\d{{1,4}}[./-]\d{{1,2}}[./-]\d{{1,4}}|\d{{1,2}}(?:st|nd|rd|th)?\.?\s?(?:of\s)?(?:{_MONTHS})[a-zä]*\.?,?\s\d{{4}}"
    rf"|(?:{_MONTHS})[a-zä]*\.?\s\d{{1,2}}(?:st|nd|rd|th)?,?\s\d{{4}})"
)
_BORN = re.compile(
    r"(?:\b(?:born|date of birth|birth ?date|birthday|d\.?o\.?b\.?|geboren\w*|geb\.|geburtsdatum|geburtstag)|\*)"
    r"(?:[\s:,-]|\b(?:on|the|is|was|am|den|dem|ist|war|in \w+)\b){0,6}"
    rf"(?P<value>{_DATE})(?!\d)",
    re.IGNORECASE,
)
_BEFORE = re.compile(rf"(?<!\d)(?P<value>{_DATE})\sgeboren")

RECOGNISERS = (
    Pattern("BIRTH", _BORN, sure=SHAPED, digits=1, cues=("born", "birth", "geb", "dob", "d.o.b", "*")),
    Pattern("BIRTH", _BEFORE, sure=SHAPED, digits=1, cues=("geboren",)),
)
