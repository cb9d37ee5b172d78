"""Which model answers: a deterministic function of what is asked about and of the release."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from kreis.digests import digest_of
from kreis.ledger.records import Release

__all__ = ["Router", "place", "unit_of"]

_WHOLE = 2.0**64


def place(salt: bytes, unit: str) -> float:
    """Where a unit falls in [0, 1): uniform over units, the same in every process, and independent between salts.

    The hash is keyed BLAKE2b (RFC 7693, section 2.9), 64 bits of it.
    """
    return int.from_bytes(hashlib.blake2b(unit.encode("utf-8", "surrogatepass"), digest_size=8, key=salt).digest()) / (
        _WHOLE
    )


def unit_of(reference: str | None, keys: Mapping[str, str], fields: Mapping[str, object]) -> str:
    """What a request is about: the client's reference, else its entity keys, else its fields."""
    if reference is not None:
        return "r" + reference
    if keys:
        return "k" + "\x1f".join(f"{name}={keys[name]}" for name in sorted(keys))
    return "f" + "\x1f".join(f"{name}={fields[name]}" for name in sorted(fields))


class Router:
    """Chooses a live model of a release.

    The salt comes from the live models, not from the release: while a canary grows, whoever met the challenger
    keeps meeting it, and two canaries split the traffic independently.
    """

    def __init__(self, release: Release) -> None:
        live = [route for route in release.routes if route.mode == "live"]
        self.models = tuple(route.model for route in live)
        self.shadows = tuple(route.model for route in release.routes if route.mode == "shadow")
        self.salt = bytes.fromhex(digest_of("|".join(sorted(self.models)).encode()))[:32]
        total, bounds = 0.0, []
        for route in live:
            total += route.share
            bounds.append(total)
        self._bounds = tuple(bounds[:-1])

    def choose(self, unit: str) -> str:
        """The digest of the live model that answers for a unit."""
        if not self._bounds:
            return self.models[0]
        at = place(self.salt, unit)
        for bound, model in zip(self._bounds, self.models, strict=False):
            if at < bound:
                return model
        return self.models[-1]
