"""Germany: tax identification number, pension insurance number, identity card."""

from __future__ import annotations

import re
from collections import Counter

from kreis.generative.guards.personal_data.checks import date_in, mod_11_10
from kreis.generative.guards.personal_data.recogniser import Pattern

__all__ = ["RECOGNISERS"]

_TAX = re.compile(r"(?<!\d)(?<!\d[ ./-])[1-9]\d[ ./-]?\d{3}[ ./-]?\d{3}[ ./-]?\d{3}(?![ ./-]?\d)")
_PENSION = re.compile(r"(?<!\w)\d{2}[ ]?\d{6}[ ]?[A-Za-z][ ]?\d{2}[ ]?\d(?!\w)")
_CARD = re.compile(r"(?<!\w)[CFGHJKLMNPRTVWXYZ](?=[A-Z0-9]*\d)[CFGHJKLMNPRTVWXYZ0-9]{8}\d(?:D|<<)?(?!\w)")
_CARD_SAID = re.compile(
    r"\b(?:ausweis\w*|reisepass\w*|passnummer|perso\b|id[ -]card|identity card|passport)", re.IGNORECASE
)


_CARD_CUES = ("ausweis", "pass", "perso", "id card", "id-card", "identity card")


def _is_tax(digits: str) -> bool:
    """§ 139b AO: of the first ten digits one stands two or three times, the others once; ISO 7064 MOD 11,10."""
    counts = sorted(Counter(digits[:10]).values())
    return counts[-1] in (2, 3) and counts[:-1] == [1] * (len(counts) - 1) and mod_11_10(digits)


def _is_pension(text: str) -> bool:
    """VKVV § 4: the letter counts as its place in the alphabet, products by the sum of their digits."""
    day = int(text[2:4])
    if not date_in(f"{day - 50 if day > 50 else day}", text[4:6]):
        return False
    digits = text[:8] + f"{ord(text[8]) - 64:02d}" + text[9:11]
    total = sum(
        sum(map(int, str(int(d) * w))) for d, w in zip(digits, (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1), strict=True)
    )
    return total % 10 == int(text[11])


def _is_card(text: str) -> bool:
    """ICAO 9303: weights 7, 3, 1."""
    return sum(int(c, 36) * (7, 3, 1)[i % 3] for i, c in enumerate(text[:9])) % 10 == int(text[9])


RECOGNISERS = (
    Pattern("TAX ID", _TAX, _is_tax, digits=11),
    Pattern("PENSION ID", _PENSION, _is_pension, digits=8),
    Pattern("ID CARD", _CARD, _is_card, context=_CARD_SAID, digits=1, cues=_CARD_CUES),
)
