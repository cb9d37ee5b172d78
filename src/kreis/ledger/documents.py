"""Texts that others refer to by digest."""

from __future__ import annotations

from sqlalchemy import Connection

from kreis.digests import digest_of
from kreis.errors import ProjectError
from kreis.ledger import schema
from kreis.ledger.records import Document
from kreis.ledger.rows import Records
from kreis.ledger.transaction import Transaction

__all__ = ["find_document", "get_document", "list_documents", "put_document"]

_DOCUMENTS = Records(schema.documents, Document, called="document")
_documents = schema.documents.c


def put_document(tx: Transaction, document: Document) -> None:
    """Keep a text under its digest. What is kept already stays as it is.

    Raises:
        ProjectError: the digest is not the SHA-256 of the body's UTF-8 bytes.
    """
    if digest_of(document.body.encode()) != document.digest:
        raise ProjectError(
            f"the digest of {document.kind} {document.name!r} is not that of its body",
            where="ledger",
            hint="pass digest_of(body.encode())",
        )
    if find_document(tx.connection, document.digest) is None:
        _DOCUMENTS.insert(tx, document)


def find_document(connection: Connection, digest: str) -> Document | None:
    """The document with exactly this digest, or None."""
    return _DOCUMENTS.first(connection, _documents.digest == digest)


def get_document(connection: Connection, digest: str) -> Document:
    """The document with this digest, or the only one whose digest begins so.

    Raises:
        ProjectError: there is none, or several.
    """
    return _DOCUMENTS.by_prefix(connection, digest)


def list_documents(connection: Connection, kind: str) -> list[Document]:
    """All documents of a kind, by name and digest."""
    return _DOCUMENTS.find(connection, _documents.kind == kind, order=[_documents.name, _documents.digest])
