"""What reviewers ask and what they get, as typed messages."""

from __future__ import annotations

from typing import Any

import msgspec

from kreis.reviews.items import Label

__all__ = ["AskItems", "Labels", "OpenItem", "OpenItems", "Reviewer"]


class Reviewer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who labels, as the token says."""

    name: str
    """Under which labels are kept."""
    sha256: str
    """Of the bearer token: the token itself is nowhere."""
    queues: list[str] = []
    """That they may label; no others."""


class AskItems(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A wish for items to label."""

    queue: str
    count: int = 20
    """How many at most."""


class OpenItem(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be labelled, without what others said of it."""

    item: str
    shown: dict[str, Any]


class OpenItems(msgspec.Struct, frozen=True, kw_only=True):
    """What one reviewer may label next."""

    labels: list[str]
    """Of which each item gets one."""
    items: list[OpenItem]


class Labels(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a reviewer says of some items."""

    queue: str
    labels: list[Label]
