"""Italy: tax code (codice fiscale), of sixteen letters and digits."""

from __future__ import annotations

import re

from kreis.generative.guards.personal_data.recogniser import Pattern

__all__ = ["RECOGNISERS"]

_CODE = re.compile(
    r"(?<!\w)[A-Z]{3}[ ]?[A-Z]{3}[ ]?[\dL-NP-V]{2}[A-EHLMPRST][\dL-NP-V]{2}[ ]?[A-Z][\dL-NP-V]{3}[ ]?[A-Z](?!\w)",
    re.IGNORECASE,
)
_ODD = dict(
    zip("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", (
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21,
        2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23,
    ), strict=True)
)  # fmt: skip
"""Decree of 23 December 1976: characters at odd places; at even ones digits and letters count from 0."""


def _is_code(text: str) -> bool:
    total = sum(_ODD[c] if i % 2 == 0 else (int(c) if c.isdigit() else ord(c) - 65) for i, c in enumerate(text[:15]))
    return chr(65 + total % 26) == text[15]


RECOGNISERS = (Pattern("TAX ID", _CODE, _is_code, digits=1),)
