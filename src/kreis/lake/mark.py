"""The lake's mark: a small file at its root that says which ledger records it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from kreis.durable import make_directory, read_regular, write_durably
from kreis.errors import CorruptionError
from kreis.formats import always, canonical, check_format

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


def read_mark(root: Path) -> LakeMark | None:
    """The mark of the lake at a folder; None where it has none: a new lake, or one of kreis 0.1.0.

    Raises:
        CorruptionError: the file is damaged.
        ProjectError: it is of a later format.
    """
    path = root / FILE
    try:
        data = read_regular(path, _LARGEST)
    except FileNotFoundError:
        return None
    try:
        msgspec.json.decode(data)
        check_format(data, "kreis.lake/1", where=str(path))
        return msgspec.json.decode(data, type=LakeMark)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise CorruptionError(
            f"the lake's mark is damaged ({error})",
            where=str(path),
            hint="restore it from a backup, or remove it: `kreis migrate` writes it anew if the ledger knows this lake",
        ) from error


def write_mark(root: Path, mark: LakeMark) -> None:
    """Write the mark; on disk when it returns."""
    make_directory(root)
    write_durably(root / FILE, canonical(mark) + b"\n")
