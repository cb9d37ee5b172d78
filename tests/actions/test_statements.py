"""What people add to the papers is on record with who said it; the last counts."""

from __future__ import annotations

from typing import Any

import pytest

from kreis.actions.statements import asked_for, fill_card
from kreis.errors import ProjectError
from kreis.workspace import Workspace


@pytest.fixture
def workspace(evaluated: Any) -> Any:
    found = Workspace(evaluated.folder)
    yield found
    found.ledger.close()


def test_what_was_said_last_counts_and_all_of_it_is_on_record(workspace: Workspace) -> None:
    assert all(each.said is None for each in asked_for(workspace))
    fill_card(workspace, {"intended_users": "everybody"})
    fill_card(workspace, {"intended_users": " the desk\n", "orders.consent": "a contract"})
    said = {each.key: each.said.text for each in asked_for(workspace) if each.said is not None}
    assert said == {"intended_users": "the desk", "orders.consent": "a contract"}
    from kreis.ledger.audit import entries
    from kreis.ledger.documents import list_documents

    with workspace.ledger.read() as connection:
        assert len(list_documents(connection, "statement")) == 3
        assert [each.event for each in entries(connection)].count("card.filled") == 2


@pytest.mark.parametrize(("said", "why"), [({"intended_user": "x"}, "intended_users"), ({"caveats": " "}, "empty")])
def test_what_nobody_is_asked_for_is_refused(workspace: Workspace, said: dict[str, str], why: str) -> None:
    with pytest.raises(ProjectError) as refused:
        fill_card(workspace, said)
    assert why in str(refused.value)


def test_command_keeps_what_a_person_says(evaluated: Any) -> None:
    assert "Who is meant to use it?" in evaluated.kreis("card", "fill")
    said = evaluated.kreis("card", "fill", "--set", "intended_users=the desk = here", actor="bob")
    assert "on record as said by bob" in said
    (found,) = [each["said"] for each in evaluated.document("card", "fill") if each["key"] == "intended_users"]
    assert (found["text"], found["actor"]) == ("the desk = here", "bob")
    assert "is not KEY=TEXT" in evaluated.kreis("card", "fill", "--set", "intended_users", code=2)
    assert "the desk = here" in evaluated.run("report", "--json").stdout
