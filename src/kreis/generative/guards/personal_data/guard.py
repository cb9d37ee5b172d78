"""The guard that finds personal data and puts a mask in its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from kreis.errors import ProjectError, nearest
from kreis.generative.guards.guard import Where
from kreis.generative.guards.personal_data.kinds import LEAVABLE, RECOGNISERS
from kreis.generative.guards.personal_data.names import listed
from kreis.generative.guards.personal_data.recogniser import Found
from kreis.generative.guards.policy import GuardPolicy
from kreis.generative.index.index import Hit
from kreis.generative.questions import Verdict

__all__ = ["PersonalData"]

_DIGITS = re.compile(r"\d+")
_NEAR = 12
"""Characters between groups of digits that may belong together."""
_BEFORE, _AFTER = 70, 80
"""What is read around digits: words before them that say what they are, a place after a street."""
_LEAST = 5
_PLAIN = str.maketrans(
    {
        ord(each): " "
        for each in "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
    }
    | {ord(each): "-" for each in "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"}
    | {0xFF10 + digit: str(digit) for digit in range(10)}
    | {start + digit: str(digit) for start in (0x0660, 0x06F0, 0x0966) for digit in range(10)}
    | {0xFF21 + letter: chr(65 + letter) for letter in range(26)}
    | {0xFF41 + letter: chr(97 + letter) for letter in range(26)}
    | {0xFF20: "@", 0xFF0E: "."}
)
"""One sign for one sign, so that places in the text stay what they are."""


class PersonalData:
    """Masks it in answers and in what is stored; in questions where the policy says so.

    Each value has its mask within a text: "[IBAN]" is the first, "[IBAN 2]" another one, and where a value comes back,
    so does its mask.
    """

    name = "personal data"

    def __init__(self, policy: GuardPolicy) -> None:
        for kind in policy.leaves:
            if kind not in LEAVABLE:
                raise ProjectError(
                    f"personal data of kind {kind!r} cannot be left unmasked",
                    where="leaves of GuardPolicy",
                    hint=nearest(kind, LEAVABLE),
                )
        questions: tuple[Where, ...] = ("question", "history") if policy.masks_questions else ()
        self.places: frozenset[Where] = frozenset(("answer", *questions))
        self._public = tuple(_flat(each) for each in policy.public)
        kept = [each for each in RECOGNISERS if each.kind not in policy.leaves]
        if policy.names:
            kept.append(listed(policy.names))
        if policy.presidio:
            from kreis.generative.guards.personal_data.presidio import Presidio

            kept.append(Presidio.of(policy.presidio))
        self._by_digits = tuple(each for each in kept if each.needs == "digits")
        self._by_sign = tuple(each for each in kept if each.needs != "digits")

    def find(self, text: str) -> list[Found]:
        """Each place, in order; where two overlap, the surer one, then the longer one."""
        if not text.isascii():
            text = text.translate(_PLAIN)
        found: list[Found] = []
        for recogniser in self._by_sign:
            if recogniser.needs == "at":
                asked = "@" in text or "at)" in text or "at]" in text
            else:
                asked = recogniser.needs in text
            if asked:
                found += recogniser.find(text, 0, len(text))
        for start, end in _zones(text):
            for recogniser in self._by_digits:
                found += recogniser.find(text, start, end)
        return _apart(each for each in found if not self._is_public(text[each.start : each.end]))

    def act(self, text: str, where: Where, passages: Sequence[Hit] = ()) -> tuple[str, list[Verdict]]:
        """Mask it."""
        found = self.find(text)
        if not found:
            return text, []
        masks: dict[tuple[str, str], str] = {}
        numbers: dict[str, int] = {}
        parts, at = [], 0
        for each in found:
            value = (each.kind, _flat(text[each.start : each.end]))
            if value not in masks:
                numbers[each.kind] = numbers.get(each.kind, 0) + 1
                masks[value] = f"[{each.kind}]" if numbers[each.kind] == 1 else f"[{each.kind} {numbers[each.kind]}]"
            parts.append(text[at : each.start] + masks[value])
            at = each.end
        said = ", ".join(sorted({each.kind for each in found}))
        verdict = Verdict(guard=self.name, where=where, did="masked", count=len(found), said=said)
        return "".join(parts) + text[at:], [verdict]

    def _is_public(self, value: str) -> bool:
        flat = _flat(value)
        return any(flat.endswith(each) if each.startswith("@") else flat == each for each in self._public)


_BLANK = re.compile(r"[\s./()-]+")


def _flat(value: str) -> str:
    return _BLANK.sub("", value).casefold()


def _zones(text: str) -> list[tuple[int, int]]:
    """Where there are enough digits near each other to be worth a look."""
    zones: list[tuple[int, int]] = []
    first = last = count = 0
    for match in _DIGITS.finditer(text):
        if count and match.start() - last > _NEAR:
            _add(zones, first, last, count, len(text))
            count = 0
        if not count:
            first = match.start()
        count += match.end() - match.start()
        last = match.end()
    _add(zones, first, last, count, len(text))
    return zones


def _add(zones: list[tuple[int, int]], first: int, last: int, count: int, length: int) -> None:
    if count < _LEAST:
        return
    start, end = max(0, first - _BEFORE), min(length, last + _AFTER)
    if zones and start <= zones[-1][1]:
        zones[-1] = (zones[-1][0], end)
    else:
        zones.append((start, end))


def _apart(found: Iterable[Found]) -> list[Found]:
    kept: list[Found] = []
    for each in sorted(found, key=lambda each: (-each.sure, each.start - each.end, each.start)):
        if all(each.end <= other.start or each.start >= other.end for other in kept):
            kept.append(each)
    return sorted(kept)
