"""Indexes in PostgreSQL, as data in a package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from kreis.generative.index.reading import address_in

if TYPE_CHECKING:
    from kreis.generative.index.postgres_index import PostgresIndex

__all__ = ["PostgresIndexes"]


class PostgresIndexes(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="indexes", tag="postgres"
):
    """Indexes in a PostgreSQL database with pgvector from 0.8 on: a schema for each version.

    Example:

    >>> PostgresIndexes(env="INDEXES_URL").env
    'INDEXES_URL'
    """

    env: str
    """The variable that holds its URL: postgresql://user@host/database."""

    def publish(self, file: Path) -> None:
        """Copy an index file into a schema of its own, in one transaction. One that is there already is left as it is.

        Args:
            file: What `build_index` wrote.

        Raises:
            MissingLibraryError: psycopg is not installed.
            ProjectError: the variable is missing, or another version of kreis wrote the file.
            StoreError: the database can't be reached, or refuses.
        """
        from kreis.generative.index.postgres_index import publish

        publish(self._url(), file)

    def open(self, version: str) -> PostgresIndex:
        """The index of a version.

        Raises:
            MissingLibraryError: psycopg is not installed.
            ProjectError: the variable is missing, or another version of kreis published it.
            StoreError: the database can't be reached, or there is no such version.
        """
        from kreis.generative.index.postgres_index import PostgresIndex

        return PostgresIndex(self._url(), version)

    def withdraw(self, version: str) -> None:
        """Delete a version, with its files. One that is not there is no error.

        Raises:
            MissingLibraryError: psycopg is not installed.
            ProjectError: the variable is missing.
            StoreError: the database can't be reached, or refuses.
        """
        from kreis.generative.index.postgres_index import withdraw

        withdraw(self._url(), version)

    def _url(self) -> str:
        return address_in(self.env, "database", f"set {self.env}=postgresql://user@host/database")
