"""Review queues: items that show a subject's documents or name a person, and what was said of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from kreis.actions.forgetting.indexes import entries_told
from kreis.actions.forgetting.subject import Found, Subject
from kreis.actions.forgetting.tables import documents_told
from kreis.reviews.queue import ITEMS, LABELS
from kreis.workspace import Workspace

__all__ = ["ReviewPlace"]


class ReviewPlace:
    """Items go whole, with all labels; labels whose comment names the person, or that the person gave, go too. It comes
    before tables and indexes, which tell the documents.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def find(self, subject: Subject) -> list[Found]:
        """See `Place.find`."""
        found = [(queue, len(items), len(labels)) for queue, items, labels in self._theirs(subject)]
        return [
            Found(place="reviews", where=f"queue {queue}", rows=items + labels)
            for queue, items, labels in found
            if items + labels
        ]

    def erase(self, subject: Subject, reason: str) -> None:
        """See `Place.erase`."""
        import polars as pl

        from kreis.lake.tending import erase_rows

        for queue, items, labels in list(self._theirs(subject)):
            self._workspace.reviews.get(queue).receive()
            of_queue = pl.col("queue") == queue
            gone = of_queue & pl.col("item").is_in(sorted(items))
            said = pl.concat_list("item", "by").is_in([list(each) for each in sorted(labels)])
            for table, rows in ((LABELS, gone | (of_queue & said)), (ITEMS, gone)):
                if table in self._workspace.lake.tables():
                    erase_rows(self._workspace.lake, table, rows, actor=self._workspace.actor, reason=reason)
            self._workspace.reviews.get(queue).forget(items, labels)

    def _theirs(self, subject: Subject) -> Iterator[tuple[str, set[str], set[tuple[str, str]]]]:
        """Of each queue the items, and the labels of others: item and reviewer."""
        queues = self._workspace.reviews
        documents = {name for _, name, _ in documents_told(self._workspace, subject)}
        documents |= {each.said[0] for each in entries_told(self._workspace, subject)}
        documents |= {subject.value} if subject.document else set()
        for name in queues.names():
            shown, given = queues.get(name).held()
            items = {item for item, fields in shown.items() if _shows(subject, documents, fields)}
            labels = {
                (each.item, each.by)
                for each in given
                if (subject.in_texts and subject.told_in(each.comment, each.by))
                or (subject.key == "by" and not subject.document and each.by == subject.value)
            }
            yield name, items, labels


def _shows(subject: Subject, documents: set[str], fields: str) -> bool:
    shown = msgspec.json.decode(fields)
    return any(
        (key == "document" and value in documents) or (subject.in_texts and subject.told_in(value))
        for key, value in _texts(shown)
    )


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """All texts in a JSON document, each with its nearest name."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from _texts(each, str(name))
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each, key)
