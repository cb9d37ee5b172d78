"""The ledger's door: open it, read a snapshot of it, record a change in it."""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import URL, Connection, Engine, RootTransaction, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from kreis.clock import Clock
from kreis.durable import disk_of, make_directory
from kreis.errors import CorruptionError, ProjectError, StoreError
from kreis.ledger import chain, head, older, revision
from kreis.ledger.backends import postgres, sqlite
from kreis.ledger.backends.backend import Backend
from kreis.ledger.records import AuditEntry
from kreis.ledger.transaction import WRITTEN, Transaction
from kreis.locks import Lock

__all__ = ["Ledger", "Transaction", "open_ledger"]


def open_ledger(
    url_or_path: str | Path,
    *,
    clock: Clock,
    create: bool = True,
    head_at: Path | None = None,
    heed_head: bool = True,
) -> Ledger:
    """Open a ledger: a path (SQLite), or a URL that begins with `sqlite:` or `postgresql:`.

    A missing one is created if `create`. One of an earlier schema can be read; to write it, it must be migrated.

    Args:
        url_or_path: where it is.
        clock: says what time it is.
        create: make a missing one.
        head_at: where its head is kept a second time. By default beside the file; for PostgreSQL nowhere.
        heed_head: refuse a ledger that lacks what its head says; only a restore goes on without.

    Raises:
        CorruptionError: the ledger has lost entries that were acknowledged, or all of it is gone.
        StoreError: there is none and `create` is false; it is no ledger, or newer than this kreis; the
            database does not answer or lacks its driver.
    """
    place = _place(url_or_path)
    if isinstance(place, Path):
        ledger = _open_file(place, clock, head_at or head.path_beside(place), create=create, heed_head=heed_head)
    else:
        where = f"ledger {place.render_as_string()}"
        ledger = Ledger(postgres.open_engine(place), postgres, clock=clock, where=where, head_at=head_at)
    try:
        if isinstance(place, Path):
            ledger._bring_up_to_date(create=False)
        else:
            ledger._bring_up_to_date(create=create, held=head.read(head_at) if head_at and heed_head else None)
    except BaseException:
        ledger.close()
        raise
    return ledger


class Ledger:
    """An open ledger. Safe to share between threads; a forked child gets connections of its own."""

    def __init__(
        self, engine: Engine, backend: Backend, *, clock: Clock, where: str, head_at: Path | None = None
    ) -> None:
        self.where = where
        """What it is called in messages; holds no password."""
        self.head_at = head_at
        """The file that holds the head a second time; None where none is kept."""
        self._engine = engine
        self._backend = backend
        self.user = ""
        """The operating system's user. An entry whose actor goes by another name says it in its inputs."""
        self.clock = clock
        """Says what time it is, to whoever writes something that the ledger will record."""
        self.older: str | None = None
        """The revision of its schema, where that is an earlier one than this kreis writes."""
        self._here = threading.local()
        _OPEN.add(self)
        # Before it ends, a process brings what it recorded from the log into the database: every page is checked there.
        weakref.finalize(self, engine.dispose)

    @contextmanager
    def record(
        self,
        *,
        event: str,
        subject: str,
        actor: str,
        reason: str,
        inputs: Mapping[str, Any] | None = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> Iterator[Transaction]:
        """One change of state: what is done with the transaction and one audit entry, together or not at all.

        It is on disk, and the ledger's head with it, when the block is left without an error. Only one `record` goes
        on at a time, across all processes: do slow work before it.

        Raises:
            ProjectError: event, subject, actor or reason is blank.
            StoreError: the lock was not free in time, or the database refused; nothing was recorded, or the
                message says that it is not known. Or the ledger is of an earlier schema.
        """
        self.check_writable()
        said = {"event": event, "subject": subject, "actor": actor, "reason": reason}
        for name, text in said.items():
            if not text.strip():
                raise ProjectError(f"a record needs {name}", where=self.where, hint="nothing goes unexplained")
        with self._only_once(), self._connected() as connection, connection.begin() as transaction:
            self._backend.begin_write(connection)
            seen = {"user": self.user} if self.user and actor not in (self.user, "kreis") else {}
            known = {**(inputs or {}), **seen}
            tx = Transaction(connection, now=self.clock.now(), inputs=known, outputs=outputs or {}, **said)
            info = connection.info
            try:
                yield tx
            finally:
                info.pop(WRITTEN, None)
            entry = chain.append(tx)
            self._commit(transaction, connection, entry)
        self._advance_head(entry)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A snapshot: all reads in the block see the same state. A write through it is refused."""
        self.is_older()
        with self._connected() as connection, connection.begin():
            self._backend.begin_read(connection)
            yield connection

    @contextmanager
    def copying(self) -> Iterator[Connection]:
        """For a restore alone: a write transaction past the audit, whose entries are among what is copied."""
        with self._connected() as connection, connection.begin():
            self._backend.begin_write(connection)
            yield connection

    def check_writable(self) -> None:
        """Refuse to write a ledger of an earlier schema.

        Raises:
            StoreError: it is of one.
        """
        if self.is_older():
            raise StoreError(
                f"it is of an earlier schema ({self.older}; this kreis writes {revision.HEAD}) and can only be read",
                where=self.where,
                hint="run `kreis migrate`: it makes a backup first, and the service may go on answering",
            )

    def is_older(self) -> bool:
        """Whether it is still of an earlier schema than this kreis writes."""
        if self.older is not None:
            with self._engine.connect() as connection:
                moved = revision.current(connection) != self.older
            if moved:  # migrated by another process
                self.older = None
                self._engine.dispose()
        return self.older is not None

    def migrate(self, *, actor: str, reason: str, inputs: Mapping[str, Any]) -> None:
        """Bring an earlier schema up to date, with an entry that says so, together or not at all.

        Raises:
            StoreError: the lock was not free in time, or the database refused; nothing has changed.
        """
        before, self.older = self.older, None
        self._engine.dispose()  # views of the earlier schema belong to connections
        try:
            with self.record(
                event="ledger.migrated", subject=revision.HEAD, actor=actor, reason=reason, inputs=inputs
            ) as tx:
                revision.upgrade(tx.connection, where=self.where)
        except BaseException:
            self.older = before
            raise

    def lock(self, name: str) -> Lock:
        """A lock that every process heeds which uses this ledger, on whichever machine it runs."""
        return self._backend.lock(self._engine, name)

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                if self.older is not None:
                    older.show_as_today(connection)
                yield connection
        except DBAPIError as error:
            raise self._backend.explain(error, self.where) from error

    @contextmanager
    def _only_once(self) -> Iterator[None]:
        if getattr(self._here, "recording", False):
            raise StoreError("a record was begun inside another", where=self.where, hint="pass the transaction on")
        self._here.recording = True
        try:
            yield
        finally:
            self._here.recording = False

    def _commit(self, transaction: RootTransaction, connection: Connection, entry: AuditEntry) -> None:
        """Commit; where the database cannot say whether it did, look."""
        try:
            transaction.commit()
        except DBAPIError as error:
            if not self._backend.is_doubtful(error):
                raise
            connection.invalidate()
            if not self._was_recorded(entry, error):
                raise

    def _was_recorded(self, entry: AuditEntry, doubt: DBAPIError) -> bool:
        try:
            with self._engine.connect() as connection:
                self._backend.settle(connection)
                return chain.hash_at(connection, entry.position) == entry.hash
        except (DBAPIError, sqlite3.Error) as error:
            raise StoreError(
                f"it is not known whether entry {entry.position} ({entry.event}) was recorded ({doubt.orig})",
                where=self.where,
                hint="mend the disk or the connection, then look with `kreis audit log` before you do it again",
            ) from error

    def _advance_head(self, entry: AuditEntry) -> None:
        if self.head_at is None:
            return
        try:
            head.advance(self.head_at, head.Head(entry.position, entry.hash))
        except OSError as error:
            raise StoreError(
                f"entry {entry.position} ({entry.event}) was recorded, but the head beside the ledger could not be"
                f" written ({error.strerror}); {disk_of(self.head_at)}",
                where=str(self.head_at),
                hint="look with `kreis audit log` before you do it again",
            ) from error

    def _bring_up_to_date(self, *, create: bool, held: head.Head | None = None) -> None:
        with self._connected() as connection:
            found = revision.current(connection)
            if found is not None:
                revision.refuse_unknown(found, where=self.where)
                head.compare(held, connection, where=self.where)
            elif held is not None and held.position:
                raise gone(self.where, held)
            connection.rollback()
            if found == revision.HEAD:
                return
            if found is not None:
                self.older = found
                return
            if not create:
                raise StoreError(
                    "holds no ledger", where=self.where, hint="choose another one, or let kreis create it here"
                )
            with connection.begin():
                self._backend.begin_write(connection)
                revision.upgrade(connection, where=self.where)


def gone(where: str, held: head.Head) -> CorruptionError:
    """The error for a ledger of which only the head is left."""
    return CorruptionError(
        f"the ledger is gone; it went as far as entry {held.position}",
        where=where,
        hint="`kreis ledger restore BACKUP --reason …` puts a backup back",
    )


_OPEN: weakref.WeakSet[Ledger] = weakref.WeakSet()


def _forget_inherited_connections() -> None:
    for ledger in list(_OPEN):
        ledger._engine.dispose(close=False)


os.register_at_fork(after_in_child=_forget_inherited_connections)


def _place(url_or_path: str | Path) -> Path | URL:
    """A file's absolute path, or the URL of a PostgreSQL database."""
    if isinstance(url_or_path, Path) or ":" not in url_or_path.split("/", 1)[0]:
        return Path(url_or_path).absolute()
    try:
        url = make_url(url_or_path.replace("postgres://", "postgresql://", 1))
    except ArgumentError as error:
        raise StoreError(
            "is not a database URL", where="ledger", hint="write postgresql://user@host/database"
        ) from error
    match url.get_backend_name():
        case "postgresql":
            return url
        case "sqlite" if url.database:
            return Path(url.database).absolute()
        case other:
            raise StoreError(f"cannot be kept in {other!r}", where="ledger", hint="use a file's path or postgresql://…")


def _open_file(path: Path, clock: Clock, head_at: Path, *, create: bool, heed_head: bool) -> Ledger:
    where = f"ledger {path}"
    try:
        held = head.read(head_at) if heed_head else None
        if not path.exists():
            if held is not None and held.position:
                raise gone(where, held)
            if not create:
                raise StoreError("does not exist", where=where, hint="run `kreis run` in the project's folder first")
            _create_file(path, head_at, where)
        else:
            with sqlite.leaving_the_log(path) as connection:
                if revision.current(connection) is not None:
                    head.compare(held, connection, where=where)
    except DBAPIError as error:
        raise sqlite.explain(error, where) from error
    return Ledger(sqlite.open_engine(path), sqlite, clock=clock, where=where, head_at=head_at)


def _create_file(path: Path, head_at: Path, where: str) -> None:
    try:
        make_directory(head_at.parent)
        head.advance(head_at, head.Head(0, chain.GENESIS))  # first, so that no ledger is ever without
        sqlite.create(path, lambda connection: revision.upgrade(connection, where=where))
    except OSError as error:
        raise StoreError(
            f"cannot be created ({error.strerror}); {disk_of(path)}",
            where=where,
            hint="check the folder's space and permissions",
        ) from error
