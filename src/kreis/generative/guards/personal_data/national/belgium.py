"""Belgium: national register number, a birthday with MOD 97."""

from __future__ import annotations

import re

from kreis.generative.guards.personal_data.recogniser import Pattern

__all__ = ["RECOGNISERS"]

_NUMBER = re.compile(r"(?<!\d)\d{2}[. ]?[0-5]\d[. ]?[0-3]\d[ -]?\d{3}[ .]?\d{2}(?!\d)")


def _is_number(digits: str) -> bool:
    """Of people born since 2000, a 2 stands before the number."""
    check = int(digits[9:])
    return any(97 - int(century + digits[:9]) % 97 == check for century in ("", "2"))


RECOGNISERS = (Pattern("NATIONAL ID", _NUMBER, _is_number, digits=11),)
