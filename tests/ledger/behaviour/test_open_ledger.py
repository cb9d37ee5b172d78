"""Opening: what is there is used, what is missing is made, what cannot be used says why."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, make_url, text

from kreis.clock import SimulatedClock
from kreis.errors import StoreError
from kreis.ledger import schema
from kreis.ledger.store import open_ledger

OPEN_AGAIN = """
import sys
from kreis.clock import SystemClock
from kreis.ledger import alerts, audit, documents, models, releases, runs, steps, tables
from kreis.ledger.store import open_ledger
with open_ledger(sys.argv[1], clock=SystemClock()) as ledger, ledger.read() as connection:
    assert audit.verify(connection).ok
heavy = {"alembic", "mako", "polars", "deltalake", "numpy", "sklearn", "pandas", "pyarrow"} & set(sys.modules)
assert not heavy, heavy
"""


def engine_of(place: str):
    url = make_url(place).set(drivername="postgresql+psycopg") if "://" in place else f"sqlite:///{place}"
    return create_engine(url)


def test_missing_ledger_is_not_created_unless_asked(place: str, clock: SimulatedClock) -> None:
    with pytest.raises(StoreError, match=r"does not exist|holds no ledger"):
        open_ledger(place, clock=clock, create=False)


def test_created_schema_is_that_of_the_metadata(place: str, clock: SimulatedClock) -> None:
    """What the migrations build and what the code declares are one."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    open_ledger(place, clock=clock).close()
    engine = engine_of(place)
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, schema.metadata) == []
        found = inspect(connection)
        for table in schema.metadata.sorted_tables:
            columns = {column["name"]: column["nullable"] for column in found.get_columns(table.name)}
            assert columns == {column.name: column.nullable for column in table.columns}
            assert found.get_pk_constraint(table.name)["constrained_columns"] == [key.name for key in table.primary_key]
    engine.dispose()


def test_created_sqlite_tables_read_as_the_metadata_says(tmp_path: Path, clock: SimulatedClock) -> None:
    """To the letter: constraints, their names, and STRICT."""
    open_ledger(tmp_path / "migrated.db", clock=clock).close()
    declared = create_engine(f"sqlite:///{tmp_path / 'declared.db'}")
    schema.metadata.create_all(declared)
    declared.dispose()
    said = []
    for name in ("migrated", "declared"):
        engine = create_engine(f"sqlite:///{tmp_path / name}.db")
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE name != 'alembic_version'"))
            said.append({name: _normal(sql) for name, sql in rows if "alembic" not in name})
        engine.dispose()
    assert said[0] == said[1]


def _normal(sql: str | None) -> set[str]:
    """Its parts in any order: a column that was added later stands last."""
    return {part.strip() for part in re.split(r",(?![^()]*\))|\n|\)(?= STRICT)", sql or "")} - {""}


def test_the_code_knows_the_revisions_there_are() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "kreis.ledger:migrations")
    found = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(found)) == schema.REVISIONS


def test_opening_again_imports_no_migrations(place: str, clock: SimulatedClock) -> None:
    open_ledger(place, clock=clock).close()
    subprocess.run([sys.executable, "-c", OPEN_AGAIN, place], check=True)


def test_ledger_of_a_newer_kreis_is_refused(place: str, clock: SimulatedClock) -> None:
    open_ledger(place, clock=clock).close()
    engine = engine_of(place)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(StoreError, match="newer kreis") as caught:
        open_ledger(place, clock=clock)
    assert caught.value.hint == "pip install --upgrade kreis"


def test_database_of_something_else_is_refused_and_left_alone(place: str, clock: SimulatedClock) -> None:
    engine = engine_of(place)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE customers (id INTEGER)"))
    with pytest.raises(StoreError, match=r"holds no ledger|something else"):
        open_ledger(place, clock=clock)
    assert inspect(engine).get_table_names() == ["customers"]
    engine.dispose()


@pytest.mark.parametrize("contents", [b"", b"hello", b"\x00" * 4096])
def test_file_that_is_no_database_is_refused(tmp_path: Path, clock: SimulatedClock, contents: bytes) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(contents)
    with pytest.raises(StoreError, match=r"not a SQLite database|empty file"):
        open_ledger(path, clock=clock)
    assert path.read_bytes() == contents


def test_folder_in_the_place_of_a_ledger_is_refused(tmp_path: Path, clock: SimulatedClock) -> None:
    with pytest.raises(StoreError, match="cannot be read"):
        open_ledger(tmp_path, clock=clock)


def test_folder_that_cannot_be_made_is_said(tmp_path: Path, clock: SimulatedClock) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be created"):
        open_ledger(tmp_path / "file" / "ledger.db", clock=clock)


@pytest.mark.parametrize("url", ["mysql://host/db", "sqlite://", "http:// nonsense"])
def test_place_of_an_unknown_kind_is_refused(url: str, clock: SimulatedClock) -> None:
    with pytest.raises(StoreError, match=r"cannot be kept|not a database URL"):
        open_ledger(url, clock=clock)


def test_sqlite_url_is_a_path(tmp_path: Path, clock: SimulatedClock) -> None:
    open_ledger(f"sqlite:///{tmp_path}/ledger.db", clock=clock).close()
    open_ledger(tmp_path / "ledger.db", clock=clock, create=False).close()


def test_relative_path_is_opened(tmp_path: Path, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    open_ledger("a b%20?#/ledger.db", clock=clock).close()
    assert (tmp_path / "a b%20?#" / "ledger.db").exists()


def test_server_that_does_not_answer_is_said_without_the_password(tmp_path: Path, clock: SimulatedClock) -> None:
    with pytest.raises(StoreError, match="does not answer") as caught:
        open_ledger(f"postgresql://anna:secret@/kreis?host={tmp_path}", clock=clock)
    assert "secret" not in str(caught.value)


def test_missing_driver_says_which_extra(clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match="driver") as caught:
        open_ledger("postgresql://anna:secret@localhost/kreis", clock=clock)
    assert caught.value.hint == "pip install 'kreis[postgres]'"
    assert "secret" not in str(caught.value)
