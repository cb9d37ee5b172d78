"""Preparation: each knowledge base becomes an index at a version, a file among the artifacts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from kreis.digests import digest_of, digest_of_document
from kreis.durable import make_directory
from kreis.generative.documents.document import Document
from kreis.generative.embeddings.cache import EmbeddingCache
from kreis.generative.index.build import build_index
from kreis.knowledge.candidates import KnowledgeBase
from kreis.loop.steps import StepResult
from kreis.loop.verdicts import Advance, SendBack, Verdict
from kreis.texts import counted
from kreis.ways.generative.asking import Files
from kreis.ways.generative.state import GenerativeState
from kreis.ways.results import INDEX, BuiltKnowledge

__all__ = ["embedding_cache", "perform", "step_of"]


def perform(state: GenerativeState) -> Verdict:
    """Build the index of each knowledge base of which something has changed, and nothing else."""
    for base in state.project.knowledge_bases.values():
        built = state.indexes[base.name] = _build(state, base)
        if base.store is not None and not state.memory.planning:
            base.store.publish(Files(state.workspace.state / "files", state.workspace.artifacts)(built.output.file))
    found = {name: step.output for name, step in state.indexes.items()}
    if empty := [name for name, each in found.items() if not each.chunks]:
        return SendBack(to="collection", reason=f"knowledge base {empty[0]!r} holds no document with a word in it")
    said = [f"{name} {each.index[:12]} of {counted(each.documents, 'document')}" for name, each in found.items()]
    chunks = sum(each.chunks for each in found.values())
    return Advance(
        summary=f"{', '.join(said)}; {counted(chunks, 'chunk')}",
        detail={"indexes": {name: each.index for name, each in found.items()}, "warnings": _astray(state)},
    )


def _astray(state: GenerativeState) -> list[str]:
    """Which passages of the questions no knowledge base holds: a wrong name would make each answer a wrong one."""
    bases = {base.documents: base for base in state.project.knowledge_bases.values()}
    asked = state.project.asked_questions
    cited = {passage.document for each in asked.all for passage in each.passages}
    read = (each for base in bases.values() for each in state.documents(base)) if cited else iter(())
    first, texts = "", dict[str, list[str]]()
    for document in read:
        first = first or document.id
        if document.id in cited:
            texts.setdefault(document.id, []).append(document.text)
    return asked.astray(texts, example=first)


def step_of(base: str) -> str:
    """The name of the step that builds a knowledge base's index."""
    return f"{INDEX}{base}"


def embedding_cache(state: Path) -> EmbeddingCache:
    """The vectors that were computed before, in a project's folder of state."""
    return EmbeddingCache(state / "embeddings.db")


def _build(state: GenerativeState, base: KnowledgeBase) -> StepResult[BuiltKnowledge]:
    workspace, name = state.workspace, step_of(base.name)

    def compute(key: str) -> BuiltKnowledge:
        make_directory(workspace.state)
        cache = None if base.embedding is None else embedding_cache(workspace.state)
        with TemporaryDirectory(dir=workspace.state, prefix=".index-") as folder:
            place = Path(folder) / "index.db"
            built = build_index(
                state.documents(base),
                chunker=base.chunks,
                embedding=base.embedding,
                cache=cache,
                place=place,
                progress=state.memory.progress(name),
            )
            workspace.artifacts.put(place.read_bytes())
        return BuiltKnowledge(
            knowledge_base=base.name,
            file=built.file,
            index=built.version,
            documents=built.documents,
            chunks=built.chunks,
            words=built.words,
        )

    built = state.memory.step(
        "preparation",
        name,
        parameters=base.parameters(),
        inputs={
            base.documents: state.sources[base.documents].output.pin,
            "documents": _digest(state.documents(base)),
        },
        result=BuiltKnowledge,
        compute=compute,
    )
    if built.remembered and not state.memory.planning and not workspace.artifacts.has(built.output.file.sha256):
        compute(built.key)  # forgotten since, with a document that is there again: the same input gives the same bytes
    return built


def _digest(documents: Iterable[Document]) -> str:
    """Of all that an index is made of, in whichever order they come."""
    known = (msgspec.structs.replace(each, text=each.version) for each in documents)
    return digest_of_document(sorted(digest_of(msgspec.msgpack.encode(each)) for each in known))
