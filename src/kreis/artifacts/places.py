"""From a URL to an artifact store."""

from __future__ import annotations

from pathlib import Path

from kreis.artifacts.store import ArtifactStore
from kreis.places import folder_of

__all__ = ["SCHEMES", "open_artifacts"]

SCHEMES = {"file": ""}
"""The schemes that `artifacts.url` may have, each with the extra that brings it."""


def open_artifacts(url: str, base: Path) -> ArtifactStore:
    """The store that a URL names.

    Args:
        url: `file:FOLDER`, or a folder.
        base: what a relative folder is relative to.

    Raises:
        ProjectError: no store of this scheme is known.
    """
    from kreis.artifacts.folder import ArtifactFolder

    return ArtifactFolder(folder_of(url, base, SCHEMES, setting="artifacts.url"))
