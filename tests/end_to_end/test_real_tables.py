"""Real tables, as a new user takes them: `kreis init --file`, at most ten edited lines, `kreis run`, an answer."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from tests.end_to_end.real_tables import DATA, TABLES, RealTable
from tests.end_to_end.test_service import serving

from kreis.collection.connectors.table import read_table
from kreis.rows.columns import as_identifiers
from kreis.workspace import Workspace

pytestmark = pytest.mark.slow
ASKED = 30


@pytest.fixture(scope="module", params=TABLES, ids=lambda table: table.name)
def walked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, new_shop: Any) -> Any:
    """A table's project, run; what the commands said."""
    table: RealTable = request.param
    if not table.path.is_file():
        pytest.skip(f"the table is not at {table.path}")
    shop = new_shop(tmp_path_factory.mktemp(table.name) / "shop")
    test = ["--test", str(DATA / table.test)] if table.test else []
    said = shop.kreis("init", table.name, "--file", str(table.path), "--predict", table.predict, *table.options, *test)
    shop.folder /= table.name
    for old, new in table.edits.items():
        shop.edit(old.replace("{test}", str(DATA / table.test)), new.replace("{test}", str(DATA / table.test)))
    return table, shop, said, shop.kreis("run")


def test_it_takes_at_most_ten_edited_lines(walked: Any) -> None:
    table, _, _, _ = walked
    assert table.lines <= 10


def test_likely_leaks_are_named(walked: Any) -> None:
    table, _, said, _ = walked
    found = said.partition("likely leaks, left out for now")[2].partition("said of the file")[0]
    assert {line.split("  ")[0] for line in found.splitlines()} >= set(table.leaks)


def test_it_ends_with_a_gate_decision_and_a_model_that_is_worth_it(walked: Any) -> None:
    table, shop, _, ran = walked
    assert "release 1: 100%" in ran
    model = shop.document("show", "model")
    gates = {each["name"]: each["outcome"] for each in model["evaluation"]["gates"]}
    assert set(gates.values()) == {"pass"}
    found = model["evaluation"]["metrics"][table.headline]["value"]
    assert table.at_most >= found >= table.at_least


def test_it_answers_as_a_service_and_as_a_file_alike_and_parity_holds(walked: Any) -> None:
    table, shop, _, _ = walked
    rows = read_table(table.path).head(ASKED).collect()
    names = as_identifiers(rows.columns)
    shop.run("predict", str(table.path), "--output", "answers.parquet")
    answers = pl.read_parquet(shop.folder / "answers.parquet").head(ASKED)
    fields = Workspace(shop.folder).load_project().request_views["row"].fields
    with serving(shop) as service:
        asked = [
            {"fields": {names[name]: _sent(value) for name, value in row.items() if names[name] in fields}}
            for row in rows.iter_rows(named=True)
        ]
        replies = service.post("/v1/predict", {"rows": asked})["predictions"]
    assert [each["score"] for each in replies] == answers["score"].to_list()
    assert [each["decision"] for each in replies] == answers["decision"].to_list()
    shop.run("watch", "--once")
    found = shop.document("parity")
    assert (found["ok"], found["rows"], found["differences"]) == (True, ASKED, 0)


def _sent(value: Any) -> Any:
    """As JSON has it."""
    return value.isoformat() if hasattr(value, "isoformat") else value
