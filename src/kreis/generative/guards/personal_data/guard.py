"""The guard that finds personal data and puts a mask in its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from kreis.errors import ProjectError, nearest
from kreis.generative.guards.guard import Where
from kreis.generative.guards.personal_data.kinds import FIRST, LEAVABLE, RECOGNISERS
from kreis.generative.guards.personal_data.names import listed
from kreis.generative.guards.personal_data.recogniser import Found, Recogniser
from kreis.generative.guards.policy import GuardPolicy
from kreis.generative.index.index import Hit
from kreis.generative.questions import Verdict

__all__ = ["PersonalData"]

_TOGETHER = re.compile(r"\d\d*(?:[\s.()/-]{1,3}\d+)*")
_BEFORE, _AFTER = 70, 80
"""What is read around a few digits: words before them that say what they are, a place after a street."""
_TIGHT, _FEW = 24, 4
"""What is read around more: letters of the number itself."""
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


_OTHER = re.compile(r"[^\x00-\x9f\xa1-\u024f]")


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
        self._recognisers = tuple(kept)

    def find(self, text: str) -> list[Found]:
        """Each place, in order; where two overlap, the surer one, then the longer one."""
        if _OTHER.search(text):
            text = text.translate(_PLAIN)
        whole = text
        small, zones = text.lower(), _Zones.of(text)
        found = list(_found(FIRST, text, small, zones))
        if found:  # what stands in them is nothing else
            for each in found:
                text = text[: each.start] + "\0" * (each.end - each.start) + text[each.end :]
            zones = _Zones.of(text)
        found += _found(self._recognisers, text, small, zones)
        return _apart(each for each in found if not self._is_public(whole[each.start : each.end]))

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


def _found(recognisers: Sequence[Recogniser], text: str, small: str, zones: _Zones) -> Iterator[Found]:
    for recogniser in recognisers:
        if recogniser.digits > zones.most or (recogniser.cues and not any(cue in small for cue in recogniser.cues)):
            continue
        for start, end in zones.around(recogniser.digits):
            yield from recogniser.find(text, start, end)


class _Zones(NamedTuple):
    """The parts of a text that have digits in them, each with the most that stand together in it."""

    length: int
    wide: list[tuple[int, int, int]]
    tight: list[tuple[int, int, int]]
    most: int

    @classmethod
    def of(cls, text: str) -> _Zones:
        """Find them."""
        runs = [(*match.span(), sum(map(str.isdigit, match[0]))) for match in _TOGETHER.finditer(text)]
        most = max((count for _, _, count in runs), default=0)
        few = [run for run in runs if run[2] >= _FEW]
        return cls(len(text), _parts(runs, _BEFORE, _AFTER), _parts(few, _TIGHT, _TIGHT), most)

    def around(self, digits: int) -> list[tuple[int, int]]:
        """Where a number of so many digits may stand."""
        if not digits:
            return [(0, self.length)]
        parts = self.wide if digits < _FEW else self.tight
        return [(start, min(end, self.length)) for start, end, count in parts if count >= digits]


def _parts(runs: list[tuple[int, int, int]], before: int, after: int) -> list[tuple[int, int, int]]:
    parts: list[tuple[int, int, int]] = []
    for first, last, count in runs:
        start, end = max(0, first - before), last + after
        if parts and start <= parts[-1][1]:
            parts[-1] = (parts[-1][0], end, max(count, parts[-1][2]))
        else:
            parts.append((start, end, count))
    return parts


def _apart(found: Iterable[Found]) -> list[Found]:
    kept: list[Found] = []
    for each in sorted(found, key=lambda each: (-each.sure, each.start - each.end, each.start)):
        if all(each.end <= other.start or each.start >= other.end for other in kept):
            kept.append(each)
    return sorted(kept)
