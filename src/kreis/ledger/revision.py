"""Which revision of the schema a database holds, and the way up from it. Alembic is imported only to walk."""

from __future__ import annotations

from sqlalchemy import Connection, inspect, text

from kreis.errors import StoreError
from kreis.ledger.schema import HEAD, REVISIONS

__all__ = ["HEAD", "current", "refuse_unknown", "upgrade"]


def current(connection: Connection) -> str | None:
    """The database's revision, or None where kreis has never been."""
    if connection.dialect.name == "sqlite":
        there = text("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'")
    else:
        there = text("SELECT 1 FROM pg_tables WHERE tablename = 'alembic_version' AND schemaname = current_schema()")
    if connection.execute(there).first() is None:
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision


def refuse_unknown(found: str, *, where: str) -> None:
    """Refuse a schema that this kreis does not know.

    Raises:
        StoreError: it does not.
    """
    if found not in REVISIONS:
        raise StoreError(
            f"was written by a newer kreis (schema {found!r}; this one knows {HEAD!r})",
            where=where,
            hint="pip install --upgrade kreis",
        )


def upgrade(connection: Connection, *, where: str, to: str = HEAD) -> None:
    """Bring the schema to `to` inside the caller's write transaction.

    Raises:
        StoreError: its revision is unknown to this kreis, or the database holds something else.
    """
    from alembic import command
    from alembic.config import Config

    found = current(connection)
    config = Config()
    config.set_main_option("script_location", "kreis.ledger:migrations")
    if found is None and (others := inspect(connection).get_table_names()):
        raise StoreError(
            f"the database holds something else (tables {', '.join(sorted(others)[:4])})",
            where=where,
            hint="give the ledger a database or a schema of its own",
        )
    if found is not None:
        refuse_unknown(found, where=where)
    config.attributes["connection"] = connection
    command.upgrade(config, to)
