"""Telephone numbers: international ones, and national ones in the forms in which they are written."""

from __future__ import annotations

import re

from kreis.generative.guards.personal_data.recogniser import NAMED, SHAPED, Pattern

__all__ = ["RECOGNISERS"]

_GAP = r"[ \u00a0./-]"
_INTERNATIONAL = re.compile(
    rf"(?<![\w+])(?:\+|00)[1-9]\d{{0,2}}{_GAP}?(?:\(0?\d{{0,4}}\){_GAP}?)?\d(?:{_GAP}?\d){{5,12}}(?!\d)"
)
_NATIONAL = re.compile(
    rf"(?<![\w.,/+-])(?:\(0?\d{{1,5}}\){_GAP}{{0,2}}\d{{2,4}}(?:{_GAP}\d{{2,5}}){{0,3}}"
    r"|0\d{1,5}[ /-]\d{2,4}(?:[ -]\d{2,5}){0,4}|0[1-9](?:[ .]\d{2}){4}|0\d{4,5}/\d{4,8}|01[567]\d{8,9}"
    r"|[2-9]\d{2}[-.][2-9]\d{2}[-.]\d{4})(?![\d-]|[.,/]\d)"
)
_CALLED = re.compile(
    r"(?:\b(?:tel|telefon\w*|fon|phone|mobile?|mobil\w*|handy\w*|fax|call|rufnummer|number is|reach (?:me|us|"
    r"him|her) (?:at|on)|"
    r"durchwahl|whatsapp|cell)\b[^\d\n+(]{0,20})(?P<value>[+(]?\d(?:[ ()./-]{0,2}\d){5,14})(?!\d)",
    re.IGNORECASE,
)

RECOGNISERS = (
    Pattern("PHONE", _INTERNATIONAL, sure=SHAPED),
    Pattern("PHONE", _NATIONAL, sure=NAMED),
    Pattern("PHONE", _CALLED, sure=SHAPED),
)
