"""From a URL to a compute pool."""

from __future__ import annotations

from kreis.compute.pool import Pool
from kreis.places import scheme_of

__all__ = ["SCHEMES", "open_pool"]

SCHEMES = {"threads": ""}
"""The schemes that `compute.url` may have, each with the extra that brings it."""


def open_pool(url: str) -> Pool:
    """The pool that a URL names.

    Args:
        url: `threads:`.

    Raises:
        ProjectError: no pool of this scheme is known.
    """
    from kreis.compute.threads import Threads

    scheme_of(url, SCHEMES, setting="compute.url")
    return Threads()
