"""Payment cards (ISO/IEC 7812): an issuer's range, its lengths, and Luhn's check digit."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kreis.generative.guards.personal_data.checks import luhn
from kreis.generative.guards.personal_data.recogniser import CHECKED, Found

__all__ = ["RECOGNISERS", "Card"]

_ISSUERS = (
    (re.compile(r"4"), (19, 16, 13)),  # Visa
    (re.compile(r"5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)"), (16,)),  # Mastercard
    (re.compile(r"3[47]"), (15,)),  # American Express
    (re.compile(r"6011|64[4-9]|65"), (19, 18, 17, 16)),  # Discover
    (re.compile(r"3(?:0[0-5]|095|[689])"), (19, 18, 17, 16, 15, 14)),  # Diners Club
    (re.compile(r"35"), (19, 18, 17, 16)),  # JCB: 3528 to 3589, and what test data take for it
    (re.compile(r"2131|1800"), (15,)),  # JCB, early
    (re.compile(r"62|81"), (19, 18, 17, 16)),  # UnionPay
    (re.compile(r"50|5[6-9]|6[0-9]"), (19, 18, 17, 16, 15, 14, 13, 12)),  # Maestro, RuPay
    (re.compile(r"220[0-4]"), (19, 18, 17, 16)),  # Mir
)
_RUN = re.compile(r"(?<!\d)[1-68](?:[\s.\-/]{0,3}\d){11,}")


class Card:
    """Finds them, in groups or in one piece."""

    kind = "CARD"
    digits = 12
    cues = ()

    def find(self, text: str, start: int, end: int) -> Iterator[Found]:
        """Each that its check digit confirms; a run of digits may hold it after, and before, other groups."""
        for run in _RUN.finditer(text, start, end):
            places = [at for at in range(run.start(), run.end()) if text[at].isdigit()]
            digits = "".join(text[at] for at in places)
            first = 0
            while first <= len(digits) - 12:
                length = _length(digits[first:], places[first:], text) if _begins(text, places[first]) else 0
                if length:
                    yield Found(places[first], places[first + length - 1] + 1, self.kind, CHECKED)
                first += length or 1


def _begins(text: str, at: int) -> bool:
    return at == 0 or not text[at - 1].isdigit()


def _length(digits: str, places: list[int], text: str) -> int:
    """Digits of the card that begins here; 0 if none does. It ends where a group of digits ends."""
    for issuer, lengths in _ISSUERS:
        if not issuer.match(digits):
            continue
        for length in lengths:
            if length > len(digits) or not luhn(digits[:length]):
                continue
            after = places[length - 1] + 1
            if len(set(digits[:length])) > 1 and (after >= len(text) or not text[after].isdigit()):
                return length
    return 0


RECOGNISERS = (Card(),)
