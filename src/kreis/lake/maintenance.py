"""What keeps a table from only growing: few large files for many small ones, rows and versions that leave, on record.

A rewrite is a commit like any other; what it replaces stays readable in the versions before. Only `remove` deletes
anything, after the ledger says what and why.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any, Literal

import msgspec
import polars as pl

from kreis.identifiers import new_id
from kreis.lake.checkpoint import write_checkpoint
from kreis.lake.commit import Intent, commit_files
from kreis.lake.files import Verifier, write_data_file
from kreis.lake.layout import TableFolder
from kreis.lake.log import Commit, removed_in
from kreis.lake.state import DataFile, TableState
from kreis.ledger.records import LakeFile, Removal, TableVersion
from kreis.ledger.store import Ledger
from kreis.ledger.tables import add_removal

__all__ = [
    "Leaving",
    "days_before",
    "leaving",
    "lives",
    "merge",
    "remove",
    "replace",
    "rows_of",
    "small_files",
    "without",
]

_SMALL = 16 * 1024 * 1024
"""Bytes below which a file is worth merging."""
_LARGE = 64 * 1024 * 1024
"""Bytes that a merged file should not exceed."""
Groups = list[list[DataFile]]


def small_files(state: TableState) -> Groups:
    """The files that one file each could stand for: neighbours, of one day or of none."""
    groups: dict[tuple[str | None, int], list[DataFile]] = {}
    found: Groups = []
    large: Counter[str | None] = Counter()
    for data in state.files:
        if data.file.size >= _SMALL:
            large[data.file.day] += 1
            continue
        place = data.file.day, large[data.file.day]
        group = groups.setdefault(place, [])
        if sum(each.file.size for each in group) + data.file.size > _LARGE:
            found.append(group)
            group = groups[place] = []
        group.append(data)
    return [group for group in [*found, *groups.values()] if len(group) > 1]


def merge(folder: TableFolder, state: TableState, groups: Groups, verifier: Verifier) -> list[LakeFile]:
    """Write one file for each group, with the same rows in the same order."""
    return [_written(folder, state, group, _read(folder, state, group, verifier).collect()) for group in groups]


def _read(folder: TableFolder, state: TableState, group: Sequence[DataFile], verifier: Verifier) -> pl.LazyFrame:
    sources: list[Any] = []
    for data in group:
        verifier.verify(folder, data.file, where=f"lake {folder.table}, version {data.version}")
        sources.append(folder.storage.source(folder.file(data.file.path)))
    return pl.scan_parquet(sources, schema=state.schema, missing_columns="insert", glob=False)


def _written(folder: TableFolder, state: TableState, group: Sequence[DataFile], frame: pl.DataFrame) -> LakeFile:
    known = [data.known_until for data in group]
    until = None if None in known else max(each for each in known if each is not None)
    file = write_data_file(
        folder, state.version.version + 1, frame.rechunk(), day=group[0].file.day, order=group[0].order
    )
    return msgspec.structs.replace(file, known_until=until)


def without(
    folder: TableFolder, state: TableState, theirs: pl.Expr, verifier: Verifier
) -> tuple[list[DataFile], list[LakeFile], int]:
    """Write the files that hold some rows anew without them.

    Args:
        folder: the table's.
        state: the table now.
        theirs: true for the rows that go.
        verifier: compares the files with their digests.

    Returns:
        The files that held such rows, those that take their place, and how many rows went.
    """
    held, added, rows = [], [], 0
    for data in state.files:
        frame = _read(folder, state, [data], verifier).collect()
        kept = frame.filter(~rows_of(frame, theirs, state.schema))
        if kept.height < frame.height:
            held.append(data)
            rows += frame.height - kept.height
            if kept.height:
                added.append(_written(folder, state, [data], kept))
    return held, added, rows


def rows_of(frame: pl.DataFrame, theirs: pl.Expr, schema: pl.Schema) -> pl.Series:
    """For each row whether it is looked for; a column that the frame lacks is null, of the schema's type or a text."""
    lacking = [
        pl.lit(None, dtype=schema.get(name, pl.String())).alias(name)
        for name in dict.fromkeys(theirs.meta.root_names())
        if name not in frame.columns
    ]
    found = frame.with_columns(lacking).select(theirs.fill_null(False).alias("found")).get_column("found")
    return found.cast(pl.Boolean)


def days_before(state: TableState, first: date) -> list[DataFile]:
    """The files all of whose rows belong to days before one."""
    midnight = datetime(first.year, first.month, first.day, tzinfo=UTC)
    return [
        data
        for data in state.files
        if (data.file.day is not None and date.fromisoformat(data.file.day) < first)
        or (data.file.day is None and data.known_until is not None and data.known_until < midnight)
    ]


def replace(
    folder: TableFolder,
    ledger: Ledger,
    state: TableState,
    removed: Iterable[DataFile],
    added: list[LakeFile],
    *,
    actor: str,
    reason: str,
    event: str,
    data_change: bool = True,
) -> TableState:
    """Commit that files take the place of others. The caller holds the lock."""
    commit = Commit(
        added=added,
        removed=frozenset(data.file.path for data in removed),
        mode="rewrite",
        step=state.version.step,
        known_until=state.version.known_until,
        data_change=data_change,
    )
    intent = Intent(mode="rewrite", step=state.version.step, actor=actor, reason=reason, event=event)
    return commit_files(folder, ledger, state, commit, intent)


class Leaving(msgspec.Struct, frozen=True, kw_only=True):
    """What of a table can go."""

    versions: list[int]
    files: list[LakeFile]


def leaving(versions: Sequence[TableVersion], goes: Callable[[TableVersion], bool], gone: set[int]) -> Leaving:
    """The versions that go, and the files that none of the others needs.

    Args:
        versions: all of the table's, the oldest first.
        goes: whether a version does; the newest never does.
        gone: those that went before.
    """
    chosen = [each.version for each in versions[:-1] if each.version not in gone and goes(each)]
    left = gone | set(chosen)
    kept = [each.version for each in versions if each.version not in left]
    files = []
    for file, first, end in lives(versions):
        place = bisect_left(kept, first)
        needed = place < len(kept) and kept[place] < end
        if not needed and any(first <= number < end for number in chosen):
            files.append(file)
    return Leaving(versions=chosen, files=files)


def lives(versions: Sequence[TableVersion]) -> Iterator[tuple[LakeFile, int, int]]:
    """Each file with the first version that names it and the first that no longer does."""
    alive: dict[str, tuple[LakeFile, int]] = {}
    for version in versions:
        ended = (
            removed_in(version.commit) if version.mode == "rewrite" else alive if version.mode == "overwrite" else ()
        )
        for name in list(ended):
            file, first = alive.pop(name)
            yield file, first, version.version
        alive |= {file.path: (file, version.version) for file in version.added}
    yield from ((file, first, versions[-1].version + 1) for file, first in alive.values())


def remove(
    folder: TableFolder,
    ledger: Ledger,
    state: TableState,
    going: Leaving,
    *,
    why: Literal["expired", "erased"],
    actor: str,
    reason: str,
) -> Removal | None:
    """Delete versions and files, after the record says so. The caller holds the lock; `state` is the newest.

    The log is summed up first, so that nobody needs the commits that go; where it cannot be, they stay.
    """
    if not going.versions:
        return None
    summed_up = state.checkpoint == state.version.version or write_checkpoint(
        folder, ledger, state, reason=f"versions are {why}"
    )
    names = [file.path for file in going.files]
    with ledger.record(
        event=f"lake.{why}",
        subject=folder.table,
        actor=actor,
        reason=reason,
        outputs={"versions": _spans(going.versions), "files": len(names), "bytes": sum(f.size for f in going.files)},
    ) as tx:
        removal = Removal(
            id=new_id(tx.now),
            table=folder.table,
            why=why,
            reason=reason,
            versions=_spans(going.versions),
            files=names,
            at=tx.now,
        )
        add_removal(tx, removal)
    folder.storage.delete(folder.file(name) for name in names)
    if summed_up:  # else other readers need them still; a repair deletes them later
        folder.storage.delete(folder.commit(number) for number in going.versions)
    return removal


def _spans(numbers: Iterable[int]) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if spans and spans[-1][1] == number - 1:
            spans[-1] = spans[-1][0], number
        else:
            spans.append((number, number))
    return spans
