"""What the lake needs of the place that keeps its bytes: a folder here, an object store elsewhere.

Keys are paths with slashes (`bronze/flights/_delta_log/00000000000000000000.json`). A storage is right when
the functions of `tests/lake/behaviour/` pass over it: add it to the fixture there.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import NamedTuple, Protocol, runtime_checkable

from kreis.locks import Lock

__all__ = ["Entry", "LakeStorage"]


class Entry(NamedTuple):
    """One object of a storage."""

    name: str
    """The last part of its key."""
    size: int
    mark: Hashable
    """Another one whenever the bytes may have changed: an inode and its time, an ETag."""


@runtime_checkable
class LakeStorage(Protocol):
    """Bytes under keys. What was put is durable, and seen by everyone, when the call returns.

    Any method may raise an `OSError`: the disk is full or read-only, the network does not answer.
    """

    def entries(self, folder: str, after: str = "") -> list[Entry]:
        """The objects directly in a folder whose names come after one, by name; none where there is no such folder."""
        ...

    def folders(self, folder: str) -> list[str]:
        """The names of the folders directly in a folder, sorted. "" is the root."""
        ...

    def stat(self, key: str) -> Entry | None:
        """The object under a key; None where there is none (a link is none)."""
        ...

    def get(self, key: str) -> bytes:
        """The bytes under a key.

        Raises:
            FileNotFoundError: there is no such object.
        """
        ...

    def put(self, key: str, data: bytes) -> None:
        """Write an object whole or not at all, in the place of one that is there."""
        ...

    def put_if_absent(self, key: str, data: bytes) -> None:
        """Write an object whole or not at all; of several writers at once exactly one succeeds.

        Raises:
            FileExistsError: there is one.
        """
        ...

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; one that is not there is passed over."""
        ...

    def source(self, key: str) -> str | bytes:
        """What Polars reads the object from: the path of a file on this machine, or its bytes."""
        ...

    def place(self, key: str) -> str:
        """What the object is called in messages: its path, or its URL."""
        ...

    def lock(self, table: str) -> Lock:
        """The only writers' lock of a table. A process that dies lets go of it."""
        ...
