"""Preparation says which documents the questions name that are not there."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from tests.end_to_end.handbook import write_handbook

from kreis.actions.run import run_circle
from kreis.workspace import Workspace


def test_a_question_that_names_no_document_is_warned_of(tmp_path: Path) -> None:
    write_handbook(tmp_path)
    file = tmp_path / "questions.jsonl"
    lines = file.read_text().splitlines()
    astray = {**json.loads(lines[0]), "passages": [{"document": "pages/leave", "quote": "30"}]}
    file.write_text("\n".join([json.dumps(astray), *lines[1:]]))
    workspace = Workspace(tmp_path)
    run = run_circle(workspace.load_project(), workspace, as_of=datetime(2026, 3, 1, tzinfo=UTC), until="preparation")
    (warning,) = run.verdicts["preparation"].detail["warnings"]
    assert warning.startswith("documents that questions name and that are not there: 1 (first: 'pages/leave'")
