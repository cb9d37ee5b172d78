"""Names of people: where the words around say so ("my name is", "Frau", "Dr."), and those of a list; no others."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kreis.generative.guards.personal_data.recogniser import NAMED, SHAPED, Pattern

__all__ = ["RECOGNISERS", "listed"]

_WORD = r"(?:[^\W\d_a-zß-öø-ÿ][\w'’-]*\w)"
_NAME = rf"{_WORD}(?:[ ](?:[A-Z]\.|von|van|de|der|den|zu|da|di|bin|al|{_WORD})){{0,3}}"
_SAID = re.compile(
    rf"\b(?i:my name is|my name's|name:|i am called|this is|call me|ich heiße|ich heisse|mein name ist|signed,?|"
    rf"gezeichnet|gez\.|regards,|grüßen,?)"
    rf"\s{{1,2}}(?P<value>{_NAME})"
)
_TITLE = re.compile(
    rf"\b(?:Mr|Mrs|Ms|Miss|Mister|Herrn?|Frau|Familie|Dr|Prof|Dear|Liebe[r]?|Sir|Madame|Señora?|Mme|M)\b\.?\s"
    rf"(?:(?:Dr|Prof|med|Frau|Herrn?|Mr|Mrs|Ms)\b\.?\s){{0,3}}(?P<value>{_NAME})"
)

RECOGNISERS = (Pattern("NAME", _SAID, sure=NAMED, needs=""), Pattern("NAME", _TITLE, sure=NAMED, needs=""))


def listed(names: Sequence[str]) -> Pattern:
    """Finds the names of a list, whatever their case, with any blanks between their words."""
    forms = sorted({r"\s+".join(map(re.escape, name.split())) for name in names if name.strip()}, key=len, reverse=True)
    return Pattern("NAME", re.compile(rf"(?<!\w)(?:{'|'.join(forms)})(?!\w)", re.IGNORECASE), sure=SHAPED, needs="")
