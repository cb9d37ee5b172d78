"""Addresses of computers, which courts hold to be personal data; this machine's own (127.0.0.1, ::1) are not."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from kreis.generative.guards.personal_data.recogniser import SHAPED, Found

__all__ = ["RECOGNISERS", "Address"]

_FOUR = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)")
_SIX = re.compile(r"(?<![\w:.])(?:[0-9a-fA-F]{1,4}:|::)(?:[0-9a-fA-F]{0,4}:){1,6}[0-9a-fA-F]{0,4}(?![\w:])")


class Address:
    """Finds them."""

    kind = "IP"

    def __init__(self, form: re.Pattern[str], digits: int, cues: tuple[str, ...] = ()) -> None:
        self.digits = digits
        self.cues = cues
        self._form = form

    def find(self, text: str, start: int, end: int) -> Iterator[Found]:
        """Each that is one."""
        for match in self._form.finditer(text, start, end):
            try:
                address = ipaddress.ip_address(match[0])
            except ValueError:
                continue
            if not (address.is_loopback or address.is_unspecified or address.is_multicast):
                yield Found(*match.span(), self.kind, SHAPED)


RECOGNISERS = (Address(_FOUR, 4), Address(_SIX, 0, ("::", ":0", ":1", ":2", ":a", ":d", ":f")))
