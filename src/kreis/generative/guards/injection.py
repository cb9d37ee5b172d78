"""Words by which a text gives orders to the system. They are marked and counted, and never decide anything: what an
injected text can reach is limited by design (docs/generative/guards.md).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from kreis.generative.guards.guard import Where
from kreis.generative.index.index import Hit
from kreis.generative.questions import Verdict

__all__ = ["Injection"]

_FORGET = r"(?:ignor\w*|disregard|forget|overrid\w+|bypass|vergiss|vergessen\w*|missachte\w*|übergeh\w*|überspring\w*)"
_EARLIER = (
    r"(?:previous|prior|above|preceding|earlier|foregoing|all|any|your|the|my|about|everything|alle\w*|vorherig\w*|"
    r"obig\w*|bisherig\w*|deine\w*|dass|was)"
)
_ORDERS = (
    r"(?:instruct\w*|directi\w*|prompt\w*|rule\w*|command\w*|order\w*|guideline\w*|text|messages?|restrictions?|context|"
    r"anweisung\w*|anleitung\w*|befehl\w*|regel\w*|aufgabe\w*|aufträge|auftrag|vorgaben?|gesagt\w*|said|told|before|"
    r"davor|bisher)"
)
_TELL = (
    r"(?:print|output|repeat|reveal|show|list|tell|give|write|what|which|respond|gib|nenne|zeige|wiederhole|verrate)"
)
_PATTERNS = {
    "forget": rf"\b{_FORGET}\b[^.!?\n]{{0,30}}?\b{_EARLIER}\b[^.!?\n]{{0,40}}?\b{_ORDERS}\b",
    "prompt": r"\b(?:system[ -]?prompt|initial (?:prompt|instructions?)|your (?:instructions?|prompt|rules|guidelines)|"
    r"(?:prompt|instructions?|text|words) (?:above|before)|(?:above|previous|prior) (?:prompt|instructions?|"
    r"text|words)|deine\w* (?:anweisung\w*|prompts?|regeln)|ursprüngliche\w* (?:anweisung\w*|prompts?))\b"
    rf"|\b{_TELL}\b[^.!?\n]{{0,30}}?\b(?:instructions?|systemprompts?|anweisungen)\b",
    "role": r"\b(?:you are now|now you are|act as|pretend (?:to be|you|that)|from now on|role-?play|in the role of|"
    r"developer mode|jailbreak|du bist (?:jetzt|nun)|(?:jetzt|nun) bist du|als [\w-]+ fungier\w+|tu so|"
    r"ab (?:jetzt|sofort)|stell dir vor,? du)\b",
    "secret": r"\b(?:the|your|secret|magic|a|das|dein) (?:secret )?(?:password|passphrase|secret|passwort|key ?word)\b",
    "mark": r"<\|[^|<>\n]{1,40}\|>|\[/?inst\]|<</?sys>>|</?(?:passage|tool_result|system|user|assistant)\b[^<>\n]*>",
    "urgent": r"(?:^|\n)\s*(?:system|admin|developer|assistant)\s*:|\bnew (?:task|instruction|order)s?\b"
    r"|\bneue\w* (?:aufgabe|anweisung)\w*\b",
}
_ANY = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _PATTERNS.items()))
_CUES = (
    "ignor", "disregard", "forget", "overrid", "bypass", "vergiss", "vergessen", "missacht", "übergeh", "überspring",
    "prompt", "instruction", "anweisung", "your rules", "your guid", "deine", "text above", "words above",
    "text before", "above text", "previous", "prior ", "you are", "act as", "pretend", "from now on", "role",
    "developer mode", "jailbreak", "bist du", "du bist", "fungier", "tu so", "ab jetzt", "ab sofort", "stell dir",
    "password", "passphrase", "secret", "passwort", "keyword", "key word", "<|", "[inst", "[/inst", "<<", "<passage",
    "</passage", "tool_result", "<system", "</system", "<user", "</user", "<assistant", "</assistant", "system:",
    "admin:", "developer:", "assistant:", "new task", "new order", "neue",
)  # fmt: skip
"""One of these stands in whatever the patterns find: a look that costs little."""
_SAID = {
    "forget": "asks to forget instructions",
    "prompt": "asks for the prompt",
    "role": "gives a role",
    "secret": "asks for a secret",
    "mark": "holds signs of a chat",
    "urgent": "speaks as the system",
}


class Injection:
    """Marks what gives orders. That data cannot pass for anything else in a prompt is the prompt's matter."""

    name = "injection"
    places: frozenset[Where] = frozenset({"question", "history", "passage", "tool result"})

    def act(self, text: str, where: Where, passages: Sequence[Hit] = ()) -> tuple[str, list[Verdict]]:
        """Mark it."""
        small = text.lower()
        if not any(cue in small for cue in _CUES):
            return text, []
        found = [str(match.lastgroup) for match in _ANY.finditer(small)]
        if not found:
            return text, []
        said = ", ".join(_SAID[kind] for kind in dict.fromkeys(found))
        return text, [Verdict(guard=self.name, where=where, did="saw", count=len(found), said=said)]
