"""Values as people read them. Standard library only: the command line loads this to say anything at all."""

from __future__ import annotations

import math
from datetime import datetime

__all__ = [
    "amount",
    "bounds",
    "conclusion",
    "counted",
    "date",
    "mark",
    "number",
    "plain",
    "short",
    "short_id",
    "size",
    "subject",
    "trigger",
]

_REPLACED = "\N{REPLACEMENT CHARACTER}"


def plain(text: str) -> str:
    """A text in one line, without what could steer a terminal: it may come from data."""
    line = " ".join(text.split())
    return line if line.isprintable() else "".join(each if each.isprintable() else _REPLACED for each in line)


def number(value: float) -> str:
    """A number: four digits, or whole with its thousands set off."""
    return f"{value:,.0f}" if 1000 <= abs(value) < math.inf else f"{value:.4g}"


def amount(value: float) -> str:
    """An amount in a unit that people pay in: whole; of units of which there are few, four digits."""
    return f"{value:,.0f}" if abs(value) >= 10 else number(value)


def counted(count: float, one: str, several: str = "") -> str:
    """So many of a thing: "1 row", "1,200 rows".

    Args:
        count: How many.
        one: What one is called.
        several: What several are called, where that is not its name with an s.
    """
    return f"{count:,.0f} {one if count == 1 else several or one + 's'}"


def bounds(low: float | None, high: float | None) -> str:
    """An interval; "?" for a bound that is not known."""
    return " to ".join("?" if each is None else number(each) for each in (low, high))


def size(count: int) -> str:
    """Bytes."""
    for unit, one in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= one:
            return f"{count / one:.1f} {unit}"
    return f"{count} B"


def date(at: datetime | None) -> str:
    """A moment, to the minute."""
    return f"{at:%Y-%m-%d %H:%M}" if at is not None else "–"


def short(digest: str | None) -> str:
    """The first twelve digits of a digest, enough to name it."""
    return digest[:12] if digest else "–"


def short_id(identifier: str | None) -> str:
    """The first thirteen characters of an identifier, its millisecond: enough to name it."""
    return identifier[:13] if identifier else "–"


def subject(text: str) -> str:
    """What an entry is about: identifiers and digests shortened, names as they are."""
    return short_id(text) if len(text) > 30 and set(text) <= set("0123456789abcdef-") else text


def mark(kind: str) -> str:
    """The mark of a verdict."""
    return {"advance": "✓", "send_back": "↩", "hold": "‖", "fail": "✗"}.get(kind, "·")


def conclusion(reason: str, to: str | None) -> str:
    """A verdict's reason, with where the work goes back to."""
    return f"back to {to}: {reason}" if to else reason


def trigger(name: str) -> str:
    """Why a run ran."""
    return "by hand" if name == "manual" else f"alert {short_id(name)}"
