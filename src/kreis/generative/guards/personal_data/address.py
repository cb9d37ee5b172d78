"""Postal addresses: a street with a number, in German, English and Latin forms, and the place that follows it."""

from __future__ import annotations

import re

from kreis.generative.guards.personal_data.recogniser import NAMED, SHAPED, Pattern

__all__ = ["RECOGNISERS"]

_NUMBER = r"(?!(?:19|20)\d\d\b)\d{1,5}\s?[a-zA-Z]?(?:\s?[-/]\s?\d{1,4}\s?[a-zA-Z]?)?\b"
"""Of a house; a year is none."""
_TOWN = r"[A-ZÄÖÜ][\wäöüß.-]*[\wäöüß]"
_PLACE = rf",?\s{{1,3}}(?:[A-Z]{{1,2}}-)?\d{{4,5}}\s{_TOWN}(?:\s(?:am|an der|im|bei|ob|{_TOWN})){{0,3}}"
_GERMAN = re.compile(
    r"\b(?:(?:(?!During|Spring|String|Offspring|Bundesstra|Landstra|Kreisstra)[A-ZÄÖÜ][\wäöüß-]*"
    r"(?:straße|strasse|str\.|weg|allee|gasse|platz|ufer|damm|ring|chaussee|steig|promenade|graben)"
    r"|(?:[A-ZÄÖÜ][\wäöüß-]+\s){1,3}(?:Straße|Strasse|Str\.|Weg|Allee|Gasse|Platz|Ufer|Damm|Ring|Chaussee))"
    rf"\s{_NUMBER}(?:{_PLACE})?"
    r"|(?:Am|Im|An der|An den|Auf der|Auf dem|Zum|Zur|Unter den)\s[A-ZÄÖÜ][\wäöüß-]+(?:\s[A-ZÄÖÜ][\wäöüß-]+)?"
    rf"\s{_NUMBER}{_PLACE})"
)
_KINDS = (
    "Street|St|Avenue|Ave|Avda|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Place|Pl|Square|Sq|Terrace|Parkway|"
    "Pkwy|Way|Circle|Crescent|Highway|Hwy|Close|Row|Trail|Alley|Mews|Grove|Gardens|Hill"
)
_CODE = r"(?:\d{5}(?:-\d{4})?|[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}|[A-Z]\d[A-Z]\s?\d[A-Z]\d|\d{4})"
"""Postcodes of the United States, the United Kingdom and Canada, and of four digits."""
_TAIL = (
    r"(?:,?\s{1,3}(?:Apt|Apartment|Suite|Ste|Unit|Flat|Floor|#)\.?\s?\d{1,5}[A-Za-z]?)?"
    rf"(?:[,\s]{{1,4}}(?:[A-Z][^\W\d]+(?![\d])[.'-]?\s?){{1,4}})?(?:,?\s{{0,3}}[A-Z]{{2}}\b)?(?:,?\s{{0,3}}{_CODE}\b)?"
)
_ENGLISH = re.compile(
    rf"\b(?!(?:1[89]|20)\d\d,)\d{{1,5}}[A-Za-z]?,?\s(?:[NSEW]\.?\s)?(?:[A-Z][\w.'-]*\s){{1,4}}(?:{_KINDS})\b\.?{_TAIL}"
)
_LATIN = re.compile(
    r"\b(?:(?:Rua|Via|Viale|Piazza|Calle|Avenida|Avda\.?|Plaza|Rue|Boulevard|Avenue|Chemin|[Uu]l\.|[Aa]l\.(?=\s[A-Z]))"
    r"\s(?:[\w.'’-]+\s){1,5}(?!(?:19|20)\d\d\b)\d{1,5}\b"
    r"|\d{1,4},?\s(?:[Rr]ue|boulevard|avenue|[Pp]lace|[Cc]hemin|[Qq]uai|impasse|allée)\s(?:[\w.'’-]+\s?){1,5})"
)
_BOX = re.compile(
    r"\b(?:P\.?\s?O\.?\s?Box|Postfach|PSC|Unit)\s\d{1,6}(?:,?\s[Bb]ox\s\d{1,6})?\b"
    r"(?:\s{1,2}(?:APO|FPO|DPO)\s[A-Z]{2}\s\d{5})?"
)
_SAID = re.compile(
    r"\b(?:live[sd]? (?:at|in|on)|address (?:is|:)|moved to|wohn(?:t|e|haft)?(?: in| an)?(?: der)?|[Aa]nschrift:?|"
    r"[Aa]dresse(?: ist| lautet|:)?)\s{1,3}"
    r"(?P<value>(?:\d{1,5}[A-Za-z]?,?\s(?:[A-ZÄÖÜ][\w.'-]+\s?){1,4}"
    r"|[A-ZÄÖÜ][\w.'äöüß-]+(?:\s[\w.'äöüß-]+){0,3}\s(?!(?:19|20)\d\d\b)\d{1,5}\b)[^\n.;!?]{0,60})"
)

_GERMAN_CUES = (
    "stra", "str.", "weg", "allee", "gasse", "platz", "ufer", "damm", "ring", "chaussee", "steig", "graben",
    "promenade", "am ", "im ", "an de", "auf de", "zum ", "zur ", "unter den",
)  # fmt: skip
_ENGLISH_CUES = tuple(f" {kind.lower()}" for kind in _KINDS.split("|"))

RECOGNISERS = (
    Pattern("ADDRESS", _GERMAN, sure=SHAPED, digits=1, cues=_GERMAN_CUES),
    Pattern("ADDRESS", _ENGLISH, sure=SHAPED, digits=1, cues=_ENGLISH_CUES),
    Pattern("ADDRESS", _LATIN, sure=NAMED, digits=1),
    Pattern("ADDRESS", _BOX, sure=SHAPED, digits=1, cues=("box", "postfach", "psc ", "unit ")),
    Pattern(
        "ADDRESS",
        _SAID,
        sure=NAMED,
        digits=1,
        cues=("live", "address is", "address :", "moved to", "wohn", "schrift", "adresse"),
    ),
)
