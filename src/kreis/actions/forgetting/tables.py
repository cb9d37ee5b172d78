"""Documents in tables, and logged answers that rest on them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

import msgspec

from kreis.actions.forgetting.subject import Subject
from kreis.digests import digest_of
from kreis.generative.documents.table import COLUMNS
from kreis.workspace import Workspace

if TYPE_CHECKING:
    import polars as pl

    from kreis.lake.store import Lake

__all__ = ["answers_told", "document_rows", "documents_told", "has_documents"]

_TEXTS = ("id", "text", "title", "owner", "source")
"""Columns of documents in which a person may be named."""


def has_documents(lake: Lake) -> bool:
    """Whether a table holds documents."""
    return any(lake.schema(table).keys() >= set(COLUMNS) for table in lake.tables())


def document_rows(lake: Lake, subject: Subject) -> dict[str, pl.Expr]:
    """What tells a subject's documents in each table of documents. Quarantine keeps rows as they came, so it is one."""
    import polars as pl

    from kreis.lake.tending import columns_of

    found: dict[str, pl.Expr] = {}
    columns = {table: columns_of(lake, table) for table in lake.tables()}
    for table, has in columns.items():
        if not has.keys() >= set(COLUMNS):
            continue
        if subject.document:
            test = pl.col("id").cast(pl.String) == subject.value
            if subject.tenant is not None:
                test &= pl.col("tenant").fill_null("") == subject.tenant
            found[table] = test
        elif subject.in_texts:
            found[table] = pl.any_horizontal(*(_holds(pl.col(name), subject.value) for name in _TEXTS))
    return found


def documents_told(workspace: Workspace, subject: Subject) -> set[tuple[str, str, str]]:
    """Tenant, id and version of a subject's documents, in any version of any table."""
    import polars as pl

    from kreis.lake.tending import rows_with

    found = set()
    for table, theirs in document_rows(workspace.lake, subject).items():
        for _, rows in rows_with(workspace.lake, table, theirs):
            if set(rows.columns) >= {"tenant", "id", "text"}:
                texts = rows.select(pl.col("tenant").fill_null(""), "id", pl.col("text").fill_null("")).iter_rows()
                found |= {(tenant, name, digest_of(text.encode())) for tenant, name, text in texts}
    return found


def answers_told(
    subject: Subject, told: Collection[tuple[str, str, str]], *, fields: str = "fields", keys: str = "keys"
) -> Iterator[pl.Expr]:
    """What tells the logged answers that name a subject's documents, or in which the value stands.

    Args:
        subject: Whose.
        told: Its documents: tenant, id, version.
        fields: The column that holds the fields of an answer, as JSON.
        keys: The column that holds its keys.
    """
    import polars as pl

    said, asker = pl.col(fields).cast(pl.String), pl.col(keys).cast(pl.String)
    of_answers = said.str.contains('"passages":', literal=True)
    if subject.in_texts:
        for text in {_escaped(subject.value), _escaped(_escaped(subject.value))}:
            yield of_answers & _holds(said, text)
    if subject.document:
        asked = pl.lit(True)
        if subject.tenant:
            asked = asker.str.contains(_as_text({"tenant": subject.tenant})[1:-1], literal=True)
        yield (
            of_answers & asked & said.str.contains(_escaped(_as_text({"document": subject.value})[1:-1]), literal=True)
        )
        return
    for _, name, version in sorted(told):
        place = _as_text({"document": name, "version": version})[1:-1]
        yield of_answers & said.str.contains(_escaped(place), literal=True)


def _holds(column: pl.Expr, text: str) -> pl.Expr:
    """Whether a text stands in a column, in whichever case."""
    import polars as pl

    return column.cast(pl.String).str.contains("(?i)" + pl.escape_regex(text))


def _escaped(text: str) -> str:
    """As it stands in a string of JSON."""
    return msgspec.json.encode(text).decode()[1:-1]


def _as_text(document: dict[str, str]) -> str:
    return msgspec.json.encode(document).decode()
