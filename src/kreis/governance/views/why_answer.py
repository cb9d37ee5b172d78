"""What an answer rested on: passages with their place in a version of a document, prompt, index, language model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import polars as pl

from kreis.errors import ProjectError, StoreError
from kreis.generative.documents.table import documents_of
from kreis.generative.pipeline import Pipeline
from kreis.ledger.records import Step
from kreis.ways.results import INDEX, BuiltKnowledge, CollectedSource
from kreis.workspace import Workspace

__all__ = ["WhyAnswer", "WhyPassage", "answer_of"]


class WhyPassage(msgspec.Struct, frozen=True, kw_only=True):
    """A passage that the answerer looked at, and the row of the document that it is a part of."""

    number: int
    """As in the answer's marks: [1]."""
    document: str
    version: str
    """Digest of the document's text."""
    start: int
    end: int
    """In the document's text."""
    score: float
    cited: bool
    text: str | None = None
    """As it stood in that version; None where that is forgotten or gone."""
    table: str = ""
    """Where the document lies, and the table's version in the model's run."""
    known_at: datetime | None = None
    """Since when that version was known."""
    title: str = ""
    owner: str = ""
    source: str = ""


class WhyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked and answered in words, and all that it rested on. Personal data are masked."""

    question: str
    answer: str
    given: bool
    """Whether it was given, or the question passed on to a person."""
    outcome: str
    """"answered", "abstained", "refused" or "failed"."""
    why: str
    """Why it was not answered, or by a fallback."""
    passages: list[WhyPassage]
    citations: list[dict[str, Any]]
    verdicts: list[dict[str, Any]]
    """What guards found."""
    knowledge_base: str
    index: str
    """Its version."""
    index_file: str
    """Its digest among the artifacts."""
    documents: int | None = None
    """In the index."""
    search: dict[str, Any]
    prompt: str
    """Its digest; empty where no model was asked."""
    prompt_name: str = ""
    prompt_text: str = ""
    language_model: str
    tools: str = ""
    cached: bool = False
    fallback: str = ""
    """Which fallback answered: "passages" or "model"; empty where none did."""
    wordings: list[str] = []
    """Other wordings of the question that were searched, too."""
    not_reworded: str = ""
    """Why there are none, where there should have been some."""


def answer_of(workspace: Workspace, record: Mapping[str, Any], pipeline: Pipeline, made: Sequence[Step]) -> WhyAnswer:
    """What an answer on record rested on.

    Args:
        workspace: Where the documents lie.
        record: The logged answer.
        pipeline: What answered.
        made: The steps of the run that made it.
    """
    fields: Mapping[str, Any] = record["fields"] or {}
    citations = _listed(fields.get("citations"))
    built = next((each for each in made if each.name == f"{INDEX}{pipeline.knowledge_base}"), None)
    index = None if built is None else BuiltKnowledge.from_document(built.outputs)
    prompt = pipeline.prompt
    return WhyAnswer(
        question=str(fields.get("question", "")),
        answer=str(fields.get("answer", "")),
        given=record["decision"] > 0,
        outcome=str(fields.get("outcome", "")),
        why=str(fields.get("why", "")),
        passages=_passages(workspace, _listed(fields.get("passages")), citations, built, made),
        citations=citations,
        verdicts=_listed(fields.get("verdicts")),
        knowledge_base=pipeline.knowledge_base,
        index=str(fields.get("index", "")) or pipeline.index_version,
        index_file=pipeline.index.sha256,
        documents=None if index is None else index.documents,
        search=msgspec.to_builtins(pipeline.search),
        prompt=str(fields.get("prompt", "")),
        prompt_name="" if prompt is None else prompt.name,
        prompt_text="" if prompt is None else prompt.text,
        language_model=str(fields.get("language_model", "")),
        tools=str(fields.get("tools", "")),
        cached=bool(fields.get("cached")),
        fallback=str(fields.get("fallback", "")),
        wordings=msgspec.json.decode(fields["wordings"]) if fields.get("wordings") else [],
        not_reworded=str(fields.get("not_reworded", "")),
    )


def _listed(text: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = msgspec.json.decode(text) if text else []
    return found


def _passages(
    workspace: Workspace,
    passages: Sequence[Mapping[str, Any]],
    citations: Sequence[Mapping[str, Any]],
    built: Step | None,
    made: Sequence[Step],
) -> list[WhyPassage]:
    """With the rows of their documents, where these are still there."""
    rows = {} if built is None else _rows(workspace, built, made, {str(each["document"]) for each in passages})
    found = []
    for number, each in enumerate(passages, start=1):
        known = rows.get((each["document"], each["version"]), {})
        start, end = each["start"], each["end"]
        cited = any(_overlaps(each, citation) for citation in citations)
        more = {name: known[name] for name in ("table", "known_at", "title", "owner", "source") if name in known}
        text = known["text"][start:end] if "text" in known else None
        found.append(
            WhyPassage(
                number=number,
                document=each["document"],
                version=each["version"],
                start=start,
                end=end,
                score=each["score"],
                cited=cited,
                text=text,
                **more,
            )
        )
    return found


def _overlaps(passage: Mapping[str, Any], citation: Mapping[str, Any]) -> bool:
    same = (passage["document"], passage["version"]) == (citation["document"], citation["version"])
    return same and passage["start"] < citation["end"] and citation["start"] < passage["end"]


def _rows(
    workspace: Workspace, built: Step, made: Sequence[Step], wanted: set[str]
) -> dict[tuple[str, str], dict[str, Any]]:
    """The rows of documents in the version of their table that the index was made of, by id and version."""
    sources = [each for each in made if each.discipline == "collection" and each.name in built.inputs]
    if not sources or not wanted:
        return {}
    collected = CollectedSource.from_document(sources[0].outputs)
    newest = workspace.lake.latest(collected.table)
    tried = [collected.version, *([newest.version] if newest else [])]
    for version in tried:  # the newest has them still, where that one was erased or tidied away
        try:
            rows = workspace.lake.scan(collected.table, version).filter(pl.col("id").is_in(sorted(wanted)))
            documents = list(documents_of(rows))
        except (ProjectError, StoreError):
            continue
        break
    else:
        return {}
    return {
        (each.id, each.version): {
            "text": each.text,
            "table": f"{collected.table}@{version}",
            "known_at": each.known_at,
            "title": each.title,
            "owner": each.owner,
            "source": each.source,
        }
        for each in documents
    }
