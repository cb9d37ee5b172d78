"""What an artifact store is: bytes named by their SHA-256."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

__all__ = ["ArtifactProblem", "ArtifactStore"]


class ArtifactProblem(msgspec.Struct, frozen=True):
    """Something in the store that is not as it should be.

    "corrupt": the bytes differ from the name. "leftover": an interrupted write, harmless.
    "stray": nothing that kreis put there.
    """

    where: str
    kind: Literal["corrupt", "leftover", "stray"]


class ArtifactStore(Protocol):
    """Content-addressed bytes. What `put` returned a digest for is durable, and `get` verifies every read.

    The behaviour suite is `tests/artifacts/behaviour`.
    """

    def put(self, data: bytes, /) -> str:
        """Store bytes durably; returns their SHA-256. Storing them again does nothing, or repairs corrupt ones.

        Raises:
            StoreError: the bytes could not be stored.
        """
        ...

    def get(self, digest: str, /) -> bytes:
        """The bytes of a digest, verified.

        Raises:
            CorruptionError: the stored bytes are not those that were put; says where they lie.
            StoreError: there is no such artifact, or `digest` is not 64 hexadecimal digits.
        """
        ...

    def has(self, digest: str, /) -> bool:
        """Whether it is stored (not whether its bytes are whole).

        Raises:
            StoreError: `digest` is not 64 hexadecimal digits.
        """
        ...

    def where(self, digest: str, /) -> str:
        """Where an artifact lies, or would, for a person to look.

        Raises:
            StoreError: `digest` is not 64 hexadecimal digits.
        """
        ...

    def forget(self, digest: str, /) -> bool:
        """Delete the bytes of a digest for good, durably; returns whether they were there. They may be put again.

        Raises:
            StoreError: they could not be deleted, or `digest` is not 64 hexadecimal digits.
        """
        ...

    def check(self) -> Sequence[ArtifactProblem]:
        """Read everything; says what is corrupt, left over or stray, in order of place."""
        ...

    def sweep(self) -> Sequence[str]:
        """Delete what interrupted writes left; nobody may be storing anything meanwhile.

        Returns:
            The places of what was deleted.
        """
        ...
