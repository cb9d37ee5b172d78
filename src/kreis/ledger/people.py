"""People: the operating system's users, and the public keys on record of those whose other half they hold.

Each user of the operating system is one person: the one that `[people] users` names, or else the one of his own name.
So nobody can be two people by choosing a name.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping

from sqlalchemy import Connection

from kreis.digests import digest_of
from kreis.ledger import schema
from kreis.ledger.documents import put_document
from kreis.ledger.proof import covered
from kreis.ledger.records import Document
from kreis.ledger.rows import Records
from kreis.ledger.transaction import Transaction

__all__ = ["add_person_key", "keys_of", "login", "people_with_keys", "person_of"]

_KIND = "person key"
_DOCUMENTS = Records(schema.documents, Document, called="person's key")
_documents = schema.documents.c


def login() -> str:
    """The operating system's name of the user that this process runs as, whatever the environment says."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid {os.geteuid()}"


def person_of(user: str, users: Mapping[str, str]) -> str:
    """The one person that a user of the operating system is."""
    return next((person for person, each in users.items() if each == user), user)


def add_person_key(tx: Transaction, person: str, pem: str) -> None:
    """Put a person's public key (PEM) on record. Those that are there stay valid."""
    body = f"{person}\n{pem}"
    put_document(tx, Document(digest=digest_of(body.encode()), kind=_KIND, name=person, body=body))


def keys_of(connection: Connection, person: str) -> list[str]:
    """A person's public keys (PEM).

    Raises:
        CorruptionError: one was put there by something else than kreis.
    """
    found = _DOCUMENTS.find(connection, _documents.kind == _KIND, _documents.name == person, order=[_documents.digest])
    covered(connection, _DOCUMENTS, *found)
    return [each.body.partition("\n")[2] for each in found]


def people_with_keys(connection: Connection) -> dict[str, list[str]]:
    """Everyone who has a key on record: name to public keys (PEM)."""
    found = _DOCUMENTS.find(connection, _documents.kind == _KIND, order=[_documents.name])
    return {name: keys_of(connection, name) for name in dict.fromkeys(each.name for each in found)}
