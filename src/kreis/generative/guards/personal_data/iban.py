"""International bank account numbers (ISO 13616): the country's length and MOD 97-10."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kreis.generative.guards.personal_data.checks import mod_97
from kreis.generative.guards.personal_data.recogniser import CHECKED, Found

__all__ = ["RECOGNISERS", "Iban"]

_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FK FO GL NL SD",
        19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU YE",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}
"""Characters by country (SWIFT's registry)."""
_BEGINS = re.compile(r"(?<![A-Za-z0-9])(?:[Ii][Bb][Aa][Nn])?(?P<value>[A-Za-z]{2}[\s.-]?\d[\s.-]?\d)")


class Iban:
    """Finds them, in groups or in one piece, over line ends too."""

    kind = "IBAN"
    digits = 4
    cues = ()

    def find(self, text: str, start: int, end: int) -> Iterator[Found]:
        """Each that its check digits confirm."""
        for match in _BEGINS.finditer(text, start, end):
            begin = match.start("value")
            length = _LENGTHS.get(text[begin : begin + 2].upper(), 0)
            said: list[str] = []
            at, gap = begin, 0
            while at < len(text) and len(said) < length and gap <= 3:
                if text[at].isascii() and text[at].isalnum():
                    said.append(text[at])
                    gap = 0
                else:
                    gap += 1
                at += 1
            number = "".join(said).upper()
            if 0 < length == len(number) and mod_97(number[4:] + number[:4]):
                yield Found(begin, at, self.kind, CHECKED)


RECOGNISERS = (Iban(),)
