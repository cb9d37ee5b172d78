"""Postal addresses: a street with a number, in English and German forms, and the place that follows it."""

from __future__ import annotations

import re

from kreis.generative.guards.personal_data.recogniser import NAMED, SHAPED, Pattern

__all__ = ["RECOGNISERS"]

_NUMBER = r"\d{1,5}\s?[a-zA-Z]?(?:\s?[-/]\s?\d{1,4}\s?[a-zA-Z]?)?\b"
_PLACE = (
    r"(?:,?\s{1,3}(?:[A-Z]{1,2}-)?\d{4,5}\s[A-ZÄÖÜ][\wäöüß.-]+(?:\s(?:am|an der|im|bei|ob|[A-ZÄÖÜ][\wäöüß.-]+)){0,3})?"
)
_GERMAN = re.compile(
    r"\b(?:[A-ZÄÖÜ][\wäöüß-]*(?:straße|strasse|str\.|weg|allee|gasse|platz|ufer|damm|ring|chaussee|steig|promenade|graben|markt|berg|hof)"
    r"|(?:[A-ZÄÖÜ][\wäöüß-]+\s){1,3}(?:Straße|Strasse|Str\.|Weg|Allee|Gasse|Platz|Ufer|Damm|Ring|Chaussee)"
    r"|(?:Am|Im|An der|An den|Auf der|Auf dem|In der|Zum|Zur|Unter den)\s[A-ZÄÖÜ][\wäöüß-]+(?:\s[A-ZÄÖÜ][\wäöüß-]+)?)"
    rf"\s{_NUMBER}{_PLACE}"
)
_KINDS = (
    "Street|St|Avenue|Ave|Avda|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Place|Pl|Square|Sq|Terrace|Parkway|Pkwy|Way|Circle|"
    "Crescent|Highway|Hwy|Close|Row|Trail|Alley|Mews|Grove|Gardens|Hill"
)
_TAIL = (
    r"(?:,?\s{1,3}(?:Apt|Apartment|Suite|Ste|Unit|Flat|Floor|#)\.?\s?\d{1,5}[A-Za-z]?)?"
    r"(?:[,\s]{1,4}(?:[A-Z][\w.'-]+\s?){1,4})?(?:,?\s{1,3}[A-Z]{2})?(?:,?\s{1,3}(?:\d{5}(?:-\d{4})?|[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}|[A-Z]\d[A-Z]\s?\d[A-Z]\d|\d{4}))?"
)
_ENGLISH = re.compile(rf"\b\d{{1,5}}[A-Za-z]?,?\s(?:[NSEW]\.?\s)?(?:[A-Z][\w.'-]*\s){{1,4}}(?:{_KINDS})\b\.?{_TAIL}")
_LATIN = re.compile(
    r"\b(?:(?:Rua|Via|Viale|Piazza|Calle|Avenida|Avda\.?|Plaza|Rue|Boulevard|Avenue|Chemin|R|ul\.|al\.|Ul\.)\s(?:[\w.'’-]+\s){1,5}\d{1,5}\b"
    r"|\d{1,4},?\s(?:rue|boulevard|avenue|place|chemin|quai|impasse|allée|Rue|Place|Chemin|Quai)\s(?:[\w.'’-]+\s?){1,5})"
)
_BOX = re.compile(
    r"\b(?:P\.?\s?O\.?\s?Box|Postfach|PSC|Unit)\s\d{1,6}(?:,?\sBox\s\d{1,6})?\b(?:\s{1,2}(?:APO|FPO|DPO)\s[A-Z]{2}\s\d{5})?"
)
_SAID = re.compile(
    r"\b(?:live[sd]? (?:at|in|on)|address (?:is|:)|addresse?:|moved to|wohn(?:t|e|haft)?(?: in| an)?(?: der)?|"
    r"anschrift:?|adresse:?|adresse (?:ist|lautet))"
    r"\s{1,3}(?P<value>(?:\d{1,5}[A-Za-z]?,?\s(?:[A-ZÄÖÜ][\w.'-]+\s?){1,4}|[A-ZÄÖÜ][\w.'äöüß-]+(?:\s[\w.'äöüß-]+){0,3}\s\d{1,5}\b)[^\n.;!?]{0,60})",
)

RECOGNISERS = (
    Pattern("ADDRESS", _GERMAN, sure=SHAPED, needs=""),
    Pattern("ADDRESS", _ENGLISH, sure=SHAPED, needs=""),
    Pattern("ADDRESS", _LATIN, sure=NAMED, needs=""),
    Pattern("ADDRESS", _BOX, sure=SHAPED, needs=""),
    Pattern("ADDRESS", _SAID, sure=NAMED, needs=""),
)
