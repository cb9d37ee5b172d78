"""Machine-readable zones of passports and identity cards (ICAO 9303): weights 7, 3, 1."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kreis.generative.guards.personal_data.recogniser import CHECKED, Found

__all__ = ["RECOGNISERS", "MachineReadableZone"]

_PASSPORT = re.compile(
    r"(?:P[A-Z<][A-Z<]{3}[A-Z<]{20,39}\s{0,3})?(?P<number>[A-Z0-9<]{9})(?P<c1>\d)[A-Z<]{3}(?P<born>\d{6})(?P<c2>\d)[MFX<](?P<until>\d{6})(?P<c3>\d)[A-Z0-9<]{7,16}"
)
_CARD = re.compile(
    r"[IAC][A-Z0-9<][A-Z<]{3}(?P<number>[A-Z0-9<]{9})(?P<c1>[\d<])[A-Z0-9<]{15}\s{1,3}"
    r"(?P<born>\d{6})(?P<c2>\d)[MFX<](?P<until>\d{6})(?P<c3>\d)[A-Z<]{3}[A-Z0-9<]{11}\d(?:\s{1,3}[A-Z<]{30})?"
)


class MachineReadableZone:
    """Finds them: the lines of two (44 or 36 characters) or three (30) with their check digits."""

    kind = "PASSPORT"
    digits = 0
    cues = ("<",)

    def find(self, text: str, start: int, end: int) -> Iterator[Found]:
        """Each of which number and both dates check."""
        for form in (_PASSPORT, _CARD):
            for match in form.finditer(text, start, end):
                parts = (("number", "c1"), ("born", "c2"), ("until", "c3"))
                if all(_check(match[part]) == match[check].replace("<", "0") for part, check in parts):
                    yield Found(match.start(), match.end(), self.kind, CHECKED)


def _check(field: str) -> str:
    return str(sum((0 if c == "<" else int(c, 36)) * (7, 3, 1)[i % 3] for i, c in enumerate(field)) % 10)


RECOGNISERS = (MachineReadableZone(),)
