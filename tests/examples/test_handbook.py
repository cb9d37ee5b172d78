"""The handbook's questions are true of the pages as they stand, and its contract holds for all of them."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kreis import load_folder
from kreis.clock import SimulatedClock
from kreis.collection.collecting import collect, read_bronze
from kreis.collection.contracts.contract import Contract
from kreis.digests import digest_of
from kreis.generative.documents.document import Document
from kreis.generative.documents.table import documents_frame, documents_of
from kreis.generative.prompts.prompt import prompt_of
from kreis.generative.words import words
from kreis.lake.store import Lake
from kreis.ledger.store import open_ledger

ROOT = Path(__file__).parents[2]
HANDBOOK = ROOT / "examples" / "handbook"
QUESTIONS: list[dict[str, Any]] = [
    json.loads(line) for line in (HANDBOOK / "questions.jsonl").read_text(encoding="utf-8").splitlines()
]
ANSWERABLE = [each for each in QUESTIONS if each["answerable"]]
AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def pages() -> dict[str, Document]:
    found = load_folder(ROOT / "docs", "**/*.md", known_at=AT, owner="kreis", licence="Apache-2.0", language="en")
    return {each.id: each for each in found if isinstance(each, Document)}


def said(text: str) -> str:
    """A text's words alone, as answers are compared."""
    return f" {' '.join(words(text))} "


def test_each_quote_stands_in_its_page(pages: dict[str, Document]) -> None:
    """Where it does not, the page has changed: quote it anew, or write another question."""
    missing = [
        (question["id"], passage["document"], passage["quote"])
        for question in ANSWERABLE
        for passage in question["passages"]
        if passage["document"] not in pages or passage["quote"] not in pages[passage["document"]].text
    ]
    assert missing == []


def test_each_acceptable_answer_stands_in_a_passage() -> None:
    for question in ANSWERABLE:
        assert question["answer"]
        assert question["passages"]
        for answer in question["answer"]:
            assert any(said(answer) in said(each["quote"]) for each in question["passages"]), question["id"]


def test_a_fifth_has_no_answer_and_a_third_is_german() -> None:
    assert len(QUESTIONS) >= 120
    assert len({each["id"] for each in QUESTIONS}) == len(QUESTIONS) == len({each["question"] for each in QUESTIONS})
    assert 0.18 < 1 - len(ANSWERABLE) / len(QUESTIONS) < 0.22
    assert 0.3 < sum(each["language"] == "de" for each in QUESTIONS) / len(QUESTIONS) < 0.36
    assert all("answer" not in each and "passages" not in each for each in QUESTIONS if not each["answerable"])
    kinds = Counter(each["kind"] for each in QUESTIONS)
    assert set(kinds) == {"fact", "how-to", "why", "number"}
    assert min(kinds.values()) >= 10
    assert len({passage["document"] for each in ANSWERABLE for passage in each["passages"]}) > 30


def test_two_in_five_are_to_fit_by_drawn_by_their_ids() -> None:
    for each in QUESTIONS:
        drawn = int(digest_of(each["id"].encode())[:8], 16) % 5 < 2
        assert each["part"] == ("validation" if drawn else "test"), each["id"]
    assert 0.35 < sum(each["part"] == "validation" for each in QUESTIONS) / len(QUESTIONS) < 0.45


def test_the_contract_holds_for_all_pages(pages: dict[str, Document]) -> None:
    promised = Contract.load(HANDBOOK / "contracts" / "handbook.yaml")
    result = promised.check(documents_frame(list(pages.values())), at=AT, known_at="known_at")
    assert result.quarantined.select("id", "reasons").rows() == []
    assert result.report.passed
    assert not result.report.warnings
    card = Document(id="a.md", text="Pay to GB82 WEST 1234 5698 7654 32.", known_at=AT, title="a", owner="kreis",
                    licence="Apache-2.0", language="en", source="a.md")  # fmt: skip
    (reasons,) = promised.check(documents_frame([card]), at=AT, known_at="known_at").quarantined["reasons"].to_list()
    assert reasons == ["text: holds personal data: IBAN"]


@pytest.fixture(scope="module")
def project() -> Any:
    spec = importlib.util.spec_from_file_location("handbook_project", HANDBOOK / "project.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.project


def test_the_project_is_whole(project: Any) -> None:
    project.check()
    assert [name for name, each in project.answerers.items() if each.baseline] == ["passage"]
    assert len(project.asked_questions.all) == len(QUESTIONS)
    assert not project.notes


def test_the_pages_are_collected_and_none_is_set_aside(project: Any, tmp_path: Path) -> None:
    with open_ledger(tmp_path / "ledger.db", clock=SimulatedClock(AT)) as ledger:
        lake = Lake(tmp_path / "lake", ledger)
        source = project.sources["handbook"]
        collected = collect(source, until=AT, lake=lake, actor="ada", step="1")
        assert collected.report.quarantined == 0
        assert {each.id for each in documents_of(read_bronze(lake, source, AT))} == {
            str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")
        }


def test_the_prompt_is_one_that_reads() -> None:
    assert prompt_of("answer", (HANDBOOK / "prompts" / "answer.md").read_text()).digest
