"""From a URL to the place of an online store."""

from __future__ import annotations

from pathlib import Path

from kreis.places import folder_of
from kreis.preparation.online.store import OnlinePlace

__all__ = ["SCHEMES", "open_online"]

SCHEMES = {"lmdb": "", "file": ""}
"""The schemes that `online.url` may have, each with the extra that brings it. `file` is `lmdb`."""


def open_online(url: str, base: Path) -> OnlinePlace:
    """The place that a URL names. Nothing is opened, nothing made, before it is asked to.

    Args:
        url: `lmdb:FOLDER`, `file:FOLDER`, or a folder.
        base: what a relative folder is relative to.

    Raises:
        ProjectError: no store of this scheme is known.
    """
    from kreis.preparation.online.lmdb_store import LmdbPlace

    return LmdbPlace(folder_of(url, base, SCHEMES, setting="online.url"))
