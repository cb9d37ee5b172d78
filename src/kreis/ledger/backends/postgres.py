"""The ledger in PostgreSQL. One writer at a time, by an advisory lock, so the audit chain cannot fork."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import URL, Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError

from kreis.errors import CorruptionError, StoreError
from kreis.locks import Lock

__all__ = ["BUSY_SECONDS", "begin_read", "begin_write", "explain", "is_doubtful", "lock", "open_engine", "settle"]

BUSY_SECONDS = 30.0
"""How long a writer waits for another one."""

_LOCK = 0x6B726569
"""Names the ledger's lock among the advisory locks of a database ("krei")."""
_NAMED = "hashtext(%(name)s), hashtext(current_schema())"
"""Names another lock."""


def open_engine(url: URL) -> Engine:
    """An engine for a database.

    Raises:
        StoreError: psycopg is not installed.
    """
    try:
        return create_engine(url.set(drivername="postgresql+psycopg"), pool_size=4, max_overflow=-1, pool_pre_ping=True)
    except ModuleNotFoundError as error:
        raise StoreError(
            "PostgreSQL needs a driver that is not installed",
            where=f"ledger {url.render_as_string()}",
            hint="pip install 'kreis[postgres]'",
        ) from error


def begin_write(connection: Connection) -> None:
    """Take the ledger's write lock, one for each schema of the database."""
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{BUSY_SECONDS:.0f}s'")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK}, hashtext(current_schema()))")


def begin_read(connection: Connection) -> None:
    """One snapshot for all reads; a write is refused, as it would pass the audit by."""
    connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def is_doubtful(error: DBAPIError) -> bool:
    """Whether a commit that failed like this may have been done all the same: its answer was lost on the way."""
    state = getattr(error.orig, "sqlstate", None) or ""
    return not state or state.startswith(("08", "57P"))


def settle(connection: Connection) -> None:
    """Wait until the commit in doubt is over, either way: its session holds the write lock until then."""
    begin_write(connection)


def lock(engine: Engine, name: str) -> Lock:
    """An advisory lock, one for each name and schema of the database."""
    return _AdvisoryLock(engine, name)


class _AdvisoryLock:
    """Held by a session of its own, so it is let go of where the process or its machine dies."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine, self._name = engine, name

    def take(self, *, wait: bool) -> Callable[[], None] | None:
        function, key = "pg_advisory_lock" if wait else "pg_try_advisory_lock", {"name": self._name}
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            if connection.exec_driver_sql(f"SELECT {function}({_NAMED})", key).scalar() is False:
                connection.close()
                return None
        except DBAPIError as error:
            connection.close()
            raise explain(error, f"lock {self._name!r} of the ledger") from error

        def let_go() -> None:
            try:
                connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_NAMED})", key)
            except DBAPIError:
                connection.invalidate()  # the session has ended, and with it the lock
            connection.close()

        return let_go


def explain(error: DBAPIError, where: str) -> StoreError:
    """Say in kreis's words what PostgreSQL reported."""
    state = getattr(error.orig, "sqlstate", None) or ""
    said = str(error.orig).strip()
    if state == "55P03":
        return StoreError(
            f"another process has held the write lock for {BUSY_SECONDS:.0f} seconds",
            where=where,
            hint="look for it in pg_stat_activity, or try again",
        )
    if state.startswith("23"):
        return StoreError(
            f"the row contradicts the ledger ({said})", where=where, hint="record first what it refers to"
        )
    if state.startswith("XX"):
        return CorruptionError(f"the database is damaged ({said})", where=where, hint="restore a backup")
    if not state or state.startswith(("08", "28", "3D", "57P")):
        return StoreError(
            f"the database does not answer ({said})", where=where, hint="check that it runs, the URL and the password"
        )
    return StoreError(said, where=where, hint="nothing was recorded; see the server's log")
