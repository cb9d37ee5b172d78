"""A project whose index is searched in PostgreSQL: published in preparation, named in the package, asked by all."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from tests.end_to_end.handbook import write_handbook
from tests.generative.index.conftest import POSTGRES, postgres_server

from kreis.actions.run import run_circle
from kreis.clock import SimulatedClock
from kreis.generative.index.index import Access, Query
from kreis.generative.index.postgres import PostgresIndexes
from kreis.ledger import models
from kreis.workspace import Workspace

__all__ = ["postgres_server"]


@pytest.mark.slow
def test_an_index_is_published_and_its_version_is_what_the_package_asks(postgres_server: str, tmp_path: Path) -> None:
    from tests.end_to_end.test_answers import START

    folder = tmp_path / "handbook"
    write_handbook(folder)
    file = folder / "project.py"
    said = f'knowledge_base("handbook", store=PostgresIndexes(env="{POSTGRES}"),'
    text = file.read_text().replace('knowledge_base("handbook",', said)
    assert "PostgresIndexes" in text
    file.write_text(text.replace("from kreis import", "from kreis import PostgresIndexes\nfrom kreis import", 1))
    workspace = Workspace(folder, clock=SimulatedClock(START))
    done = run_circle(workspace.load_project(), workspace, as_of=START)
    assert done.status == "advanced", done
    with workspace.ledger.read() as connection:
        (model,) = models.list_models(connection, "handbook")
    pipeline = workspace.open_model(model.digest).form
    workspace.ledger.close()
    assert pipeline.store == PostgresIndexes(env=POSTGRES)
    index = pipeline.store.open(pipeline.index_version)
    assert index.lexical(Query(text="parental leave", access=Access()))[0].document.startswith("leave")
    index.close()
    with psycopg.connect(postgres_server) as connection:
        published = connection.execute(
            "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'kreis_index_%'"
        ).fetchone()
    assert published == (1,)
