"""Spain: identity number (DNI, NIE): its letter is the remainder by 23."""

from __future__ import annotations

import re

from kreis.generative.guards.personal_data.recogniser import Pattern

__all__ = ["RECOGNISERS"]

_NUMBER = re.compile(r"(?<!\w)(?:\d{8}|\d{2}\.\d{3}\.\d{3}|[XYZxyz][ -]?\d{7})[ -]?[A-Za-z](?!\w)")


def _is_number(text: str) -> bool:
    number = int(text[:-1].replace("X", "0").replace("Y", "1").replace("Z", "2"))
    return "TRWAGMYFPDXBNJZSQVHLCKE"[number % 23] == text[-1]


RECOGNISERS = (Pattern("NATIONAL ID", _NUMBER, _is_number, digits=7),)
