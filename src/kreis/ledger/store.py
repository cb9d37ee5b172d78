"""The ledger's door: open it, read a snapshot of it, record a change in it."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from sqlalchemy import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from kreis.clock import Clock
from kreis.errors import ProjectError, StoreError
from kreis.ledger import chain, revision
from kreis.ledger.backends import postgres, sqlite
from kreis.ledger.transaction import Transaction

__all__ = ["Ledger", "Transaction", "open_ledger"]


def open_ledger(url_or_path: str | Path, *, clock: Clock, create: bool = True) -> Ledger:
    """Open a ledger: a path (SQLite), or a URL that begins with `sqlite:` or `postgresql:`.

    An older ledger is brought up to date; a missing one is created if `create`.

    Raises:
        StoreError: there is none and `create` is false; it is no ledger, or newer than this kreis; the
            database does not answer or lacks its driver.
    """
    place = _place(url_or_path)
    if isinstance(place, Path):
        ledger = _open_file(place, clock, create=create)
    else:
        where = f"ledger {place.render_as_string()}"
        ledger = Ledger(postgres.open_engine(place), postgres, clock=clock, where=where)
    try:
        ledger._bring_up_to_date(create=create and not isinstance(place, Path))
    except BaseException:
        ledger.close()
        raise
    return ledger


class Ledger:
    """An open ledger. Safe to share between threads; a forked child gets connections of its own."""

    def __init__(self, engine: Engine, backend: ModuleType, *, clock: Clock, where: str) -> None:
        self.where = where
        """What it is called in messages; holds no password."""
        self._engine = engine
        self._backend = backend
        self.clock = clock
        """Says what time it is, to whoever writes something that the ledger will record."""
        self._here = threading.local()
        _OPEN.add(self)

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

        It is on disk when the block is left without an error. Only one `record` goes on at a time, across all
        processes: do slow work before it.

        Raises:
            ProjectError: event, subject, actor or reason is blank.
            StoreError: the lock was not free in time, or the database refused; nothing was recorded.
        """
        said = {"event": event, "subject": subject, "actor": actor, "reason": reason}
        for name, text in said.items():
            if not text.strip():
                raise ProjectError(f"a record needs {name}", where=self.where, hint="nothing goes unexplained")
        with self._only_once(), self._connected() as connection, connection.begin():
            self._backend.begin_write(connection)
            tx = Transaction(connection, now=self.clock.now(), inputs=inputs or {}, outputs=outputs or {}, **said)
            yield tx
            chain.append(tx)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A snapshot: all reads in the block see the same state. A write through it is refused."""
        with self._connected() as connection, connection.begin():
            self._backend.begin_read(connection)
            yield connection

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

    def _bring_up_to_date(self, *, create: bool) -> None:
        with self._connected() as connection:
            found = revision.current(connection)
            connection.rollback()
            if found == revision.HEAD:
                return
            if found is None and not create:
                raise StoreError(
                    "holds no ledger", where=self.where, hint="choose another one, or let kreis create it here"
                )
            with connection.begin():
                self._backend.begin_write(connection)
                revision.upgrade(connection, where=self.where)


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
        raise StoreError("is no database URL", where="ledger", hint="write postgresql://user@host/database") from error
    match url.get_backend_name():
        case "postgresql":
            return url
        case "sqlite" if url.database:
            return Path(url.database).absolute()
        case other:
            raise StoreError(f"cannot be kept in {other!r}", where="ledger", hint="use a file's path or postgresql://…")


def _open_file(path: Path, clock: Clock, *, create: bool) -> Ledger:
    where = f"ledger {path}"
    if not path.exists():
        if not create:
            raise StoreError("does not exist", where=where, hint="run `kreis run` in the project's folder first")
        try:
            sqlite.create(path, lambda connection: revision.upgrade(connection, where=where))
        except DBAPIError as error:
            raise sqlite.explain(error, where) from error
        except OSError as error:
            raise StoreError(
                f"cannot be created ({error.strerror})", where=where, hint="check the folder's space and permissions"
            ) from error
    return Ledger(sqlite.open_engine(path), sqlite, clock=clock, where=where)
