"""Which rows are a subject's documents, and which answers rest on them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.actions.test_erase import BY, everywhere

from kreis.actions.erase import Subject, erase, find
from kreis.cli.commands.erase import erase as command
from kreis.clock import SimulatedClock
from kreis.deployment.predictions.journal import Journal
from kreis.deployment.predictions.records import PredictionRecord
from kreis.deployment.predictions.shipping import ship
from kreis.errors import ProjectError
from kreis.generative.documents.document import Document
from kreis.generative.documents.table import documents_frame
from kreis.workspace import Workspace

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def page(name: str, text: str, **fields: Any) -> Document:
    return Document(id=name, text=text, known_at=NOW, **fields)


PAGES = [
    page("plans.md", "Acme opens a Zeppelin hotel.", tenant="acme"),
    page("plans.md", "Globex closes its hotel.", tenant="globex"),
    page("leave.md", "30 days of leave, says Anna."),
    page("gate.md", "The gate is kept at night.", owner="Ms KOWALCZYK"),
]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "kreis.toml").write_text("")
    found = Workspace(tmp_path, clock=SimulatedClock(NOW))
    old = documents_frame([*PAGES, page("old.md", "It was the Zeppelin.", tenant="acme")]).collect()
    found.lake.append("bronze/pages", old, step="1", **BY)
    found.lake.overwrite("bronze/pages", documents_frame(PAGES).collect(), step="2", **BY)
    found.lake.append("quarantine/pages", documents_frame(PAGES[:2]).collect(), step="1", **BY)
    return found


def ids(workspace: Workspace, table: str = "bronze/pages") -> list[tuple[str | None, str]]:
    return sorted(workspace.lake.scan(table).collect().select("tenant", "id").rows(), key=str)


def test_a_document_of_one_tenant_leaves_and_those_of_others_stay(workspace: Workspace) -> None:
    erase(workspace, Subject("id", "plans.md", True, "acme"), because="asked for it")
    assert ids(workspace) == [("globex", "plans.md"), (None, "gate.md"), (None, "leave.md")]
    assert ids(workspace, "quarantine/pages") == [("globex", "plans.md")]
    assert everywhere(workspace.state, "opens a Zeppelin") == []


def test_without_a_tenant_all_documents_of_the_id_leave(workspace: Workspace) -> None:
    done = erase(workspace, Subject("id", "plans.md", True), because="asked for it")
    assert ids(workspace) == [(None, "gate.md"), (None, "leave.md")]
    assert done.documents == ["plans.md"]
    assert done.left == []


@pytest.mark.parametrize(("value", "gone"), [("Kowalczyk", ["gate.md"]), ("zeppelin", ["old.md", "plans.md"])])
def test_documents_that_name_a_person_leave_in_every_version(workspace: Workspace, value: str, gone: list[str]) -> None:
    done = erase(workspace, Subject("employee", value), because="asked for it")
    assert done.documents == gone
    assert not any(everywhere(workspace.state, each) for each in (value, value.upper(), value.title()))


def test_a_short_value_is_not_looked_for_in_texts_and_that_is_said(workspace: Workspace) -> None:
    workspace.lake.append("bronze/staff", documents_frame([]).collect().select("id"), step="1", **BY)
    done = erase(workspace, Subject("owner", "Anna"), because="asked for it")
    assert len(ids(workspace)) == 4
    assert "not looked for in texts (kreis erase --document ID)" in done.left[-1]


def test_answers_that_could_not_be_used_leave_too(workspace: Workspace) -> None:
    journal = Journal(workspace.journal_folder, workspace.clock)
    for number, (tenant, document) in enumerate([("acme", "plans.md"), ("acme", "leave.md"), ("globex", "plans.md")]):
        places = json.dumps([{"document": document}], separators=(",", ":"))
        fields = {"answer": f"say the plans {number}", "passages": places}
        journal.append_one(PredictionRecord(
            id=f"p{number}", at=-1, release="r", model="m", keys={"tenant": tenant}, fields=fields, features=[],
            score=0.5, decision=1.0, latency_us=1,
        ))  # fmt: skip
    journal.close()
    ship(workspace.journal_folder, workspace.lake, "ann")
    assert len(workspace.lake.scan("log/quarantine").collect()) == 3
    erase(workspace, Subject("id", "plans.md", True, "acme"), because="asked for it")
    left = workspace.lake.scan("log/quarantine").collect()["record"].to_list()
    assert [each for each in range(3) if f"say the plans {each}" in str(left)] == [1, 2]
    assert everywhere(workspace.state, "say the plans 0") == []


def test_an_unknown_document_changes_nothing(workspace: Workspace) -> None:
    assert find(workspace, Subject("id", "none.md", True)) == []
    assert erase(workspace, Subject("id", "none.md", True), because="asked for it").documents == []
    assert len(ids(workspace)) == 4


def test_the_command_takes_one_of_both(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(workspace.folder)
    for options in ({}, {"entity": "a=b", "document": "plans.md"}):
        with pytest.raises(ProjectError, match="name one"):
            command(**options)
    command(document="plans.md", tenant="globex", because="asked for it")
    said = capsys.readouterr().out
    assert "erased from lake: bronze/pages (1 row)" in said
    assert ids(workspace) == [("acme", "plans.md"), (None, "gate.md"), (None, "leave.md")]
