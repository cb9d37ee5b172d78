"""A generative model as data: what a package holds in place of ONNX bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NoReturn

import msgspec

from kreis.errors import ProjectError
from kreis.generative.cache.policy import CachePolicy
from kreis.generative.embeddings.kinds import EmbeddingKind
from kreis.generative.guards.policy import GuardPolicy
from kreis.generative.index.kinds import IndexStoreKind
from kreis.generative.language_models.kinds import ModelKind
from kreis.generative.prompts.prompt import Prompt
from kreis.generative.retrieval.kinds import SearchKind
from kreis.generative.stored import StoredFile
from kreis.generative.tools.spec import ToolSpec

__all__ = ["PASSES_ON", "Pipeline"]

PASSES_ON = {
    "en": "I can't answer this from the documents; a person will.",
    "de": "Das kann ich aus den Dokumenten nicht beantworten; ein Mensch übernimmt.",
}
"""What is said where a question is passed on and the project has no sentence of its own, by the question's language."""


class Pipeline(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="form", tag="answering"
):
    """Retrieval × prompt × language model. A field may be added with a default (docs/decisions/0010-formats.md)."""

    knowledge_base: str
    index: StoredFile
    """The published index."""
    index_version: str
    """What it was made of (`Index.version`)."""
    search: SearchKind
    embedding: EmbeddingKind | None = None
    passages: int = 5
    """How many are shown to the model, at most."""
    whole: int = 0
    """How many of the best passages are given whole where no model answers; 0: the best sentences of one."""
    reranker: StoredFile | None = None
    """ONNX: features of a hit to a score (`kreis.generative.retrieval.reranking`)."""
    prompt: Prompt | None = None
    model: ModelKind | None = None
    """None: no language model; the best passage is the answer."""
    guards: GuardPolicy = GuardPolicy()
    tools: tuple[ToolSpec, ...] = ()
    """What the model may ask for: the allow list."""
    without_support: Literal["abstain", "extractive"] = "abstain"
    """What becomes of a question where no passage supports what the model said, also when it was asked again: it is
    passed on, or the best passage's sentences are the answer.
    """
    deadline_s: float = 30.0
    """How long a question may take the language model, all attempts together, before the fallback answers."""
    cache: CachePolicy | None = None
    """When an answer is given again; None: never."""
    store: IndexStoreKind | None = None
    """The database that the index is searched in, where it was published; None: its file."""
    passes_on: str = PASSES_ON["en"]
    """What is said where the question is passed on; the English default is said in German to a German question."""

    @property
    def content(self) -> None:
        """It has no bytes beside its document: its files are named in it."""

    @property
    def stored(self) -> Pipeline:
        """As a document has it."""
        return self

    @property
    def files(self) -> list[str]:
        """Digests of the files that it names."""
        return [each.sha256 for each in (self.index, self.reranker) if each is not None]

    def opened(self, get: Callable[[str], bytes]) -> Pipeline:
        """As it is: its files are opened by what answers."""
        return self

    def scorer(self, features: Sequence[str], *, threads: int = 1) -> NoReturn:
        """Nothing: it answers questions, and scores no rows.

        Raises:
            ProjectError: always.
        """
        raise ProjectError(
            "it answers questions and scores no rows", where="generative package", hint="POST /v1/answer"
        )
