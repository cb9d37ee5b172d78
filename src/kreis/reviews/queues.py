"""The review queues of a project: which there are stands on record."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from kreis.clock import Clock
from kreis.digests import digest_of
from kreis.errors import ProjectError
from kreis.lake.store import Lake
from kreis.ledger.documents import list_documents, put_document
from kreis.ledger.records import Document
from kreis.ledger.store import Ledger
from kreis.reviews.desk import Desk
from kreis.reviews.queue import Queue

__all__ = ["Queues"]

_KIND = "review queue"


class _Declared(msgspec.Struct, frozen=True, kw_only=True):
    """A queue, as the record holds it."""

    name: str
    labels: list[str]
    per_item: int = 2


class Queues:
    """All queues of a project."""

    def __init__(self, ledger: Ledger, lake: Lake, desk: Desk, *, actor: str, clock: Clock) -> None:
        self._ledger, self._lake, self._desk, self._actor, self._clock = ledger, lake, desk, actor, clock

    def names(self) -> list[str]:
        """Of those that there are."""
        return sorted(self._declared())

    def get(self, name: str) -> Queue:
        """A queue that there is.

        Raises:
            ProjectError: there is none; the hint names the nearest.
        """
        known = self._declared()
        if name not in known:
            raise ProjectError.unknown_name("queue", name, known, where="kreis reviews")
        return self._made(known[name])

    def make(self, name: str, labels: Sequence[str], per_item: int) -> Queue:
        """A new queue, which is there for good; on record.

        Raises:
            ProjectError: it needs two different labels, and a reviewer.
        """
        declared = _Declared(name=name, labels=list(labels), per_item=per_item)
        made = self._made(declared)
        body = msgspec.json.encode(declared, order="sorted").decode()
        reason = f"labels {', '.join(labels)}"
        with self._ledger.record(event="review.opened", subject=name, actor=self._actor, reason=reason) as tx:
            put_document(tx, Document(digest=digest_of(body.encode()), kind=_KIND, name=name, body=body))
        return made

    def _made(self, declared: _Declared) -> Queue:
        return Queue(
            self._lake, self._desk, declared.name, declared.labels, actor=self._actor, clock=self._clock,
            per_item=declared.per_item,
        )  # fmt: skip

    def _declared(self) -> dict[str, _Declared]:
        with self._ledger.read() as connection:
            found = [msgspec.json.decode(each.body, type=_Declared) for each in list_documents(connection, _KIND)]
        return {each.name: each for each in found}
