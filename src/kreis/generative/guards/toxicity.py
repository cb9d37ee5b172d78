"""Abusive words: a list and some patterns, in English and German. Its error rates stand in docs/reference/guards.md."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kreis.generative.guards.guard import Where
from kreis.generative.index.index import Hit
from kreis.generative.questions import Verdict

__all__ = ["Toxicity"]

_ENGLISH = (
    r"fuck\w*|motherfuck\w*|bitch\w*|cunts?|assholes?|dickheads?|wank(?:er|ers)|sluts?|whores?|hoes?|nigg(?:a|as|er|ers)|fagg?(?:ot|ots|s)?|"
    r"retard(?:s|ed)?|twats?|bastards?|scumbags?|shithead\w*|bullshit|piece of shit|pussy|pussies|dyke?s|"
    r"trann(?:y|ies)|"
    r"spics?|chinks?|kikes?|wetbacks?|white trash|douchebags?|kill yourself|kys|go die"
)
_GERMAN = (
    r"arschl\w+|wichs\w*|fick\w*|fotzen?|huren?\w*|hurensohn\w*|missgeburt\w*|schlampen?|drecks\w+|scheiß\w*|scheiss\w*|"
    r"vollidiot\w*|idioten?|vollpfosten|trottel|dummkopf\w*|abschaum|pack|gesindel|untermensch\w*|kanaken?|neger\w*|"
    r"schwuchtel\w*|spast\w*|behindert\w* (?:sau|spast)|volksverräter\w*|verblödet\w*|bescheuert\w*|verreck\w*|"
    r"krepier\w*"
)
_WORDS = re.compile(rf"\b(?:{_ENGLISH}|{_GERMAN})\b", re.IGNORECASE)
_THREAT = re.compile(
    r"\b(?:(?:i|we)(?:'ll| will| am going to| are going to) (?:kill|hurt|rape|beat) you|you (?:deserve to|"
    r"should|must) die|"
    r"(?:ich|wir) (?:bringe?n?|mache?n?) (?:dich|euch) (?:um|kalt|fertig))\b",
    re.IGNORECASE,
)


class Toxicity:
    """Refuses an answer that abuses somebody; in a question it is only marked: people quote, and are upset."""

    name = "toxicity"
    places: frozenset[Where] = frozenset({"question", "answer"})

    def act(self, text: str, where: Where, passages: Sequence[Hit] = ()) -> tuple[str, list[Verdict]]:
        """Refuse or mark it."""
        found = len(_WORDS.findall(text)) + len(_THREAT.findall(text))
        if not found:
            return text, []
        if where == "answer":
            return "", [Verdict(guard=self.name, where=where, did="refused", count=found, said="abusive words")]
        return text, [Verdict(guard=self.name, where=where, did="saw", count=found, said="abusive words")]
