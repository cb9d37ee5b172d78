"""E-mail addresses, with "@" or "(at)"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kreis.generative.guards.personal_data.recogniser import CHECKED, Found

__all__ = ["RECOGNISERS", "EmailAddress"]

_AT = re.compile(r"@|\(at\)|\[at\]")
_ADDRESS = re.compile(
    r"(?<![\w.+-])[\w.!#$&'*+/=?^`{|}~-]{0,63}\w(?:@|\s?(?:\(at\)|\[at\])\s?)(?:[^\W_](?:[\w-]{0,62})\.)+[^\W\d_]{2,24}\b"
)
_BEFORE, _AFTER = 68, 256


class EmailAddress:
    """Finds them."""

    kind = "EMAIL"
    digits = 0
    cues = ("@", "(at)", "[at]")

    def find(self, text: str, start: int, end: int) -> Iterator[Found]:
        """Each that has the form of one, looked for around its sign."""
        last = start
        for sign in _AT.finditer(text, start, end):
            match = _ADDRESS.search(text, max(last, sign.start() - _BEFORE), min(end, sign.end() + _AFTER))
            if match is not None and match.start() < sign.start():
                yield Found(*match.span(), self.kind, CHECKED)
                last = match.end()


RECOGNISERS = (EmailAddress(),)
