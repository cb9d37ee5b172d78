"""Ways to answer questions from a knowledge base, as a user declares them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import msgspec

from kreis.errors import ProjectError
from kreis.generative.chunking.chunker import Chunker
from kreis.generative.embeddings.kinds import EmbeddingKind
from kreis.generative.guards.policy import GuardPolicy
from kreis.generative.index.kinds import IndexStoreKind
from kreis.generative.language_models.kinds import ModelKind
from kreis.generative.pipeline import PASSES_ON
from kreis.generative.prompts.prompt import Prompt
from kreis.generative.retrieval.kinds import Rewritten, SearchKind
from kreis.knowledge.caching import SemanticCache

__all__ = ["AnswererDeclaration", "Answers", "BestPassage", "KnowledgeBase", "Rag"]


@dataclass(frozen=True, kw_only=True)
class KnowledgeBase:
    """Documents that are cut, embedded and searched in one way."""

    name: str
    documents: str
    """Name of the source."""
    chunks: Chunker
    embedding: EmbeddingKind | None
    search: SearchKind
    store: IndexStoreKind | None = None
    """The database that its index is published to, and searched in; None: the file."""

    def parameters(self) -> dict[str, Any]:
        """All that determines its index beside the documents, as plain data."""
        embedding = None if self.embedding is None else self.embedding.parameters()
        return {"chunks": self.chunks.parameters(), "embedding": embedding}


@runtime_checkable
class Answers(Protocol):
    """A way to answer questions. Frozen."""

    @property
    def knowledge_base(self) -> KnowledgeBase:
        """What it answers from."""
        ...

    @property
    def complexity(self) -> int:
        """How simple it is, beside others: the simpler one goes on where two are alike."""
        ...

    @property
    def judged_on(self) -> int | None:
        """How many of the questions it answers when it is fitted and judged; None: all."""
        ...

    @property
    def reranks(self) -> bool:
        """Whether the order of what was found is learned."""
        ...

    @property
    def cache(self) -> SemanticCache | None:
        """When it gives answers again; None: never."""
        ...

    def parts(self, prompts: Mapping[str, Prompt]) -> dict[str, Any]:
        """Its fields of a `Pipeline`, beside the index.

        Raises:
            ProjectError: it names a prompt that is not declared.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class FromPassages:
    """What each way to answer from passages says."""

    knowledge_base: KnowledgeBase = field(kw_only=False)
    search: SearchKind | None = None
    """That of the knowledge base if not given."""
    passages: int = 5
    """How many are looked at, or shown to the model, at most."""
    reranks: bool = False
    """Whether the order of what was found is learned from the validation questions, where that is shown to help."""
    cache: SemanticCache | None = None
    """When an answer is given again; None: never."""
    guards: GuardPolicy = field(default=GuardPolicy())
    passes_on: str = PASSES_ON["en"]
    """What is said where the question is passed on."""
    judged_on: int | None = None
    """So many questions of each part are answered when it is fitted and judged, for a slow model; None: all."""

    def __post_init__(self) -> None:
        """Check what it is given.

        Raises:
            ProjectError: it lacks vectors that it needs, or a number is wrong.
        """
        base: Any = self.knowledge_base
        where = type(self).__name__
        if not isinstance(base, KnowledgeBase):
            hint = f"{where}(kb), where kb = project.knowledge_base(…)"
            raise ProjectError(f"a {type(base).__name__} is no knowledge base", where=where, hint=hint)
        if self.passages < 1:
            raise ProjectError(f"passages is {self.passages}", where=where, hint="1 or more")
        embedded = 'project.knowledge_base(…, embedding=LocalEmbedding("…"))'
        if self.searched.needs_vectors and base.embedding is None:
            said = f"it searches by vectors, and knowledge base {base.name!r} has none"
            raise ProjectError(said, where=where, hint=f"{embedded}, or search=Lexical()")
        if self.reranks and isinstance(self.searched, Rewritten):
            hint = "reranks=False, or search the question as it is asked"
            raise ProjectError("a re-ranker learns from questions as they are asked", where=where, hint=hint)
        if self.judged_on is not None and self.judged_on < 1:
            raise ProjectError(f"judged_on is {self.judged_on}", where=where, hint="1 question or more; None for all")
        if self.cache is not None and base.embedding is None:
            said = f"its cache compares vectors, and knowledge base {base.name!r} has none"
            raise ProjectError(said, where=where, hint=f"{embedded}, or no cache")

    @property
    def searched(self) -> SearchKind:
        """How it searches."""
        return self.search or self.knowledge_base.search

    def parts(self, prompts: Mapping[str, Prompt]) -> dict[str, Any]:
        """See `Answers.parts`."""
        base = self.knowledge_base
        return {
            "knowledge_base": base.name,
            "search": self.searched,
            "embedding": base.embedding,
            "store": base.store,
            "passages": self.passages,
            "guards": self.guards,
            "passes_on": self.passes_on,
        }


@dataclass(frozen=True, kw_only=True)
class BestPassage(FromPassages):
    """What stands in the best passage, word for word: no language model, no invention.

    Example:

    >>> from kreis import ByStructure, Lexical
    >>> from kreis.knowledge.candidates import KnowledgeBase
    >>> kb = KnowledgeBase(name="handbook", documents="pages", chunks=ByStructure(), embedding=None, search=Lexical())
    >>> BestPassage(kb).complexity
    0
    """

    whole: int = 0
    """How many of the best passages are given whole; 0: the best sentences of one."""

    def __post_init__(self) -> None:
        """Check what it is given.

        Raises:
            ProjectError: see `FromPassages`; or more passages are given whole than are looked at.
        """
        super().__post_init__()
        if not 0 <= self.whole <= self.passages:
            hint = "as many as are looked at, at most (passages=); 0 for the best sentences"
            raise ProjectError(f"whole is {self.whole}", where="BestPassage", hint=hint)

    @property
    def complexity(self) -> int:
        """The simplest, unless a language model rewrites what is asked."""
        return 2 if isinstance(self.searched, Rewritten) else 0

    def parts(self, prompts: Mapping[str, Prompt]) -> dict[str, Any]:
        """No prompt, no model."""
        return super().parts(prompts) | ({"whole": self.whole} if self.whole else {})


@dataclass(frozen=True, kw_only=True)
class Rag(FromPassages):
    """A language model that answers from the passages that were found, and cites them.

    Retrieval-augmented generation (Lewis et al. 2020).

    Example:

    >>> from kreis import ByStructure, Lexical, LlamaCpp
    >>> from kreis.knowledge.candidates import KnowledgeBase
    >>> kb = KnowledgeBase(name="handbook", documents="pages", chunks=ByStructure(), embedding=None, search=Lexical())
    >>> Rag(kb, prompt="answer", model=LlamaCpp("smollm2-135m"), judged_on=10).judged_on
    10
    """

    model: ModelKind
    prompt: str | None = None
    """Its name; without one the model is told to answer briefly, from the passages."""
    without_support: Literal["abstain", "extractive"] = "abstain"
    """Where no passage supports what the model said, also when it was asked again: the question is passed on, or the
    best passage's sentences are the answer.
    """

    def __post_init__(self) -> None:
        """Check what it is given.

        Raises:
            ProjectError: see `FromPassages`; or `without_support` is none of the two.
        """
        super().__post_init__()
        if self.without_support not in ("abstain", "extractive"):
            hint = '"abstain" to pass the question on, "extractive" for sentences of the best passage'
            raise ProjectError(f"without_support is {self.without_support!r}", where="Rag", hint=hint)

    @property
    def complexity(self) -> int:
        """As of networks."""
        return 3

    def parts(self, prompts: Mapping[str, Prompt]) -> dict[str, Any]:
        """With prompt and model.

        Raises:
            ProjectError: there is no such prompt.
        """
        if self.prompt is not None and self.prompt not in prompts:
            raise ProjectError.unknown_name("prompt", self.prompt, prompts, where="Rag")
        prompt = None if self.prompt is None else prompts[self.prompt]
        own = {"prompt": prompt, "model": self.model, "without_support": self.without_support}
        return super().parts(prompts) | own


@dataclass(frozen=True, kw_only=True)
class AnswererDeclaration:
    """A way to answer, competing with the others."""

    name: str
    candidate: Answers
    baseline: bool

    def parameters(self, prompts: Mapping[str, Prompt]) -> dict[str, Any]:
        """All that determines it beside its documents, as plain data."""
        parts = self.candidate.parts(prompts)
        said = {name: value for name, value in parts.items() if value is not None and value != _DEFAULTS.get(name)}
        said |= {} if self.candidate.judged_on is None else {"judged_on": self.candidate.judged_on}
        said |= {"reranks": True} if self.candidate.reranks else {}
        said |= {} if self.candidate.cache is None else {"cache": self.candidate.cache}
        index = self.candidate.knowledge_base.parameters()
        document: dict[str, Any] = msgspec.to_builtins({"kind": type(self.candidate).__name__, "index": index, **said})
        return document


_DEFAULTS = {"guards": GuardPolicy(), "passes_on": PASSES_ON["en"], "without_support": "abstain"}
