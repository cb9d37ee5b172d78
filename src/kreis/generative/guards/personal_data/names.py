"""Names of people: where the words around say so ("my name is", "Frau", "Dr."), and those of a list; no others."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kreis.generative.guards.personal_data.recogniser import NAMED, SHAPED, Pattern

__all__ = ["RECOGNISERS", "listed"]

_SMALL = "von|van|de|der|den|zu|da|di"
_WORD = r"(?:[^\W\d_a-zß-öø-ÿ][\w'’-]*\w)"
_NAME = rf"(?:(?:{_SMALL})[ ]){{0,3}}{_WORD}(?:[ ](?:[A-Z]\.|{_SMALL}|bin|al|{_WORD})){{0,3}}"
_TITLES = r"(?:Mr|Mrs|Ms|Miss|Mister|Herrn?|Frau|Dr|Prof|med|Madame|Señora?|Mme)"
_SAID = re.compile(
    r"\b(?:(?i:my name is|my name's|i am called|ich heiße|ich heisse|mein name ist|call me|signed,?|gezeichnet|"
    r"regards,|"
    rf"grüßen,?)|gez\.)\s{{1,2}}(?:{_TITLES}\b\.?\s){{0,3}}(?P<value>(?!{_TITLES}\b){_NAME})"
)
_TITLE = re.compile(
    rf"(?:\b(?:{_TITLES}|M(?=\.))|^(?:Dear|Lieber?))\b\.?\s(?:{_TITLES}\b\.?\s){{0,3}}"
    rf"(?P<value>(?!{_TITLES}\b|All\b|Madam|Colleague|Customer|Team|Reader|Damen|Herren|Kolleg|Kund|Leser)"
    rf"{_NAME})",
    re.MULTILINE,
)

_TITLE_CUES = ("mr", "ms", "miss", "herr", "frau", "dr", "prof", "med", "madame", "señor", "mme", "dear", "liebe", "m.")
_CUES = ("my name", "i am called", "ich hei", "name ist", "call me", "signed", "gez", "regards", "grüßen")

RECOGNISERS = (
    Pattern("NAME", _SAID, sure=NAMED, digits=0, cues=_CUES),
    Pattern("NAME", _TITLE, sure=NAMED, digits=0, cues=_TITLE_CUES),
)


def listed(names: Sequence[str]) -> Pattern:
    """Finds the names of a list, whatever their case, with any blanks between their words."""
    forms = sorted({r"\s+".join(map(re.escape, name.split())) for name in names if name.strip()}, key=len, reverse=True)
    cues = tuple({name.split()[0].lower() for name in names if name.strip()})
    return Pattern(
        "NAME", re.compile(rf"(?<!\w)(?:{'|'.join(forms)})(?!\w)", re.IGNORECASE), sure=SHAPED, digits=0, cues=cues
    )
