"""Documents as rows: what a documents source gives to be collected, and what is read back from bronze."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from kreis.clock import in_utc
from kreis.errors import ProjectError
from kreis.generative.documents.document import Document, Unreadable

if TYPE_CHECKING:
    import polars as pl

__all__ = ["COLUMNS", "contract_of_documents", "documents_frame", "documents_of"]

COLUMNS = (
    "id", "text", "known_at", "title", "owner", "licence", "language", "groups", "tenant", "source", "expires", "pages",
)  # fmt: skip
"""The columns of a table of documents, in this order."""
_BATCH = 256
"""So many documents are turned into rows at once."""
_TOLD = 10
"""So many of those that could not be read are told of by name."""
_UNREADABLE = "__unreadable"
"""Why there is no text, where contracts look for it (`contracts.rules.UNREADABLE`)."""
_TEXTS = ("title", "owner", "licence", "language", "tenant", "source")
"""Fields whose empty text is null in the table, so that a contract can require them."""


def documents_frame(
    documents: Iterable[Document | Unreadable], *, told: Callable[[str], None] | None = None
) -> pl.LazyFrame:
    """Documents as a frame. A few hundred at a time are held as objects; the frame itself holds all texts once.

    Args:
        documents: What is read when the frame is collected. An iterator can be read once.
        told: Takes a sentence for each of the first documents that could not be read, and one for the others. Each
            comes as a row without a text, which the contract sets aside with the reason.

    Raises:
        ProjectError: as it is collected: something among them is no document, or an iterator is read again.

    Example:

    >>> from datetime import UTC, datetime
    >>> leave = Document(id="leave.md", text="30 days a year.", known_at=datetime(2026, 1, 1, tzinfo=UTC))
    >>> documents_frame([leave]).select("id", "text").collect().rows()
    [('leave.md', '30 days a year.')]
    """
    import polars as pl

    once = isinstance(documents, Iterator)
    read = False

    def rows() -> pl.DataFrame:
        nonlocal read
        if once and read:
            hint = "give a list, or an iterator made anew"
            raise ProjectError("the iterator of documents was read to its end before", hint=hint)
        read = True
        left, unreadable = iter(documents), list[str]()
        batches = [pl.DataFrame(schema=_schema())]
        while batch := [_row(each, unreadable) for each in islice(left, _BATCH)]:
            batches.append(pl.DataFrame(batch, schema=_schema(), orient="row"))
        if told is not None:
            for sentence in unreadable[:_TOLD]:
                told(sentence)
            if more := len(unreadable[_TOLD:]):
                told(f"{more:,} more could not be read and were set aside: quarantine has their reasons")
        return pl.concat(batches, rechunk=False)

    return pl.defer(rows, schema=_schema())


def documents_of(frame: pl.LazyFrame | pl.DataFrame) -> Iterator[Document]:
    """The documents of a table, a few hundred at a time, in its order.

    Args:
        frame: With the columns of `COLUMNS`; others are left out. Of the versions of a document it holds one.

    Raises:
        ProjectError: a column is missing.
    """
    lazy = frame.lazy()
    missing = [name for name in COLUMNS if name not in lazy.collect_schema()]
    if missing:
        hint = "its rows come from documents_frame, or have the columns " + ", ".join(COLUMNS)
        raise ProjectError(f"a table of documents lacks the columns {', '.join(missing)}", hint=hint)
    for batch in lazy.select(COLUMNS).collect_batches(chunk_size=_BATCH, maintain_order=True):
        for row in batch.iter_rows():
            yield _document(dict(zip(COLUMNS, row, strict=True)))


def contract_of_documents(name: str) -> dict[str, Any]:
    """The contract of a documents source for which the user writes none, as plain data: no document is empty, the same
    as another, or expired; which are nearly the same is told.
    """
    properties: list[dict[str, Any]] = [
        {"name": "id", "logicalType": "string", "primaryKey": True, "logicalTypeOptions": {"minLength": 1}},
        {"name": "text", "logicalType": "string", "required": True},
        {"name": "known_at", "logicalType": "timestamp", "required": True},
        *({"name": each, "logicalType": "string"} for each in ("title", "owner", "licence", "language")),
        {"name": "groups", "logicalType": "array", "items": {"logicalType": "string"}},
        *({"name": each, "logicalType": "string"} for each in ("tenant", "source")),
        {
            "name": "expires",
            "logicalType": "timestamp",
            "customProperties": [{"property": "kreis.ahead.at_most_days", "value": "any"}],
        },
        {"name": "pages", "logicalType": "array", "items": {"logicalType": "integer"}},
    ]
    quality = [
        {"type": "custom", "engine": "kreis", "implementation": {"check": each}}
        for each in ("empty", "duplicated", "expired")
    ]
    near = {"type": "custom", "engine": "kreis", "implementation": {"check": "near_duplicated"}}
    quality.append({**near, "severity": "warning"})
    return {
        "apiVersion": "v3.2.0",
        "kind": "DataContract",
        "id": name,
        "version": "1.0.0",
        "schema": [{"name": name, "properties": properties, "quality": quality}],
    }


def _schema() -> pl.Schema:
    import polars as pl

    moment = pl.Datetime("us", "UTC")
    kinds = {"known_at": moment, "expires": moment, "groups": pl.List(pl.String()), "pages": pl.List(pl.Int64())}
    return pl.Schema({name: kinds.get(name, pl.String()) for name in (*COLUMNS, _UNREADABLE)})


def _row(document: Any, unreadable: list[str]) -> tuple[Any, ...]:
    if isinstance(document, Unreadable):
        unreadable.append(f"{document.id} could not be read and was set aside: {document.reason}")
        given: dict[str, Any] = {"id": document.id, "known_at": document.known_at, "source": document.source}
        empty = (given.get(name, [] if name in ("groups", "pages") else None) for name in COLUMNS)
        return (*empty, document.reason)
    if not isinstance(document, Document):
        hint = "yield kreis.Document(id=…, text=…, known_at=…), or what load_folder gives"
        raise ProjectError(f"a documents source gave a {type(document).__name__}, not a document", hint=hint)
    values = {name: getattr(document, name) for name in COLUMNS}
    values |= {name: values[name] or None for name in _TEXTS}
    values["known_at"] = in_utc(document.known_at)
    values["expires"] = None if document.expires is None else in_utc(document.expires)
    values["groups"], values["pages"] = list(document.groups), list(document.pages)
    return (*values.values(), None)


def _document(row: dict[str, Any]) -> Document:
    row |= {name: row[name] or "" for name in _TEXTS}
    row |= {name: tuple(row[name] or ()) for name in ("groups", "pages")}
    return Document(**row)
