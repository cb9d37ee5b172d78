"""Keys, tokens and passwords: by the form that their issuers gave them, and by chance itself (entropy)."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from kreis.generative.guards.guard import Where
from kreis.generative.index.index import Hit
from kreis.generative.questions import Verdict

__all__ = ["Secrets"]

_MASK = "[SECRET]"
_FORMS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]{0,8000}?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"  # Amazon
    r"|\bgh[pousr]_[A-Za-z0-9]{36,}|\bgithub_pat_\w{22,}|\bglpat-[\w-]{20,}"
    r"|\bxox[abeoprs]-[\w-]{10,}|\b[srp]k_(?:live|test)_\w{16,}|\bsk-[\w-]{20,}|\bhf_[A-Za-z0-9]{30,}"
    r"|\bAIza[\w-]{35}|\bya29\.[\w-]{20,}|\bnpm_[A-Za-z0-9]{36}|\bpypi-[\w-]{50,}|\bdop_v1_[0-9a-f]{64}"
    r"|\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*"  # JSON Web Token
    r"|\bSG\.[\w-]{16,}\.[\w-]{16,}|\bAGE-SECRET-KEY-1[0-9A-Z]{50,}"
)
_BEGINS = (
    "PRIVATE KEY", "AKIA", "ASIA", "gh", "glpat", "xox", "k_", "sk-", "hf_", "AIza", "ya29", "npm_", "pypi-", "dop_",
    "eyJ", "SG.", "AGE-",
)  # fmt: skip
_NAMES = ("pass", "kennwort", "secret", "key", "token", "bearer")
_NAMED = re.compile(
    r"(?i:\b(?:pass(?:word|wort|phrase|wd)|kennwort|secret|api[ _-]?key|access[ _-]?key|auth[ _-]?token|token|"
    r"bearer)\b)"
    r"[\"'`]?\s{0,3}(?:[:=]|is\b|ist\b|lautet\b|\s)\s{0,3}[\"'`]?((?=[^\s\"'`]*\d)(?=[^\s\"'`]*[A-Za-z])[^\s\"'`,;()\[\]]{8,})"
)
_LONG = re.compile(r"(?<![\w/+.=-])[A-Za-z0-9_+/-]{32,}={0,2}(?![\w/+-])")
_HEX = re.compile(r"[0-9a-fA-F-]+\Z")
_BITS = 4.0
"""Bits per character, of 32 or more. Words joined by hyphens have 3.5 to 3.9, random letters and digits 4.5."""


class Secrets:
    """Masks them, in answers and in what is stored."""

    name = "secrets"
    places: frozenset[Where] = frozenset({"answer"})

    def act(self, text: str, where: Where, passages: Sequence[Hit] = ()) -> tuple[str, list[Verdict]]:
        """Mask them."""
        count = 0

        def masked(match: re.Match[str]) -> str:
            nonlocal count
            count += 1
            return _MASK

        def masked_value(match: re.Match[str]) -> str:
            return match[0][: match.start(1) - match.start()] + masked(match)

        def masked_if_random(match: re.Match[str]) -> str:
            return masked(match) if _is_random(match[0]) else match[0]

        if any(begin in text for begin in _BEGINS):
            text = _FORMS.sub(masked, text)
        small = text.lower()
        if any(name in small for name in _NAMES):
            text = _NAMED.sub(masked_value, text)
        text = _LONG.sub(masked_if_random, text)
        if not count:
            return text, []
        return text, [Verdict(guard=self.name, where=where, did="masked", count=count, said="keys or passwords")]


def _is_random(run: str) -> bool:
    """Whether a run is a key by chance's measure: digits, small and large letters, and no digest of 0-9a-f."""
    if _HEX.match(run) or not (
        any(map(str.isdigit, run)) and any(map(str.islower, run)) and any(map(str.isupper, run))
    ):
        return False
    total = len(run)
    return -sum(n / total * math.log2(n / total) for n in Counter(run).values()) >= _BITS
