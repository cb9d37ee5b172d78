"""France: number of the register of persons (NIR), MOD 97."""

from __future__ import annotations

import re

from kreis.generative.guards.personal_data.recogniser import Pattern

__all__ = ["RECOGNISERS"]

_NUMBER = re.compile(
    r"(?<!\d)[1-478][ .]?\d{2}[ .]?(?:0[1-9]|[1-9]\d)[ .]?(?:\d{2}|2[ABab])[ .]?\d{3}[ .]?\d{3}[ .-]?\d{2}(?!\d)"
)


def _is_number(text: str) -> bool:
    """Corsica's 2A and 2B count as 19 and 18."""
    body, check = text[:-2].replace("2A", "19").replace("2B", "18"), int(text[-2:])
    return body.isdigit() and 97 - int(body) % 97 == check


RECOGNISERS = (Pattern("SOCIAL SECURITY", _NUMBER, _is_number, digits=8),)
