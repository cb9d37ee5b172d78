"""The lake's mark: a small file at its root that says which ledger records it."""

from __future__ import annotations

from typing import Literal

import msgspec

from kreis.errors import CorruptionError
from kreis.formats import always, canonical, check_format
from kreis.lake.storage import LakeStorage

__all__ = ["FILE", "LakeMark", "read_mark", "write_mark"]

FILE = "_kreis_lake.json"
_LARGEST = 64 * 1024


class LakeMark(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the file says."""

    format: Literal["kreis.lake/1"] = always("kreis.lake/1")
    lake: str
    """The lake's own id."""
    ledger: str
    """Id of the ledger that records its commits."""
    project: str


def read_mark(storage: LakeStorage) -> LakeMark | None:
    """The mark of the lake in a storage; None where it has none: a new lake, or one of kreis 0.1.0.

    Raises:
        CorruptionError: the file is damaged.
        ProjectError: it is of a later format.
    """
    where = storage.place(FILE)
    try:
        found = storage.stat(FILE)
        if found is not None and found.size > _LARGEST:
            raise CorruptionError(f"it has {found.size} bytes; at most {_LARGEST} are read", where=where)
        data = storage.get(FILE)
    except FileNotFoundError:
        return None
    try:
        msgspec.json.decode(data)
        check_format(data, "kreis.lake/1", where=where)
        return msgspec.json.decode(data, type=LakeMark)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise CorruptionError(
            f"the lake's mark is damaged ({error})",
            where=where,
            hint="restore it from a backup, or remove it: if the ledger knows this lake, `kreis migrate` writes it",
        ) from error


def write_mark(storage: LakeStorage, mark: LakeMark) -> None:
    """Write the mark; durable when it returns."""
    storage.put(FILE, canonical(mark) + b"\n")
