"""People are a step of the evaluation: a run puts answers into a queue, waits, and goes on with the labels alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.end_to_end.test_answers import Handbook

from kreis.reviews.desk import Desk
from kreis.reviews.items import Label
from kreis.ways.generative import evaluation


def declare(handbook: Handbook, at_least: float = 0.4) -> None:
    path = handbook.folder / "project.py"
    asked = f'project.examine(Panel("answers", answers=6))\nproject.gates(Gate("panel_correct", at_least={at_least}))\n'
    path.write_text(path.read_text().replace("import (", "import (\n    Gate,\n    Panel,", 1) + "\n" + asked)


def label(handbook: Handbook, who: str, said: str = "right", count: int = 99) -> list[str]:
    """Label what waits, as the service would take it."""
    desk = Desk(handbook.workspace.reviews_file)
    items = desk.next("answers", who, count)[1]
    desk.take("answers", who, [Label(item=each.item, label=said) for each in items], 1)
    return [each.item for each in items]


@pytest.fixture
def handbook(tmp_path: Path) -> Any:
    made = Handbook(tmp_path / "handbook")
    declare(made)
    yield made
    made.workspace.ledger.close()


def test_a_run_waits_for_people_and_goes_on_without_asking_anew(
    handbook: Handbook, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = handbook.run()
    assert first.status == "held", first
    assert "0 of 6 answers are reviewed; kreis reviews next answers" in first.reason
    assert handbook.models == []

    def asks(*given: Any, **more: Any) -> Any:
        raise AssertionError("a question is asked anew")

    monkeypatch.setattr(evaluation, "ask", asks)
    assert len(label(handbook, "Bo")) == 6
    label(handbook, "Cy", count=2)
    assert "2 of 6 answers are reviewed" in handbook.run().reason
    (disputed, *_) = label(handbook, "Cy", "wrong", count=1)
    label(handbook, "Cy")
    waits = handbook.run()
    assert f"people differ on 1 answer ({disputed})" in waits.reason
    handbook.workspace.reviews.get("answers").settle(Label(item=disputed, label="right"), by="Di")
    done = handbook.run()
    assert done.status == "advanced", done.reason
    assert len(handbook.models) == 1
    assert "3 gates passed" in done.verdicts["evaluation"].summary
    again = handbook.run()
    assert again.status == "advanced"
    assert len(handbook.models) == 1


def test_reviewers_see_the_question_the_answer_and_its_places_alone(handbook: Handbook) -> None:
    handbook.run()
    _, items = Desk(handbook.workspace.reviews_file).next("answers", "Bo", 1)
    assert items[0].shown.keys() == {"question", "answer", "citations"}
    assert items[0].shown["citations"][0].keys() <= {"number", "document", "title", "page", "quote"}


def test_a_candidate_that_lacks_more_than_labels_is_sent_back(handbook: Handbook) -> None:
    handbook.edit("at_least=0.4)],", 'at_least=0.4), Guardrail("abstention", at_most=0.01)],')
    done = handbook.run()
    assert done.status == "sent_back", done
    assert "abstention" in done.reason
    assert "0 of 6 answers are reviewed" in done.reason


def test_answers_that_people_call_wrong_stop_the_candidate(handbook: Handbook) -> None:
    handbook.run()
    for who in ("Bo", "Cy"):
        label(handbook, who, "wrong")
    done = handbook.run()
    assert done.status != "advanced"
    assert "panel_correct is 0 " in done.verdicts["evaluation"].reason
    assert handbook.models == []


def test_another_candidates_answers_are_other_items(handbook: Handbook) -> None:
    handbook.run()
    queue = handbook.workspace.reviews.get("answers")
    assert queue.state().items == 6
    handbook.edit("BestPassage(kb)", "BestPassage(kb, whole=1)")
    assert "0 of 6 answers are reviewed" in handbook.run().reason
    assert queue.state().items == 12
