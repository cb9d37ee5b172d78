"""The files that a source reads: found in the plan of its frame, and told apart by their contents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from kreis.collection.sources import Source, Window
from kreis.digests import digest_of_file

__all__ = ["FileRead", "files_read", "identified"]


class FileRead(msgspec.Struct, frozen=True):
    """A file as it was when it was read. Its size and time save reading it again to know its digest."""

    size: int
    mtime_ns: int
    sha256: str


def files_read(source: Source, until: datetime) -> list[Path] | None:
    """The files of the source's plan; calls its function, and reads no rows.

    Returns:
        None where the plan does not say, as for a frame that was made from rows in memory.

    Raises:
        ServiceError: the function failed, or a file cannot be opened.
        ProjectError: the function gave no frame.
    """
    frame = source.rows(Window(None, until))
    try:
        found = _paths(frame)
    except pl.exceptions.PolarsError as error:
        raise source.unreadable(error) from error
    except OSError as error:
        raise source.unreadable(error) from error
    local = [path for path in found if "://" not in str(path)]
    return local if local and len(local) == len(found) else None


def _paths(frame: pl.LazyFrame) -> list[Path]:
    plan: Any = frame._ldf.visit()
    found: dict[Path, None] = {}
    waiting = [plan.get_node()]
    while waiting:
        plan.set_node(waiting.pop())
        waiting += plan.get_inputs()
        try:
            paths: Sequence[str] = getattr(plan.view_current_node(), "paths", ())
        except NotImplementedError:  # a node that Polars does not show, such as a scan of bytes
            continue
        found.update((Path(path), None) for path in paths)
    return list(found)


def identified(paths: Sequence[Path], before: Mapping[str, FileRead]) -> dict[str, FileRead]:
    """The files as they are now, by path.

    Args:
        paths: Files; one that is gone has no bytes and no digest.
        before: As they were; a digest is kept where size and time are the same.
    """
    now: dict[str, FileRead] = {}
    for path in paths:
        try:
            stat = path.stat()
        except OSError:
            now[str(path)] = FileRead(-1, 0, "")
            continue
        known = before.get(str(path))
        if known is None or (known.size, known.mtime_ns) != (stat.st_size, stat.st_mtime_ns):
            known = FileRead(stat.st_size, stat.st_mtime_ns, digest_of_file(path))
        now[str(path)] = known
    return now
