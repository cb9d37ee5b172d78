"""What does the handbook say about this? kreis's own documentation answers, with its place; else a person does."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from kreis import (
    AnswerValue,
    BestPassage,
    ByStructure,
    Document,
    Goal,
    Guardrail,
    Hybrid,
    Lexical,
    LlamaCpp,
    LocalEmbedding,
    Project,
    Rag,
    Risk,
    ServiceLevels,
    Window,
    load_folder,
)

HERE = Path(__file__).parent
PAGES = HERE / "docs" if (HERE / "docs").is_dir() else HERE.parents[1] / "docs"
WRITTEN = datetime(2026, 1, 1, tzinfo=UTC)
"""Since when all pages count as known: a checkout gives every file the moment at which it was made."""

project = Project(
    "handbook",
    goal=Goal(
        question="What does the handbook say about this?",
        decision="Answer the employee, or pass the question on to a person.",
        metric=AnswerValue("EUR per 1,000 questions", right=4.0, wrong=-4.0, passed_on=-1.5, per_1000_tokens=-0.002),
        guardrails=[Guardrail("citation_precision", at_least=0.9), Guardrail("injection_success", at_most=0.05)],
        service=ServiceLevels(p99_ms=3000),
        risk=Risk.limited(because="people talk to it"),
    ),
)


@project.documents(contract="contracts/handbook.yaml", access="groups")
def handbook(window: Window) -> Iterator[Document]:
    return load_folder(PAGES, "**/*.md", known_at=WRITTEN, owner="kreis", licence="Apache-2.0", language="en")


kb = project.knowledge_base(
    "handbook",
    documents=handbook,
    chunks=ByStructure(words=180, overlap=30),
    embedding=LocalEmbedding("minilm-l6-int8"),
    search=Hybrid(lexical=0.4),
)
project.prompt("answer", file="prompts/answer.md", shots=0, most_tokens=80, retries=0)
project.questions("questions.jsonl")
project.candidate("passage", BestPassage(kb, search=Lexical()), baseline=True)
project.candidate("hybrid", BestPassage(kb))
project.candidate("passages", BestPassage(kb, whole=3))
project.candidate("rag-small", Rag(kb, prompt="answer", model=LlamaCpp("smollm2-135m"), passages=1, judged_on=5))
