"""What a cache of answers is, and under which circumstances two questions may share one."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

import msgspec

from kreis.digests import digest_of
from kreis.formats import canonical
from kreis.generative.pipeline import Pipeline
from kreis.generative.questions import Answered, Question

__all__ = ["AnswerCache", "Scope"]


class Scope(msgspec.Struct, frozen=True):
    """Which pipeline answers. Nothing goes from one scope to another."""

    pipeline: str
    """Digest of all that it is made of but its index: prompt, model, search, guards …"""
    index: str
    """Version of its index: of an older one nothing is kept."""

    @classmethod
    def of(cls, pipeline: Pipeline) -> Scope:
        """That of a pipeline."""
        rest = msgspec.structs.replace(pipeline, index=msgspec.structs.replace(pipeline.index, sha256="", size=0))
        rest = msgspec.structs.replace(rest, index_version="", cache=None)
        return cls(digest_of(canonical(rest)), f"{pipeline.index_version} {pipeline.index.sha256}")


class AnswerCache(Protocol):
    """Gives answers again. Safe to share between threads. Only what may be logged is kept: questions and answers whose
    personal data is masked. Its tests: `tests/generative/cache/behaviour/`.
    """

    def find(self, question: Question, stored: str, scope: Scope) -> Answered | None:
        """The answer to the same question, as it was asked by somebody who may read just the same; none that rests on a
        document that has expired by now.

        Args:
            question: As it is asked.
            stored: Its text as it may be stored. Where that is another text, personal data was masked: then nothing is
                found, since two people's questions could look alike.
            scope: Which pipeline would answer.
        """
        ...

    def keep(self, question: Question, answered: Answered, scope: Scope) -> bool:
        """Keep an answer, and say whether it was kept: answers that rest on earlier turns, on tools or on personal data
        are not, nor is what was not answered.
        """
        ...

    def forget(self, *, documents: Collection[str] = (), texts: Collection[str] = ()) -> int:
        """Remove what rests on a document, or in which a text (a name, an address) stands; how many were removed."""
        ...

    def __len__(self) -> int:
        """Answers that it holds."""
        ...
