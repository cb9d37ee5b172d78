"""All recognisers, the surest first. A new kind is a file with `RECOGNISERS`, and its place here."""

from __future__ import annotations

from kreis.generative.guards.personal_data import address, birth, card, email, iban, ip, mrz, names, phone, web_login
from kreis.generative.guards.personal_data.national import (
    austria,
    belgium,
    brazil,
    canada,
    denmark,
    finland,
    france,
    germany,
    india,
    italy,
    netherlands,
    norway,
    poland,
    portugal,
    south_africa,
    spain,
    sweden,
    switzerland,
    united_kingdom,
    united_states,
)
from kreis.generative.guards.personal_data.recogniser import Recogniser

__all__ = ["FIRST", "KINDS", "LEAVABLE", "RECOGNISERS"]

_NATIONAL = (
    austria, belgium, brazil, canada, denmark, finland, france, germany, india, italy, netherlands, norway, poland,
    portugal, south_africa, spain, sweden, switzerland, united_kingdom, united_states,
)  # fmt: skip
FIRST: tuple[Recogniser, ...] = (*iban.RECOGNISERS, *card.RECOGNISERS)
"""Those that are looked for first: their digits would look like other numbers."""
RECOGNISERS: tuple[Recogniser, ...] = tuple(
    recogniser
    for module in (mrz, *_NATIONAL, web_login, email, ip, phone, birth, address, names)
    for recogniser in module.RECOGNISERS
)
KINDS = frozenset(each.kind for each in (*FIRST, *RECOGNISERS))
LEAVABLE = frozenset(each.kind for module in (email, ip, phone, birth, address, names) for each in module.RECOGNISERS)
"""Kinds that a policy may leave unmasked: what is found by form or context."""
