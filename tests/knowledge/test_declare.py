"""What a project that answers questions declares: checked at the user's line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from kreis import (
    AnswerValue,
    BestPassage,
    ByStructure,
    DecisionValue,
    Dense,
    Document,
    Goal,
    Hybrid,
    LlamaCpp,
    LocalEmbedding,
    Mean,
    Project,
    Rag,
    Window,
)
from kreis.collection.connectors.files import notes
from kreis.collection.sources import Source
from kreis.errors import ProjectError
from kreis.generative.documents.document import Unreadable
from kreis.generative.documents.loaders.load import load_document, load_folder
from kreis.generative.documents.table import COLUMNS
from kreis.knowledge.candidates import KnowledgeBase

VALUE = AnswerValue("EUR per 1,000 questions", right=4.0, wrong=-12.0, passed_on=-1.5)
KNOWN = datetime(2026, 1, 1, tzinfo=UTC)


CONTRACT = """
apiVersion: v3.2.0
kind: DataContract
id: pages
version: 1.0.0
schema:
  - name: pages
    properties:
      - {name: id, logicalType: string, primaryKey: true}
      - {name: text, logicalType: string, required: true}
      - {name: known_at, logicalType: timestamp, required: true}
      - {name: language, logicalType: string, required: true}
"""


def pages(window: Window) -> Iterator[Document]:
    yield Document(id="a.md", text="# A\n\nOne.", known_at=KNOWN)
    yield Document(id="b.md", text="# B\n\nTwo.", known_at=KNOWN + timedelta(days=5), groups=("hr",))


class Answer(msgspec.Struct):
    text: str
    cites: list[int] = []


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project("handbook", goal=Goal(question="What?", decision="Answer.", metric=VALUE))
    made._folder = tmp_path
    lines = [{"id": f"q{number}", "question": "Why?", "answer": ["one"]} for number in range(20)]
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / "answer.md").write_text("Answer from the passages.")
    return made


def declared(project: Project) -> tuple[Source, KnowledgeBase]:
    source = project.documents()(pages)
    return source, project.knowledge_base("handbook", documents=source)


def complete(project: Project) -> KnowledgeBase:
    _, base = declared(project)
    project.questions("questions.jsonl", feedback_within="3h")
    project.candidate("passage", BestPassage(base), baseline=True)
    return base


def test_a_project_with_documents_and_questions_needs_no_spine_and_no_views(project: Project) -> None:
    complete(project)
    project.check()
    assert project.horizon == timedelta(hours=3)
    assert dict(project.contenders) == {"passage": (0, True)}
    assert not project.candidates


def test_documents_are_rows_of_a_source_whatever_the_window(project: Project) -> None:
    source, _ = declared(project)
    everything = source.rows(Window(None, KNOWN + timedelta(days=9))).collect()
    assert everything["id"].to_list() == ["a.md", "b.md"]
    assert everything["groups"].to_list() == [[], ["hr"]]
    assert source.rows(Window(KNOWN, KNOWN + timedelta(days=9))).collect()["id"].to_list() == ["b.md"]


def test_a_contract_is_completed_by_what_it_does_not_name(project: Project) -> None:
    (project.folder / "pages.yaml").write_text(CONTRACT)
    source = project.documents(contract="pages.yaml")(pages)
    columns = {column.name: column for column in source.contract.plan.columns}
    assert set(columns) == set(COLUMNS)
    assert columns["language"].required
    assert source.contract.primary_key == ("id",)


def test_documents_that_changed_are_told_by_a_probe_that_reads_them(project: Project) -> None:
    texts = ["# A"]

    def notes(window: Window) -> Iterator[Document]:
        yield Document(id="a", text=texts[0], known_at=KNOWN)

    source = project.documents()(notes)
    assert source.version is not None
    before = source.version()
    assert source.version() == before
    texts[0] = "# B"
    assert source.version() != before


def test_documents_are_read_once_to_see_whether_they_changed_and_to_collect_them(project: Project) -> None:
    reads = []

    def notes(window: Window) -> Iterator[Document | Unreadable]:
        reads.append(window)
        yield Document(id="a", text="# A", known_at=KNOWN, groups=("hr",))
        yield Unreadable(id="scan.pdf", reason="it holds no text", known_at=KNOWN, source="scan.pdf")

    source = project.documents()(notes)
    every = Window(None, KNOWN + timedelta(days=9))
    plain = source.rows(every).collect()
    assert source.version is not None
    for looks in (1, 2):
        with source.once():
            source.version()
            assert source.rows(every).collect().equals(plain)
            assert source.rows(Window(KNOWN, every.until)).collect().height == 0
        assert len(reads) == 1 + looks
    assert source.rows(every).collect().equals(plain)
    assert len(reads) == 4, "afterwards they are read again"
    with source.once():
        assert source.rows(every).collect().equals(plain)
    assert len(reads) == 5


def test_paths_of_documents_begin_in_the_projects_folder(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the command is called; and the source is told as it is written, without the folder."""
    (project.folder / "pages").mkdir()
    (project.folder / "pages" / "leave.md").write_text("# Leave")
    (project.folder / "faq.md").write_text("# FAQ")
    monkeypatch.chdir("/")

    def notes(window: Window) -> Iterator[Document | Unreadable]:
        yield from load_folder("pages", known_at=KNOWN)
        yield load_document("faq.md", known_at=KNOWN)

    source = project.documents()(notes)
    rows = source.rows(Window(None, KNOWN + timedelta(days=9))).collect()
    assert rows["id"].to_list() == ["leave.md", "faq.md"]
    assert rows["source"].to_list() == ["pages/leave.md", "faq.md"]
    with pytest.raises(ProjectError, match="it cannot be opened"):
        load_document("faq.md", known_at=KNOWN)


def test_documents_with_groups_are_refused_where_everyone_may_read(project: Project) -> None:
    source = project.documents(access="everyone")(pages)
    with pytest.raises(ProjectError, match=r"'b\.md' is for the groups hr, and access is 'everyone'"):
        source.rows(Window(None, KNOWN + timedelta(days=9))).collect()


def test_a_file_that_cannot_be_read_is_told_of_though_polars_reads_in_another_thread(project: Project) -> None:
    def scans(window: Window) -> Iterator[Document | Unreadable]:
        yield Unreadable(id="scan.pdf", reason="page 1 holds no text", known_at=KNOWN, source="scan.pdf")

    source = project.documents()(scans)
    with notes() as noted:
        source.rows(Window(None, KNOWN + timedelta(days=9))).collect()
    assert list(noted) == ["scan.pdf could not be read and was set aside: page 1 holds no text"]


def test_a_function_that_gives_nothing_is_named_with_its_line(project: Project) -> None:
    def nothing(window: Window) -> Iterator[Document]:
        return None  # type: ignore[return-value]

    source = project.documents()(nothing)
    assert source.version is not None
    with pytest.raises(ProjectError, match="it gave a NoneType, and no documents") as caught:
        source.version()
    assert "test_declare.py:" in str(caught.value.where)


def test_a_prompt_is_a_file_at_a_version_with_the_schema_of_its_output(project: Project) -> None:
    made = project.prompt("answer", file="answer.md", output=Answer)
    assert made.schema is not None
    assert "cites" in json.dumps(made.schema)
    (project.folder / "answer.md").write_text("Answer briefly.")
    assert project.prompt("short", file="answer.md", output=Answer).digest != made.digest


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        (lambda p: p.documents(access="all")(pages), "unknown value of access 'all'"),
        (lambda p: p.documents(contract="none.yaml")(pages), "there is no contract at none.yaml"),
        (lambda p: p.knowledge_base("k", documents="pagse"), "unknown documents source 'pagse'"),
        (lambda p: p.knowledge_base("k", documents="pages", search=Dense()), "no embedding is named"),
        (lambda p: p.prompt("p", file="none.md"), "there is no prompt at none.md"),
        (lambda p: p.prompt("p", file="answer.md", output=object), "has no JSON Schema"),
        (lambda p: p.questions("none.jsonl"), "no such file"),
        (lambda p: p.questions("questions.jsonl", feedback_within="soon"), "soon"),
        (lambda p: p.candidate("mean", Mean(), baseline=True), "a Mean is no candidate for answering"),
    ],
)
def test_a_mistake_is_refused_at_the_users_line(project: Project, declare, said: str) -> None:  # type: ignore[no-untyped-def]
    declared(project)
    with pytest.raises(ProjectError, match=said) as caught:
        declare(project)
    assert str(Path(__file__)) in (caught.value.where or "")


@pytest.mark.parametrize(
    ("candidate", "said"),
    [
        (lambda kb: BestPassage(kb, search=Hybrid()), "searches by vectors, and knowledge base 'handbook' has none"),
        (lambda kb: BestPassage(kb, passages=0), "passages is 0"),
        (lambda kb: Rag(kb, prompt="answer", model=LlamaCpp("smollm2-135m"), judged_on=0), "judged_on is 0"),
        (lambda kb: BestPassage("handbook"), "a str is no knowledge base"),
    ],
)
def test_a_candidate_that_cannot_answer_is_refused(project: Project, candidate, said: str) -> None:  # type: ignore[no-untyped-def]
    _, base = declared(project)
    with pytest.raises(ProjectError, match=said):
        candidate(base)


def test_options_of_rows_are_refused_of_an_answerer(project: Project) -> None:
    _, base = declared(project)
    with pytest.raises(ProjectError, match="features= is for candidates that are fitted to rows"):
        project.candidate("passage", BestPassage(base), features=["a"])


def test_an_answerer_is_no_candidate_of_a_project_about_rows(project: Project) -> None:
    _, base = declared(project)
    metric = DecisionValue("EUR", true_positive=1.0, false_positive=-1.0)
    rows = Project("rows", goal=Goal(question="Will it?", decision="Act.", metric=metric))
    with pytest.raises(ProjectError, match="a BestPassage is no candidate for binary classification"):
        rows.candidate("passage", BestPassage(base))


def test_what_is_missing_is_said_when_all_is_declared(project: Project) -> None:
    with pytest.raises(ProjectError, match="no source is declared"):
        project.check()
    _, base = declared(project)
    with pytest.raises(ProjectError, match="no questions are declared"):
        project.check()
    project.questions("questions.jsonl")
    with pytest.raises(ProjectError, match="no candidate is a baseline") as caught:
        project.check()
    assert "BestPassage(kb)" in (caught.value.hint or "")
    project.candidate("passage", BestPassage(base), baseline=True)
    project.candidate("rag", Rag(base, prompt="answr", model=LlamaCpp("smollm2-135m")))
    with pytest.raises(ProjectError, match="unknown prompt 'answr'"):
        project.check()


def test_a_fallback_is_one_of_the_answerers(project: Project) -> None:
    from kreis import Canary

    complete(project)
    project.release(Canary(), fallback="pasage")
    with pytest.raises(ProjectError, match="unknown candidate 'pasage'"):
        project.check()


def test_a_table_is_refused_where_the_goal_asks_for_answers(project: Project) -> None:
    complete(project)
    project.table(layer="silver")(lambda pages: pages)
    with pytest.raises(ProjectError, match="the goal asks for answers, and a table is declared"):
        project.check()


def test_only_what_is_said_otherwise_counts_as_a_parameter(project: Project) -> None:
    source, base = declared(project)
    project.prompt("answer", file="answer.md")
    embedded = project.knowledge_base(
        "e5", documents=source, chunks=ByStructure(words=90), embedding=LocalEmbedding("multilingual-e5-small-int4")
    )
    project.candidate("passage", BestPassage(base), baseline=True)
    project.candidate("rag", Rag(embedded, prompt="answer", model=LlamaCpp("smollm2-135m"), search=Hybrid(lexical=0.4)))
    plain, rag = (project.answerers[name].parameters(project.prompts) for name in ("passage", "rag"))
    assert plain == {
        "kind": "BestPassage",
        "index": base.parameters(),
        "knowledge_base": "handbook",
        "search": {"search": "lexical"},
        "passages": 5,
    }
    assert rag["model"]["name"] == "smollm2-135m"
    assert rag["search"]["lexical"] == 0.4
    assert rag["prompt"]["text"] == "Answer from the passages."
