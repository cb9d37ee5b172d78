"""Questions that are made from headings, to begin with: they are to be replaced by real ones."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import NamedTuple

from kreis.generative.chunking.sections import sections
from kreis.generative.documents.document import Document
from kreis.generative.documents.language import language_of
from kreis.knowledge.questions import TO_BE_REPLACED

__all__ = ["questions_text"]

_MOST = 20
_LEAST_WORDS = 6
"""A passage with fewer says nothing."""
_LONGEST = 120
_MARKS = re.compile(r"[*_`#|\[\]]+")
_ASKED = {"en": "What does {title} say about {heading}?", "de": "Was steht in {title} über {heading}?"}
_WITHOUT = {"en": "What does {title} say?", "de": "Was steht in {title}?"}
_UNANSWERABLE = (
    "Who won the cup final of 1998?", "How many bridges cross the Danube?",
    "What does a kilogram of cherries cost today?", "Which actor played the pirate in that film?",
)  # fmt: skip


class _Place(NamedTuple):
    document: Document
    heading: str
    quote: str


def questions_text(documents: Sequence[Document]) -> str:
    """A file of questions: up to twenty about headings of different documents, and four that nothing answers; half of
    each to fit by and half to judge by.

    Args:
        documents: From which.
    """
    step = max(1, len(documents) // _MOST)
    in_turn = chain.from_iterable(zip_longest(*map(_places, documents[::step])))
    places = [each for each in in_turn if each is not None][:_MOST]
    lines = [_line(number, each) for number, each in enumerate(places)]
    for number, question in enumerate(_UNANSWERABLE, len(places)):
        lines.append({**_head(number, question), "answerable": False})
    return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in lines)


def _head(number: int, question: str) -> dict[str, object]:
    part = "test" if number % 2 else "validation"
    return {"id": f"replace-{number + 1:02}", "question": question, "kind": TO_BE_REPLACED, "part": part}


def _line(number: int, place: _Place) -> dict[str, object]:
    language = place.document.language or language_of(place.document.text)
    wordings = _ASKED if place.heading else _WITHOUT
    question = wordings.get(language, wordings["en"]).format(title=_plain(place.document.title), heading=place.heading)
    passage = {"document": place.document.id, **({"quote": place.quote} if place.quote else {})}
    said: dict[str, object] = {"language": language} if language else {}
    return {**_head(number, question), **said, "passages": [passage]}


def _places(document: Document) -> list[_Place]:
    """Each heading of a document once, with the longest line below it; without any below its title, the whole."""
    title, found = _plain(document.title), dict[str, _Place]()
    for section in sections(document.text):
        heading = _plain(section.heading.rpartition(" > ")[2])
        lines = document.text[section.body : section.end].splitlines()
        quote = max((each.strip() for each in lines), key=len, default="")
        if heading not in ("", title, *found) and len(quote.split()) >= _LEAST_WORDS:
            found[heading] = _Place(document, heading, quote[:_LONGEST].rstrip())
    return list(found.values())[:_MOST] or [_Place(document, "", "")]


def _plain(text: str) -> str:
    return " ".join(_MARKS.sub(" ", text).split())
