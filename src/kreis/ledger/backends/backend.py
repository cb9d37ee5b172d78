"""What the ledger needs of a database besides SQL. `sqlite` and `postgres` are modules that provide it."""

from __future__ import annotations

from typing import Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from kreis.errors import StoreError
from kreis.locks import Lock

__all__ = ["Backend"]


class Backend(Protocol):
    """A database. The behaviour suite is `tests/ledger/behaviour`."""

    def begin_write(self, connection: Connection) -> None:
        """Take the write lock: one writer at a time, so that nothing read can be outdated at the transaction's end."""
        ...

    def begin_read(self, connection: Connection) -> None:
        """One snapshot for all reads; a write is refused."""
        ...

    def is_doubtful(self, error: DBAPIError) -> bool:
        """Whether a commit that failed like this may have been done all the same."""
        ...

    def settle(self, connection: Connection) -> None:
        """Wait until the commit in doubt is over, either way."""
        ...

    def explain(self, error: DBAPIError, where: str) -> StoreError:
        """Say in kreis's words what the database reported."""
        ...

    def lock(self, engine: Engine, name: str) -> Lock:
        """A lock that all processes heed which use this database."""
        ...
