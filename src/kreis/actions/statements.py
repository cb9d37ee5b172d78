"""What people add to the papers about a model and its data: on record, each with who said it and when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from kreis.digests import canonical_json, digest_of
from kreis.errors import ProjectError
from kreis.evaluation.statements import Statement, keys_of
from kreis.ledger import steps
from kreis.ledger.documents import list_documents, put_document
from kreis.ledger.records import Document
from kreis.workspace import Workspace

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["AskedFor", "asked_for", "fill_card", "statements_on_record"]

_KIND = "statement"


class AskedFor(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a person is asked for, and what was said; None where nobody has said it."""

    key: str
    section: str
    question: str
    said: Statement | None
    document: str | None
    """Digest of the document that holds it."""


def asked_for(workspace: Workspace) -> list[AskedFor]:
    """All that people are asked for about the model and the sources, with what they said."""
    with workspace.ledger.read() as connection:
        known = keys_of(sorted(steps.last_steps(connection, "collection")))
        said = statements_on_record(connection)
    return [
        AskedFor(
            key=key,
            section=each.section,
            question=each.question,
            said=said[key][0] if key in said else None,
            document=said[key][1] if key in said else None,
        )
        for key, each in known.items()
    ]


def fill_card(workspace: Workspace, said: Mapping[str, str]) -> list[Statement]:
    """Put on record what a person adds to the papers. What was said before stays on record; the last counts.

    Args:
        workspace: The project's folder.
        said: By key, as `keys_of` names them.

    Raises:
        ProjectError: nobody is asked for such a key, or a text is empty.
    """
    with workspace.ledger.read() as connection:
        known = keys_of(sorted(steps.last_steps(connection, "collection")))
    for key, text in said.items():
        if key not in known:
            raise ProjectError.unknown_name("key", key, known, where="kreis card fill")
        if not text.strip():
            raise ProjectError("the text is empty", where=f"kreis card fill, {key}", hint="say what is not known, too")
    made = []
    with workspace.ledger.record(
        event="card.filled", subject=", ".join(said), actor=workspace.actor, reason="kreis card fill"
    ) as tx:
        for key, text in said.items():
            statement = Statement(key=key, text=text.strip(), actor=workspace.actor, at=tx.now)
            body = canonical_json(msgspec.to_builtins(statement)).decode()
            put_document(tx, Document(digest=digest_of(body.encode()), kind=_KIND, name=key, body=body))
            made.append(statement)
    return made


def statements_on_record(connection: Connection) -> dict[str, tuple[Statement, str]]:
    """What people said last, by key, with the digest of the document that holds it."""
    found: dict[str, tuple[Statement, str]] = {}
    for document in list_documents(connection, _KIND):
        said = msgspec.json.decode(document.body, type=Statement)
        if said.key not in found or said.at >= found[said.key][0].at:
            found[said.key] = said, document.digest
    return found
