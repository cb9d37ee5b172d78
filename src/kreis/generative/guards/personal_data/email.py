"""E-mail addresses."""

from __future__ import annotations

import re

from kreis.generative.guards.personal_data.recogniser import CHECKED, Pattern

__all__ = ["RECOGNISERS"]

_ADDRESS = re.compile(
    r"(?<![\w.+-])[\w.!#$&'*+/=?^`{|}~-]{0,63}\w(?:@|\s?(?:\(at\)|\[at\])\s?)(?:[^\W_](?:[\w-]{0,62})\.)+[^\W\d_]{2,24}\b"
)

RECOGNISERS = (Pattern("EMAIL", _ADDRESS, sure=CHECKED, digits=0, cues=("@", "at)", "at]")),)
