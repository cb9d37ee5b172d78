"""The ledger in one SQLite file: WAL, an fsync for every commit, one writer at a time."""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, QueuePool, create_engine
from sqlalchemy.exc import DBAPIError

from kreis.durable import disk_of, fsync_directory, fsync_file, make_directory
from kreis.errors import CorruptionError, StoreError
from kreis.locks import FileLock, Lock

__all__ = [
    "BUSY_SECONDS",
    "begin_read",
    "begin_write",
    "create",
    "explain",
    "is_doubtful",
    "leaving_the_log",
    "lock",
    "open_engine",
    "settle",
]

BUSY_SECONDS = 30.0
"""How long a writer waits for another one."""

_ASK_AGAIN = (0.0005, 0.003)
"""Seconds between two tries for the write lock, at random within."""

_MAGIC = b"SQLite format 3\x00"


def open_engine(path: Path) -> Engine:
    """An engine for an existing file. Transactions begin by `begin_read` and `begin_write` alone.

    Raises:
        StoreError: it is no file, or no SQLite database.
    """
    _check(path)
    return create_engine(
        URL.create("sqlite", database=str(path)),
        creator=lambda: _connect(path),
        poolclass=QueuePool,
        pool_size=4,
        max_overflow=-1,
    )


@contextlib.contextmanager
def leaving_the_log(path: Path) -> Iterator[Connection]:
    """A connection whose end leaves a write-ahead log as it lies: a log that turns out damaged is evidence.

    Raises:
        StoreError: it is no file, or no SQLite database.
    """
    _check(path)
    only = ["mode=ro"] if _has_log(path) else []
    engine = create_engine(
        URL.create("sqlite", database=str(path)), creator=lambda: _connect(path, only), poolclass=NullPool
    )
    with engine.connect() as connection:
        yield connection


def create(path: Path, fill: Callable[[Connection], None]) -> None:
    """Create a ledger whole or not at all: built beside, forced to disk, then given its name.

    When two processes create the same ledger, one wins and the other's is dropped.
    """
    make_directory(path.parent)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    engine = create_engine(URL.create("sqlite", database=str(draft)), creator=lambda: _open(draft, "mode=rwc"))
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            connection.rollback()
            with connection.begin():
                begin_write(connection)
                fill(connection)
        engine.dispose()
        fsync_file(draft)
        _name(draft, path)
    finally:
        engine.dispose()
        draft.unlink(missing_ok=True)
    fsync_directory(path.parent)


def begin_write(connection: Connection) -> None:
    """Take the write lock now, so that nothing read in the transaction can be outdated at its end.

    SQLite's own wait polls ever more slowly, so that with 16 writers a process that has waited long goes on
    waiting (8.7 s measured, of 30). Here all who wait ask equally often, and each is as likely to be next.
    """
    raw: Any = connection.connection.driver_connection
    raw.execute("PRAGMA query_only = OFF")
    raw.execute("PRAGMA busy_timeout = 0")
    try:
        _begin_when_free(raw)
    except sqlite3.Error:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # once more, so that the error is of SQLAlchemy's type
    finally:
        raw.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000:.0f}")


def _begin_when_free(raw: sqlite3.Connection) -> None:
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            raw.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(random.uniform(*_ASK_AGAIN))
        else:
            return


def begin_read(connection: Connection) -> None:
    """One snapshot for all reads; a write is refused, as it would pass the audit by."""
    connection.exec_driver_sql("PRAGMA query_only = ON")
    connection.exec_driver_sql("BEGIN")


def explain(error: DBAPIError, where: str) -> StoreError:
    """Say in kreis's words what SQLite reported."""
    name = getattr(error.orig, "sqlite_errorname", "") or ""
    said = str(error.orig)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StoreError(
            f"another process has held the write lock for {BUSY_SECONDS:.0f} seconds",
            where=where,
            hint="find it (`fuser` names it) and end it, or try again",
        )
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) or "Could not decode" in said:
        return CorruptionError(
            f"the file is damaged ({said})",
            where=where,
            hint="run `kreis audit verify` to see how far it goes, then restore a backup",
        )
    if name.startswith("SQLITE_CONSTRAINT"):
        return StoreError(
            f"the row contradicts the ledger ({said})", where=where, hint="record first what it refers to"
        )
    if name.startswith(("SQLITE_FULL", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")):
        path = Path(where.removeprefix("ledger "))
        return StoreError(
            f"{said}; {disk_of(path)}", where=where, hint="free some space, or ask who owns the folder for write access"
        )
    return StoreError(said, where=where, hint="nothing was recorded; check the disk, then try again")


def _check(path: Path) -> None:
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            hint = "restore a backup: kreis ledger restore BACKUP --reason …"
            raise StoreError("is not a file", where=f"ledger {path}", hint=hint)
        with path.open("rb") as handle:
            magic = handle.read(len(_MAGIC))
    except OSError as error:
        raise StoreError(
            f"cannot be read ({error.strerror}); {disk_of(path)}",
            where=f"ledger {path}",
            hint="ask who owns the folder for access",
        ) from error
    if magic != _MAGIC:
        raise StoreError(
            "is not a SQLite database" if magic else "is an empty file",
            where=f"ledger {path}",
            hint="restore a backup; if it was never a ledger, choose another path",
        )


def is_doubtful(error: DBAPIError) -> bool:
    """Whether a commit that failed like this may have been done all the same: its bytes are written, but the disk
    did not say that it has them.
    """
    return (getattr(error.orig, "sqlite_errorname", "") or "").startswith("SQLITE_IOERR")


def lock(engine: Engine, name: str) -> Lock:
    """A lock beside the database's file."""
    return FileLock(Path(engine.url.database or "").with_name(f"{name}.lock"))


def settle(connection: Connection) -> None:
    """Bring all commits into the database and empty the log, so that the commit in doubt is done, or never will be.

    Raises:
        DBAPIError: the disk refuses still.
        sqlite3.OperationalError: somebody else is reading.
    """
    busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar()
    if busy:
        raise sqlite3.OperationalError("the log is in use")


def _connect(path: Path, only: list[str] | None = None) -> sqlite3.Connection:
    """Open in the first way that the disk and the user's rights allow; reading needs neither space nor rights."""
    refused: sqlite3.Error | None = None
    for how in only or _ways(path):
        try:
            return _open(path, how)
        except sqlite3.Error as error:
            if not _is_about_the_folder(error):
                raise
            refused = refused or error
    if only is None:
        with contextlib.suppress(OSError):
            return _open_copy(path)
    raise refused or sqlite3.OperationalError("unable to open database file")


def _ways(path: Path) -> Iterator[str]:
    folder = path.parent
    frozen = bool(os.statvfs(folder).f_flag & os.ST_RDONLY) or not os.access(folder, os.W_OK)
    if not frozen and os.access(path, os.W_OK):
        yield "mode=rw"
    if _has_log(path):
        yield "mode=ro"
    else:
        yield "mode=ro&immutable=1"  # nobody has it open: SQLite would need to make a log, were it only to read


def _has_log(path: Path) -> bool:
    log = path.with_name(f"{path.name}-wal")
    return log.exists() and log.stat().st_size > 0


def _is_about_the_folder(error: sqlite3.Error) -> bool:
    """Whether files beside the database could not be made or opened."""
    name = getattr(error, "sqlite_errorname", "") or ""
    return name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_FULL", "SQLITE_PERM", "SQLITE_IOERR"))


def _open(path: Path, how: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?{how}"
    connection = sqlite3.connect(
        uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    try:
        for pragma in ("synchronous = FULL", "fullfsync = ON", "foreign_keys = ON", "trusted_schema = OFF"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()  # opens the log, too
    except UnicodeDecodeError as error:
        # of the message in which SQLite quotes a damaged schema
        connection.close()
        raise sqlite3.DatabaseError("Could not decode the schema") from error
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _open_copy(path: Path) -> sqlite3.Connection:
    """A log that cannot be read where it lies (its index cannot be made there) is read from a copy, for reading."""
    folder = Path(tempfile.mkdtemp(prefix="kreis-"))
    try:
        for end in ("", "-wal"):
            shutil.copyfile(f"{path}{end}", folder / f"{path.name}{end}")
        _open(folder / path.name, "mode=rw").close()  # brings the log into the copy
        return _open(folder / path.name, "mode=ro&immutable=1")
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # open files stay until they are closed


def _name(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    except OSError as error:
        raise StoreError(
            f"the file system cannot name a finished file ({error.strerror})",
            where=f"ledger {path}",
            hint="keep the project on a local file system, or the ledger in PostgreSQL",
        ) from error
