"""ReviewPlace: items that show a document or name a person leave the lake, all its versions, and the desk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kreis.actions.forgetting.reviews import ReviewPlace
from kreis.actions.forgetting.subject import Subject
from kreis.places import files_holding
from kreis.reviews.desk import Desk
from kreis.reviews.items import Item, Label
from kreis.workspace import Workspace


def cited(document: str, quote: str) -> dict[str, Any]:
    return {"question": "What?", "citations": [{"document": document, "quote": quote}]}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "kreis.toml").write_text("")
    made = Workspace(tmp_path)
    queue = made.reviews.make("answers", ["right", "wrong"], 2)
    queue.put(
        [
            Item(item="a0", shown=cited("leave.md", "Thirty quiet days.")),
            Item(item="a1", shown=cited("travel.md", "Trains in second class.")),
            Item(item="a2", shown={"answer": "Ask Kowalczyk at the porter's."}),
        ]
    )
    queue.take("Bo", [Label(item="a0", label="right", comment="it is so"), Label(item="a1", label="wrong")])
    desk = Desk(made.reviews_file)
    desk.take("answers", "Cy", [Label(item="a0", label="right"), Label(item="a2", label="wrong")], 7)
    desk.take("answers", "Cy", [Label(item="a1", label="right", comment="Kowalczyk says so")], 8)
    return made


def said(workspace: Workspace) -> dict[str, list[tuple[str, str, str]]]:
    queue = workspace.reviews.get("answers")
    return {name: sorted(queue.said_of(name)) for name in ("a0", "a1", "a2")}


def test_a_document_goes_with_what_was_said_of_it(workspace: Workspace) -> None:
    subject, place = Subject("id", "leave.md", document=True), ReviewPlace(workspace)
    assert [(each.where, each.rows) for each in place.find(subject)] == [("queue answers", 1)]
    place.erase(subject, "a document was erased")
    assert place.find(subject) == []
    assert said(workspace)["a0"] == []
    assert len(said(workspace)["a1"]) == 2
    assert files_holding(workspace.state, "Thirty quiet days.") == []
    assert files_holding(workspace.state, "it is so") == []
    assert workspace.reviews.get("answers").state().items == 2


def test_a_person_goes_from_items_and_comments(workspace: Workspace) -> None:
    subject, place = Subject("employee", "Kowalczyk"), ReviewPlace(workspace)
    place.erase(subject, "somebody was erased")
    assert files_holding(workspace.state, "Kowalczyk") == []
    assert said(workspace) == {
        "a0": [("Bo", "right", "it is so"), ("Cy", "right", "")],
        "a1": [("Bo", "wrong", "")],
        "a2": [],
    }


def test_labels_of_a_reviewer_go_and_do_not_come_back(workspace: Workspace) -> None:
    ReviewPlace(workspace).erase(Subject("by", "Cy"), "a reviewer was erased")
    workspace.reviews.get("answers").publish()
    assert workspace.reviews.get("answers").state().reviewers == {"Bo": 2}


def test_without_a_queue_there_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "kreis.toml").write_text("")
    assert ReviewPlace(Workspace(tmp_path)).find(Subject("id", "leave.md", document=True)) == []
