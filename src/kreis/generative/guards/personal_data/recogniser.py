"""What a recogniser of personal data is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

__all__ = ["CHECKED", "NAMED", "SHAPED", "Found", "Pattern", "Recogniser", "compact"]

CHECKED, SHAPED, NAMED = 3, 2, 1
"""How sure a find is: check digits or a form that nothing else has; a form; only words around it."""


class Found(NamedTuple):
    """A place in a text."""

    start: int
    end: int
    kind: str
    sure: int


class Recogniser(Protocol):
    """Finds one kind of personal data. Frozen; its tests: `kreis.generative.guards.personal_data.testing`."""

    @property
    def kind(self) -> str:
        """What stands in the mask: "IBAN"."""
        ...

    @property
    def digits(self) -> int:
        """How many digits a text must hold together (blanks, points, hyphens and slashes between them do not count) for
        it to be asked, and only around these; 0: it is asked about the whole text.
        """
        ...

    @property
    def cues(self) -> tuple[str, ...]:
        """One of these must stand in the text, in small letters, for it to be asked; empty: none."""
        ...

    def find(self, text: str, start: int, end: int) -> Iterator[Found]:
        """Each place in `text[start:end]`."""
        ...


@dataclass(frozen=True)
class Pattern:
    """A form, and what must hold for the letters and digits in it."""

    kind: str
    form: re.Pattern[str]
    """Where it has a group "value", that is the find; else all of it."""
    valid: Callable[[str], bool] | None = None
    """Asked with letters and digits alone, in capitals."""
    context: re.Pattern[str] | None = None
    """Must be found in the 60 characters before: where its digits alone prove too little."""
    sure: int = CHECKED
    digits: int = 9
    cues: tuple[str, ...] = ()

    def find(self, text: str, start: int, end: int) -> Iterator[Found]:
        """Each place where form, validity and context agree."""
        for match in self.form.finditer(text, start, end):
            begin, stop = match.span("value" if "value" in self.form.groupindex else 0)
            if self.valid is not None and not self.valid(compact(text[begin:stop])):
                continue
            if self.context is not None and not self.context.search(text, max(0, begin - 60), begin):
                continue
            yield Found(begin, stop, self.kind, self.sure)


_SIGNS = re.compile(r"[^0-9A-Za-z]+")


def compact(text: str) -> str:
    """Letters and digits alone, in capitals."""
    return _SIGNS.sub("", text).upper()
