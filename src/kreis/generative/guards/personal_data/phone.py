"""Telephone numbers: international ones, and national ones in the forms in which they are written."""

from __future__ import annotations

import re

from kreis.generative.guards.personal_data.recogniser import NAMED, SHAPED, Pattern

__all__ = ["RECOGNISERS"]

_GAP = r"[ \u00a0./-]"
_INTERNATIONAL = re.compile(
    rf"(?<![\w+])(?:\+|00)(?:1|7|[2-9]\d{{1,2}}){_GAP}?(?:\(0?\d{{0,4}}\){_GAP}?)?\d(?:{_GAP}?\d){{5,12}}(?!\d)"
)
_NATIONAL = re.compile(
    rf"(?<![\w.,/+-])(?:\(0?\d{{1,5}}\){_GAP}{{0,2}}\d{{2,4}}(?:{_GAP}\d{{2,5}}){{0,3}}"
    r"|0[1-9]\d{0,4}[ /-]\d{2,4}(?:[ -]\d{2,5}){0,4}|0[1-9](?:[ .]\d{2}){4}|0[1-9]\d{1,4}[/-]\d{4,8}|01[567]\d{8,9}"
    r"|\d{2}(?:-\d{2}){3}|[2-9]\d{2}[-.][2-9]\d{2}[-.]\d{4})(?!\d|[-.,/]\d)"
)
_CALLED = re.compile(
    r"\b(?:tel|telefon\w*|fon|phone|mobile?|mobil\w*|handy\w*|fax|call|dial|desk|office|cell|whatsapp|durchwahl|rufnummer|"
    r"(?:my|his|her|phone) number is|reach (?:me|us|him|her) (?:at|on))\b[^\d+(]{0,20}"
    r"(?P<value>(?!\d{1,2}\.\s?\d{1,2}\.\s?\d{2,4})[+(]?\d(?:[ ()./-]{0,2}\d){5,14})(?!\d)",
    re.IGNORECASE,
)


_CUES = (
    "tel", "fon", "phon", "mobil", "handy", "fax", "call", "dial", "desk", "office", "cell", "whatsapp", "durchwahl",
    "rufnummer", "number is", "reach",
)  # fmt: skip


def _is_long_enough(digits: str) -> bool:
    return len(digits) >= 7


RECOGNISERS = (
    Pattern("PHONE", _INTERNATIONAL, sure=SHAPED, digits=4, cues=("+", "00")),
    Pattern("PHONE", _NATIONAL, _is_long_enough, sure=NAMED, digits=4),
    Pattern("PHONE", _CALLED, _is_long_enough, sure=SHAPED, digits=4, cues=_CUES),
)
