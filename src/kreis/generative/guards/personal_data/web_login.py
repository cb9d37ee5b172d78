"""Addresses with a name and a password in them."""

from __future__ import annotations

import re

from kreis.generative.guards.personal_data.recogniser import CHECKED, Pattern

__all__ = ["RECOGNISERS"]

_LOGIN = re.compile(r"://(?P<value>[^\s/@:]{1,100}:[^\s/@]{1,100}@[^\s/?#]+[^\s]*)")

RECOGNISERS = (Pattern("LOGIN", _LOGIN, sure=CHECKED, digits=0, cues=("://",)),)
