"""Dates of birth: a date where words say that somebody was born on it."""

from __future__ import annotations

import re

from kreis.generative.guards.personal_data.recogniser import SHAPED, Pattern

__all__ = ["RECOGNISERS"]

_MONTHS = "jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez"
_DATE = (
    rf"(?:\d{{1,4}}[./-]\d{{1,2}}[./-]\d{{1,4}}|\d{{1,2}}(?:st|nd|rd|th)?\.?\s?(?:of\s)?(?:{_MONTHS})[a-zä]*\.?,?\s\d{{4}}"
    rf"|(?:{_MONTHS})[a-zä]*\.?\s\d{{1,2}}(?:st|nd|rd|th)?,?\s\d{{4}})"
)
_BORN = re.compile(
    rf"(?:\b(?:born|date of birth|birth ?date|birthday|d\.?o\.?b\.?|geboren\w*|geb\.|geburtsdatum|geburtstag)|\*)"
    rf"[^\d\n]{{0,30}}?(?P<value>{_DATE})(?!\d)",
    re.IGNORECASE,
)

RECOGNISERS = (Pattern("BIRTH", _BORN, sure=SHAPED),)
