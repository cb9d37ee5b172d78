"""What a paper says, with the place of the record where it stands: each number can be followed to its row."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from kreis.evaluation.intervals import Estimate
from kreis.texts import number, plain

__all__ = ["Traced", "as_read", "derived"]


@dataclass(frozen=True)
class Traced:
    """A value of the record, and where it stands."""

    place: str
    """Table, key and path: `kreis show record` shows what stands there."""
    value: Any

    def __getitem__(self, name: str | int) -> Traced:
        part = str(name).replace("~", "~0").replace("/", "~1")
        return Traced(f"{self.place}/{part}", self.value[name])

    def get(self, name: str, default: Any = None) -> Traced:
        """What stands under a name; the default, at this place, where nothing does."""
        return self[name] if name in self.value else Traced(self.place, default)

    def __iter__(self) -> Iterator[Traced]:
        """The parts of a list."""
        return (self[place] for place in range(len(self.value)))

    def items(self) -> Iterator[tuple[str, Traced]]:
        """The parts of an object, by name."""
        return ((str(name), self[name]) for name in self.value)

    @property
    def said(self) -> str:
        """As it is read, in plain text."""
        return as_read(self.value)

    @property
    def html(self) -> str:
        """As it is read, marked with its place."""
        return _marked(self.place, self.said)


def derived(text: str, *sources: Traced) -> str:
    """A text that was made from places of the record, marked with them, a line each: names hold spaces."""
    return _marked("\n".join(each.place for each in sources), text, made=True)


def as_read(value: Any) -> str:
    """A value of the record as a person reads it: an estimate with its interval, a number, a text."""
    if isinstance(value, Mapping) and "blocks" in value and "low" in value:
        estimate = Estimate.from_document(dict(value))
        if not estimate.defined:
            return "undefined"
        bounded = math.isfinite(estimate.low) or math.isfinite(estimate.high)
        return str(estimate) if bounded else f"{number(estimate.value)} (no interval)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, list):
        return ", ".join(as_read(each) for each in value)
    return "–" if value is None else plain(str(value))


def _marked(place: str, text: str, *, made: bool = False) -> str:
    kind = ' data-made=""' if made else ""
    kind += ' class="e"' if _unbroken(text) else ""
    return f'<span data-record="{escape(place, quote=True)}"{kind}>{escape(plain(text))}</span>'


def _unbroken(text: str) -> bool:
    """Whether it is a number, or one with its interval: it stays on one line."""
    return len(text) <= 40 and not any(each.isalpha() for each in text.replace(" to ", " "))
