"""Words of a text as they are compared: folded, stemmed, without those that say nothing. German and English."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

__all__ = ["NEGATIONS", "content_stems", "german_or_english", "numbers", "stem", "words"]

_WORD = re.compile(r"\d+(?:[.,:/-]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)*\d*|\d+[^\W\d_]+")
_NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*")
_THOUSANDS = re.compile(r"\d{1,3}(?:[.,]\d{3})+")

_STOP = {
    "en": """a about above after again all also am an and any are as at be because been before being below between both
but by can could did do does doing down during each few for from further get gets got had has have having he her here
hers him his how i if in into is it its itself just me more most my of off on once only or per other our ours out over
own same she many much should so some such than that the their theirs them then there these they this those
through to too under until up us very was we were what when where which while who whom whose why will with
would you your yours i'm it's don't doesn't isn't aren't wasn't may might must shall""",
    "de": """aber alle allem allen aller alles als also am an ander andere anderem anderen anderer anderes auch auf aus
bei beim bin bis bist da damit dann das dass daß dein deine dem den denn der des dessen dich die dies diese diesem
diesen dieser dieses dir doch dort du durch ein eine einem einen einer eines einige er es etwas euch euer eure
für gegen gibt hab habe haben hat hatte hatten hier hin hinter ich ihm ihn ihnen ihr ihre ihrem ihren ihrer im
in indem ins ist ja jede jedem jeden jeder jedes jene jetzt kann kannst können könnte lassen man manche mein
meine mich mir mit muss müssen musste nach noch nun nur ob oder pro sehr sein seine seinem seinen seiner seit sich
sie sind so solche soll sollen sollte sondern sonst über um und uns unser unsere unter viel viele vielen
wieviel vom von vor während war waren warum was weil welche welchem welchen welcher welches wenn wer werde
werden wie wieder will wir wird wo woher wohin wurde wurden würde würden zu zum zur zwar zwischen darf dürfen""",
}
_STOPS = {language: frozenset(listed.split()) for language, listed in _STOP.items()}
_STOPPED = _STOPS["en"] | _STOPS["de"]

_NOT = """no not never none neither nor nothing nobody without cannot can't don't doesn't didn't isn't aren't wasn't
weren't won't shouldn't mustn't hasn't haven't kein keine keinem keinen keiner keines nicht nie niemals niemand
nichts ohne weder"""
NEGATIONS = frozenset(_NOT.split())
"""Words that turn a statement into its opposite."""

_UMLAUTS = str.maketrans({"ä": "a", "ö": "o", "ü": "u", "ß": "ss", "’": "'"})
_SUFFIXES = ("ations", "ation", "ungen", "ingly", "ing", "ung", "ern", "est", "ies", "ed", "em", "en", "er", "es", "ly",
             "st", "e", "n", "s", "y")  # fmt: skip


def words(text: str) -> list[str]:
    """The words and numbers of a text, case folded, in order."""
    return _WORD.findall(text.lower())


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """A word without its ending, so that "vacations" and "vacation", "Tage" and "Tagen" are one.

    A light stemmer (after Savoy 2006, Light stemming approaches): one suffix goes if three letters stay.
    """
    word = word.lower().translate(_UMLAUTS).removesuffix("'s")
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            return word[: -len(suffix)]
    return word


def content_stems(text: str | Iterable[str]) -> list[str]:
    """The stems of what says something: neither stop words nor negations; numbers as `numbers` writes them."""
    return [found for found in map(_content, words(text) if isinstance(text, str) else text) if found]


@lru_cache(maxsize=65536)
def _content(word: str) -> str:
    """The stem of a word; empty where it says nothing."""
    if word in _STOPPED or word in NEGATIONS:
        return ""
    return _plain_number(word) if word[0].isdigit() else stem(word)


def numbers(text: str) -> list[str]:
    """The numbers of a text, without the marks of thousands: "1.000", "1,000" and "1000" are one."""
    return [_plain_number(each) for each in _NUMBER.findall(text)]


def german_or_english(text: str) -> str:
    """ "de" or "en", by the stop words that only one of them has; empty where they tell nothing."""
    listed = words(text)
    german = sum(word in _STOPS["de"] and word not in _STOPS["en"] for word in listed)
    english = sum(word in _STOPS["en"] and word not in _STOPS["de"] for word in listed)
    german += sum(not word.isascii() and any(letter in word for letter in "äöüß") for word in listed)
    if german == english:
        return ""
    return "de" if german > english else "en"


def _plain_number(text: str) -> str:
    if _THOUSANDS.fullmatch(text):
        return text.replace(".", "").replace(",", "")
    return text.replace(",", ".").lstrip("0") or "0"
