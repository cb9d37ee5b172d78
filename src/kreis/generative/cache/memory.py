"""A cache in the memory of the process that answers."""

from __future__ import annotations

from collections.abc import Callable, Collection
from threading import Lock
from typing import TypeAlias

import msgspec
import numpy as np

from kreis.digests import digest_of
from kreis.formats import canonical
from kreis.generative.cache.agreement import nearest_that_agrees
from kreis.generative.cache.policy import CachePolicy
from kreis.generative.embeddings.embedding import Embedder, Vectors
from kreis.generative.pipeline import Pipeline
from kreis.generative.questions import SIGNALS, Answered, Question

__all__ = ["MemoryCache", "Scope"]

_NOT_SPENT = frozenset({"tokens", "money", "model_ms"})
_Shelf: TypeAlias = "tuple[Scope, str, frozenset[str], tuple[tuple[str, str], ...]]"
"""Who may share an answer: scope, tenant, groups and filters, all the same."""


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


class _Entry(msgspec.Struct, frozen=True, eq=False):
    vector: Vectors
    answered: Answered
    at: int


class MemoryCache:
    """Gives answers again: those of one process, the newest `policy.entries`. Safe to share between threads. Only what
    may be logged is kept: questions and answers whose personal data is masked.
    """

    def __init__(self, policy: CachePolicy, embedder: Embedder) -> None:
        """Empty. With another embedding model than the policy's threshold was found with, nothing is ever kept."""
        self._policy, self._embedder = policy, embedder
        self._on = policy.embedding == embedder.digest
        self._shelves: dict[_Shelf, list[_Entry]] = {}
        self._lock = Lock()

    def find(self, question: Question, stored: str, scope: Scope) -> Answered | None:
        """The answer to the same question, as it was asked by somebody who may read just the same; none that rests on a
        document that has expired by now. What it cost is not spent again.

        Args:
            question: As it is asked.
            stored: Its text as it may be stored. Where that is another text, personal data was masked: then nothing is
                found, since two people's questions could look alike.
            scope: Which pipeline would answer.
        """
        with self._lock:
            entries = list(self._shelves.get(_shelf(question, scope), ()))
        fresh = [each for each in entries if self._is_fresh(each, question.at)]
        if not fresh or question.history or stored != question.text:
            return None
        vector = self._embedder.queries([stored])[0]
        cosines = np.stack([each.vector for each in fresh]) @ vector
        held = [each.answered.question for each in fresh]
        place = nearest_that_agrees(stored, held, cosines, at_least=self._policy.threshold)
        return None if place is None else _again(fresh[place].answered, stored)

    def keep(self, question: Question, answered: Answered, scope: Scope) -> bool:
        """Keep an answer, and say whether it was kept: answers that rest on earlier turns, on tools or on personal data
        are not, nor is what was not answered.
        """
        alone = not question.history and not answered.tools and not answered.cached
        if not self._on or not alone or answered.outcome != "answered" or answered.question != question.text:
            return False
        entry = _Entry(self._embedder.queries([question.text])[0], answered, question.at)
        with self._lock:
            for shelf in [each for each in self._shelves if _older(each[0], scope)]:
                del self._shelves[shelf]
            self._shelves.setdefault(_shelf(question, scope), []).append(entry)
            self._drop_oldest()
        return True

    def forget(self, *, documents: Collection[str] = (), texts: Collection[str] = ()) -> int:
        """Remove what rests on a document, or in which a text (a name, an address) stands; how many were removed."""
        gone, sought = set(documents), [text.casefold() for text in texts if text]

        def rests_on(answered: Answered) -> bool:
            places = [each.document for each in answered.passages] + [each.document for each in answered.citations]
            if gone.intersection(places):
                return True
            said = msgspec.json.encode(answered).decode().casefold() if sought else ""
            return any(text in said or msgspec.json.encode(text).decode()[1:-1] in said for text in sought)

        return self._remove(lambda entry: rests_on(entry.answered))

    def __len__(self) -> int:
        with self._lock:
            return sum(map(len, self._shelves.values()))

    def _is_fresh(self, entry: _Entry, at: int) -> bool:
        """Whether it is young enough, and no document that it rests on has expired."""
        ends = min((hit.expires for hit in entry.answered.passages if hit.expires is not None), default=None)
        return 0 <= at - entry.at <= self._policy.seconds * 1_000_000 and (ends is None or at < ends)

    def _remove(self, which: Callable[[_Entry], bool]) -> int:
        with self._lock:
            before = sum(map(len, self._shelves.values()))
            kept = {shelf: [each for each in entries if not which(each)] for shelf, entries in self._shelves.items()}
            self._shelves = {shelf: entries for shelf, entries in kept.items() if entries}
            return before - sum(map(len, self._shelves.values()))

    def _drop_oldest(self) -> None:
        while sum(map(len, self._shelves.values())) > self._policy.entries:
            shelf = min(self._shelves, key=lambda each: self._shelves[each][0].at)
            del self._shelves[shelf][0]
            if not self._shelves[shelf]:
                del self._shelves[shelf]


def _shelf(question: Question, scope: Scope) -> _Shelf:
    access, filters = question.access, tuple(sorted(question.filters.items()))
    return scope, access.tenant, access.groups, filters


def _older(kept: Scope, scope: Scope) -> bool:
    """Whether what is kept is of another version of the same pipeline's index."""
    return kept.pipeline == scope.pipeline and kept.index != scope.index


def _again(answered: Answered, asked: str) -> Answered:
    """As it is given again: to the question as it is asked now."""
    spent = tuple(0.0 if name in _NOT_SPENT else value for name, value in zip(SIGNALS, answered.signals, strict=False))
    return msgspec.structs.replace(answered, question=asked, cached=True, signals=spent)
