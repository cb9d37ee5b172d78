"""Which guards act, as data in a package."""

from __future__ import annotations

import msgspec

__all__ = ["GuardPolicy"]


class GuardPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is allowed in questions and answers."""

    hosts: tuple[str, ...] = ()
    """Hosts to which links and images in an answer may lead."""
