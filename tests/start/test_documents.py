"""`kreis init --documents`: what is written for a folder of documents, and what is refused before anything is."""

from __future__ import annotations

import ast
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docx
import pytest
from tests.generative.documents.loaders.pdf_writer import pdf
from tests.generative.documents.loaders.test_load import PICTURE

from kreis.collection.contracts.contract import Contract
from kreis.collection.sources import Window
from kreis.errors import ProjectError
from kreis.knowledge.questions import TO_BE_REPLACED, read_questions
from kreis.start.documents.begin import BegunWithDocuments, begin_with_documents
from kreis.start.page import begun_with_documents_page
from kreis.workspace import Workspace

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
LEAVE = """# Leave

Every employee has 30 days of leave a year, in any month.

## Parents

Parental leave lasts up to 36 months; write to leave@firm.example seven weeks before.

## Carried over

Leave that was not taken by March of the next year is lost.
"""
URLAUB = "# Urlaub\n\n## Antrag\n\nWer in den Urlaub will, der schreibt es sechs Wochen vor der Reise auf und fragt.\n"


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of several kinds, some of which cannot be read."""
    folder = tmp_path_factory.mktemp("firm") / "papers"
    (folder / "hr").mkdir(parents=True)
    word = docx.Document()
    word.add_heading("Travel", level=1)
    word.add_heading("Hotels", level=2)
    word.add_paragraph("A hotel may cost up to 120 euros a night with breakfast.")
    word.save(str(folder / "travel.docx"))
    (folder / "leave.md").write_text(LEAVE)
    (folder / "copy.md").write_text(LEAVE)
    (folder / "hr" / "urlaub.txt").write_text(URLAUB)
    (folder / "pay.pdf").write_bytes(pdf([(50, 700, "Salaries are paid on the 25th of each month.")]))
    (folder / "hr" / "scan.pdf").write_bytes(pdf(PICTURE))
    (folder / "logo.png").write_bytes(b"\x89PNG")
    (folder / "blank.md").write_text("\n")
    return folder


@pytest.fixture(scope="module")
def begun(papers: Path) -> BegunWithDocuments:
    return begin_with_documents(papers.parent / "helpdesk", papers, now=NOW)


@pytest.fixture(scope="module")
def project(begun: BegunWithDocuments) -> Any:
    """The project as kreis reads it."""
    return Workspace(Path(begun.folder)).load_project()


def lines_of(begun: BegunWithDocuments) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(begun.folder, "questions.jsonl").read_text().splitlines()]


def test_the_written_project_answers_from_the_folder(begun: BegunWithDocuments, project: Any) -> None:
    names = [str(Path(each).relative_to(begun.folder)) for each in begun.written]
    assert names == ["project.py", "contracts/helpdesk.yaml", "questions.jsonl", "kreis.toml", "README.md"]
    assert begun.documents == "../papers"
    assert [name for name, each in project.answerers.items() if each.baseline] == ["sentences"]
    assert list(project.answerers) == ["sentences", "passages"]
    assert list(project.knowledge_bases) == ["documents"]
    assert any("not real ones" in each for each in project.notes)


def test_what_was_found_is_said(begun: BegunWithDocuments) -> None:
    held = begun.held
    assert (held.documents, held.repeated, held.languages) == (5, 1, {"en": 4, "de": 1})
    assert held.endings == {".md": 2, ".txt": 1, ".pdf": 1, ".docx": 1}
    assert sorted(held.unreadable) == ["blank.md", "hr/scan.pdf", "logo.png"]
    assert held.personal == {"EMAIL": 2}
    page = str(begun_with_documents_page(begun))
    readme = Path(begun.folder, "README.md").read_text()
    for said in (page, readme):
        assert "run text recognition (OCR)" in said
        assert "no loader reads '.png'" in said
    assert "made from headings and are not real ones" in page


def test_questions_are_made_from_headings_and_marked(begun: BegunWithDocuments) -> None:
    lines = lines_of(begun)
    assert len(lines) == begun.questions
    assert {each["kind"] for each in lines} == {TO_BE_REPLACED}
    asked = {each["question"]: each for each in lines}
    parents = asked["What does Leave say about Parents?"]
    assert parents["passages"] == [{"document": "copy.md", "quote": LEAVE.splitlines()[6]}]
    assert asked["Was steht in Urlaub über Antrag?"]["language"] == "de"
    assert asked["What does pay say?"]["passages"] == [{"document": "pay.pdf"}]
    assert sum(not each.get("answerable", True) for each in lines) == 4
    assert not read_questions(Path(begun.folder, "questions.jsonl")).astray(
        {"copy.md": [LEAVE], "pay.pdf": ["Salaries"], "hr/urlaub.txt": [URLAUB], "travel.docx": [
            "A hotel may cost up to 120 euros a night with breakfast."]}, example="leave.md",
    )  # fmt: skip


def test_both_parts_have_questions_with_and_without_an_answer(begun: BegunWithDocuments) -> None:
    questions = read_questions(Path(begun.folder, "questions.jsonl"))
    for part in ("validation", "test"):
        assert {each.answerable for each in questions.of(part)} == {True, False}


def test_questions_come_from_all_over_a_large_folder(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    for number in range(60):
        (tmp_path / "pages" / f"p{number:02}.md").write_text(f"# Page {number}\n\nThis is what it says of {number}.\n")
    made = begin_with_documents(tmp_path / "many", tmp_path / "pages", now=NOW)
    named = [each["passages"][0]["document"] for each in lines_of(made) if "passages" in each]
    assert len(named) == len(set(named)) == 20
    assert named[-1] > "p50"


def test_the_contract_lets_pass_what_was_seen(begun: BegunWithDocuments, project: Any) -> None:
    contract = Contract.load(Path(begun.folder, "contracts", "helpdesk.yaml"))
    assert contract.plan.at_most == 0.55  # 4 of 8, and one in twenty more
    source = project.sources["documents"]
    checked = source.contract.check(source.read(Window(None, NOW)), at=NOW, known_at="known_at")
    assert sorted(checked.good["id"]) == ["copy.md", "hr/urlaub.txt", "pay.pdf", "travel.docx"]


def test_a_folder_elsewhere_is_named_in_full(tmp_path: Path, papers: Path) -> None:
    made = begin_with_documents(tmp_path / "deep" / "desk", papers, now=NOW)
    assert made.documents == papers.resolve().as_posix()
    assert f'FOLDER = Path("{made.documents}")' in Path(made.folder, "project.py").read_text()


def test_a_name_stays_a_value_whatever_it_holds(tmp_path: Path) -> None:
    folder = tmp_path / '""" + 1 {x} \\ \''
    folder.mkdir()
    (folder / "a.md").write_text("# One\n\n## Two\n\nThree words are too few, these are enough.\n")
    made = begin_with_documents(tmp_path / "odd", folder, now=NOW)
    tree = ast.parse(Path(made.folder, "project.py").read_text())
    assert folder.name in ast.unparse(tree) or repr(f"../{folder.name}") in ast.unparse(tree)
    assert Workspace(Path(made.folder)).load_project().name == "odd"


@pytest.mark.parametrize(
    ("documents", "said"),
    [
        ("nowhere", "there is no such folder"),
        ("file.md", "it is a file"),
        ("empty", "there is no file in it"),
        ("pictures", "nothing in it can be read: 0.png: no loader reads '.png'"),
    ],
)
def test_a_folder_without_documents_is_refused_and_nothing_is_written(
    tmp_path: Path, documents: str, said: str
) -> None:
    (tmp_path / "file.md").write_text("# One")
    (tmp_path / "empty").mkdir()
    (tmp_path / "pictures").mkdir()
    for number in range(4):
        (tmp_path / "pictures" / f"{number}.png").write_bytes(b"\x89PNG")
    with pytest.raises(ProjectError) as caught:
        begin_with_documents(tmp_path / "new", tmp_path / documents, now=NOW)
    assert said in str(caught.value)
    assert (documents != "pictures") or "and 1 more" in str(caught.value)
    assert not (tmp_path / "new").exists()


def test_a_project_among_its_own_documents_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# One")
    with pytest.raises(ProjectError, match="would be among the documents"):
        begin_with_documents(tmp_path / "new", tmp_path, now=NOW)


def test_a_name_that_is_taken_is_refused(tmp_path: Path, papers: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "mine.txt").write_text("mine")
    with pytest.raises(ProjectError, match="is there already"):
        begin_with_documents(tmp_path / "here", papers, now=NOW)
    assert [each.name for each in (tmp_path / "here").iterdir()] == ["mine.txt"]
