"""A cache in the memory of the process that answers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from threading import Lock
from typing import TypeAlias

import msgspec
import numpy as np

from kreis.generative.cache.agreement import nearest_that_agrees
from kreis.generative.cache.answer_cache import Scope
from kreis.generative.cache.policy import CachePolicy
from kreis.generative.embeddings.embedding import Embedder, Vectors
from kreis.generative.questions import SIGNALS, Answered, Question

__all__ = ["MemoryCache"]

_NOT_SPENT = frozenset({"tokens", "money", "model_ms"})
_Shelf: TypeAlias = tuple[Scope, str, frozenset[str], tuple[tuple[str, str], ...]]
"""Who may share an answer: scope, tenant, groups and filters, all the same."""


class _Entry(msgspec.Struct, frozen=True, eq=False):
    vector: Vectors
    answered: Answered
    at: int


class MemoryCache:
    """Answers of one process, the newest `policy.entries`."""

    def __init__(self, policy: CachePolicy, embedder: Embedder) -> None:
        """Empty. With another embedding model than the policy's threshold was found with, nothing is ever kept."""
        self._policy, self._embedder = policy, embedder
        self._on = policy.embedding == embedder.digest
        self._shelves: dict[_Shelf, list[_Entry]] = {}
        self._lock = Lock()

    def find(self, question: Question, stored: str, scope: Scope) -> Answered | None:
        """See `AnswerCache.find`; what it cost is not spent again."""
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
        """See `AnswerCache.keep`."""
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
        """See `AnswerCache.forget`."""
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

    def held(self) -> Iterator[Answered]:
        """All that it holds: for audits."""
        with self._lock:
            return iter([entry.answered for entries in self._shelves.values() for entry in entries])

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
