"""The desk of a project's review queues: where reviewers get items and leave labels, by file or over HTTP.

One SQLite file beside the prediction log, which the service and the commands of its machine share: one place decides
what a reviewer said first. It holds what the lake's tables hold, without what judges said, and labels that are not
there yet; `Queue.receive` moves them. A label is on disk when `take` returns. Each row has a digest of its own, so
that one that was changed is not taken for what was written. It imports nothing that the service may not.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from kreis.digests import canonical_json, digest_of
from kreis.durable import fsync_directory, make_directory
from kreis.errors import CorruptionError, ProjectError, StoreError
from kreis.reviews.items import Given, Item, Label

__all__ = ["Desk"]

_WAIT_S = 10.0
_SHOWN = 100
"""Characters of a name that is not known."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS queues (queue TEXT PRIMARY KEY, labels TEXT, per_item INTEGER, seal TEXT) STRICT;
CREATE TABLE IF NOT EXISTS items (
    queue TEXT, item TEXT, shown TEXT, settled INTEGER, seal TEXT, PRIMARY KEY (queue, item)
) STRICT;
CREATE TABLE IF NOT EXISTS labels (
    queue TEXT, item TEXT, by TEXT, label TEXT, comment TEXT, at INTEGER, seal TEXT, PRIMARY KEY (queue, item, by)
) STRICT;
"""


class Desk:
    """The file. It is opened for each call, and may be shared between threads and processes."""

    def __init__(self, path: Path) -> None:
        """`path`: of the file; where there is none, nothing is up for review."""
        self._path = path

    def publish(
        self,
        queue: str,
        labels: Sequence[str],
        per_item: int,
        items: Mapping[str, str],
        settled: Collection[str],
        given: Sequence[Given],
    ) -> None:
        """Make a queue hold what its tables hold. Labels left meanwhile stay; items that are gone go with their labels.

        Args:
            queue: Its name.
            labels: That may be given, in order.
            per_item: How many people label each item.
            items: By name what is shown, as JSON.
            settled: Of these, which nobody needs to label any more.
            given: Labels that the tables hold.

        Raises:
            StoreError: it cannot be written.
        """
        with self._writing(make=True) as db:
            _put(db, "queues", queue, canonical_json(list(labels)).decode(), per_item)
            known = {name for (name,) in db.execute("SELECT item FROM items WHERE queue = ?", (queue,))}
            _drop(db, queue, known - items.keys())
            for name, shown in items.items():
                _put(db, "items", queue, name, shown, int(name in settled))
            for each in given:
                _put(db, "labels", queue, each.item, each.by, each.label, each.comment, each.at)

    def next(self, queue: str, reviewer: str, count: int) -> tuple[list[str], list[Item]]:
        """What one reviewer may label next: what they have not labelled, and lacks labels; in an order of their own,
        without what others or the judge said.

        Args:
            queue: Its name.
            reviewer: Who will label.
            count: How many at most.

        Returns:
            The labels that may be given, and the items.

        Raises:
            ProjectError: there is no such queue.
            StoreError: it cannot be read.
        """
        with self._reading() as db:
            labels, per_item = _queue(db, queue)
            given = _labels(db, queue)
            counts = Counter(each.item for each in given)
            mine = {each.item for each in given if each.by == reviewer}
            rows = [(name, shown) for name, shown, settled in _rows(db, "items", queue) if not settled]
        wanted = [each for each in rows if each[0] not in mine and counts[each[0]] < per_item]
        wanted.sort(key=lambda row: hashlib.sha256(f"{reviewer}\n{row[0]}".encode()).digest())
        return labels, [Item(item=name, shown=msgspec.json.decode(shown)) for name, shown in wanted[:count]]

    def take(self, queue: str, reviewer: str, labels: Sequence[Label], at: int) -> int:
        """Keep what a reviewer said; on disk when this returns. A label given again counts once.

        Args:
            queue: Its name.
            reviewer: Who says so.
            labels: All of them are taken, or none.
            at: The moment, microseconds since 1970 UTC.

        Returns:
            How many were new.

        Raises:
            ProjectError: no such queue, item or label, or the reviewer said otherwise before.
            StoreError: it cannot be kept.
        """
        where = f"queue {queue}"
        with self._writing() as db:
            may, _ = _queue(db, queue)
            known = {name for name, *_ in _rows(db, "items", queue)}
            before = {each.item: each.label for each in _labels(db, queue) if each.by == reviewer}
            new = 0
            for each in labels:
                if each.item not in known:
                    raise ProjectError.unknown_name("item", each.item[:_SHOWN], known, where=where)
                if each.label not in may:
                    raise ProjectError.unknown_name(
                        "label", each.label[:_SHOWN], may, where=f"{where}, item {each.item}"
                    )
                if before.get(each.item, each.label) != each.label:
                    problem = f"{reviewer} said {before[each.item]!r} of {each.item!r} before"
                    hint = "labels stay as they were given; settle a dispute: kreis reviews settle"
                    raise ProjectError(problem, where=where, hint=hint)
                if each.item not in before:
                    before[each.item] = each.label
                    _put(db, "labels", queue, each.item, reviewer, each.label, each.comment, at)
                    new += 1
        return new

    def forget(self, queue: str, items: Collection[str], labels: Collection[tuple[str, str]]) -> None:
        """Delete items with all that was said of them, and labels by item and reviewer; their bytes leave the file.

        Raises:
            StoreError: it cannot be written.
        """
        if self._there:
            with self._writing() as db:
                _drop(db, queue, items)
                for each in labels:
                    db.execute("DELETE FROM labels WHERE queue = ? AND item = ? AND by = ?", (queue, *each))

    def given(self, queue: str) -> list[Given]:
        """All labels of a queue, in the order in which they were given; none where it is not there.

        Raises:
            StoreError: it cannot be read.
        """
        if not self._there:
            return []
        with self._reading() as db:
            return _labels(db, queue)

    @property
    def _there(self) -> bool:
        """Whether something was published: the file is made empty before."""
        return self._path.exists() and self._path.stat().st_size > 0

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._opened() as db:  # not for reading alone: what a process that died left half written is taken back
            db.execute("PRAGMA query_only = ON")
            yield db

    @contextmanager
    def _writing(self, *, make: bool = False) -> Iterator[sqlite3.Connection]:
        """A transaction that is on disk when it ends."""
        if make and not self._path.exists():
            with self._storing():
                make_directory(self._path.parent)
                self._path.touch(mode=0o640)
                fsync_directory(self._path.parent)
        with self._opened() as db:
            db.execute("PRAGMA synchronous = EXTRA")
            db.execute("PRAGMA secure_delete = ON")  # what was erased leaves the file, too
            with db:
                db.execute("BEGIN IMMEDIATE")
                for each in _SCHEMA.split(";\n") if make else ():
                    db.execute(each)
                yield db

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        if not self._path.exists():
            hint = "kreis reviews show QUEUE puts what is in the lake there again"
            raise ProjectError("nothing is up for review", where=str(self._path), hint=hint)
        with self._storing():
            uri = f"{self._path.absolute().as_uri()}?mode=rw"
            with closing(sqlite3.connect(uri, uri=True, timeout=_WAIT_S, isolation_level=None)) as db:
                yield db

    @contextmanager
    def _storing(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"reviews cannot be read or written: {error}", where=str(self._path)) from error


def _seal(table: str, row: Sequence[Any]) -> str:
    return digest_of(canonical_json([table, *row]))


def _put(db: sqlite3.Connection, table: str, *row: Any) -> None:
    marks = ", ".join("?" * (len(row) + 1))
    db.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", (*row, _seal(table, row)))


def _drop(db: sqlite3.Connection, queue: str, items: Collection[str]) -> None:
    for table in ("items", "labels"):
        db.executemany(f"DELETE FROM {table} WHERE queue = ? AND item = ?", [(queue, name) for name in items])


def _rows(db: sqlite3.Connection, table: str, queue: str) -> Iterator[tuple[Any, ...]]:
    """Rows without queue and seal.

    Raises:
        CorruptionError: one is not as it was written.
    """
    for row in db.execute(f"SELECT * FROM {table} WHERE queue = ?", (queue,)):
        if _seal(table, row[:-1]) != row[-1]:
            hint = "restore the file, or move it away: kreis reviews show QUEUE makes it anew from the lake"
            raise CorruptionError(f"a row of {table} is not as it was written", where=f"queue {queue}", hint=hint)
        yield row[1:-1]


def _labels(db: sqlite3.Connection, queue: str) -> list[Given]:
    found = [Given(*row) for row in _rows(db, "labels", queue)]
    return sorted(found, key=lambda each: (each.at, each.by, each.item))


def _queue(db: sqlite3.Connection, queue: str) -> tuple[list[str], int]:
    """Its labels, and how many people label each item."""
    for labels, per_item in _rows(db, "queues", queue):
        return list(msgspec.json.decode(labels)), int(per_item)
    known = [name for (name,) in db.execute("SELECT queue FROM queues")]
    raise ProjectError.unknown_name("queue", queue, known, where="reviews")
