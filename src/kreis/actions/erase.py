"""`kreis erase`: a person's rows, or a document, leave every place that holds them. Later parts register their places.

The record keeps a keyed digest of whose rows they were, never the value; without the key file it says nothing.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

from kreis.actions.forgetting.indexes import CopyPlace, IndexPlace, VectorPlace, entries_told
from kreis.actions.forgetting.reviews import ReviewPlace
from kreis.actions.forgetting.subject import SHORT, Found, Place, Subject
from kreis.actions.forgetting.tables import answers_told, document_rows, documents_told, has_documents
from kreis.actions.forgetting.transcripts import TranscriptPlace
from kreis.deployment.predictions.frames import OUTCOMES, PREDICTIONS, QUARANTINE
from kreis.durable import make_directory, write_durably
from kreis.errors import ProjectError
from kreis.ledger.tables import removals_of
from kreis.places import files_holding
from kreis.texts import counted
from kreis.workspace import Workspace

if TYPE_CHECKING:
    import polars as pl

_LINE = 24
"""Letters of a line that is looked for, at least."""
_LINES = 3
"""Of each document."""

__all__ = ["PLACES", "SHORT", "Erased", "Found", "Place", "Subject", "erase", "find", "holding"]

_JSON = ("keys", "fields", "extra", "record")
"""Columns that hold JSON as text."""


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """What an erasure did."""

    subject: str
    """Keyed digest of whose rows they were."""
    erased: list[Found]
    models: list[str] = []
    """Digests of the models that learned from versions that held the rows."""
    documents: list[str] = []
    """Ids of documents that were erased."""
    successors: dict[str, str] = {}
    """Digest of each model whose index was written anew, and of the model that stands for it now."""
    left: list[str] = []
    """Files that hold the value still, and columns in which other rows do."""


class JournalPlace:
    """The prediction log's segments: moved into the lake first, where rows can be taken out."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def find(self, subject: Subject) -> list[Found]:
        """See `Place.find`."""
        holding = self._workspace.prediction_log.holding(subject.value)
        return [Found(place="journal", where=where) for where in holding]

    def erase(self, subject: Subject, reason: str) -> None:
        """See `Place.erase`."""
        from kreis.actions.serve import close_segment

        close_segment(self._workspace)
        self._workspace.prediction_log.ship(self._workspace.lake, self._workspace.actor)
        self._workspace.prediction_log.forget(subject.value)


class LakePlace:
    """The tables: rows whose column `key` has the value, logged predictions of that key, and their outcomes; documents,
    and logged answers that rest on them.
    """

    def __init__(self, workspace: Workspace, told: Collection[tuple[str, str, str]] = ()) -> None:
        """`told`: documents that were the subject's (tenant, id, version) when tables and indexes held them still."""
        self._workspace, self._told = workspace, told

    def find(self, subject: Subject) -> list[Found]:
        """See `Place.find`."""
        from kreis.lake.tending import files_with

        found = []
        for table, theirs in self._theirs(subject):
            files, rows = files_with(self._workspace.lake, table, theirs)
            found += [Found(place="lake", where=table, rows=rows)] if files else []
        return found

    def erase(self, subject: Subject, reason: str) -> None:
        """See `Place.erase`."""
        from kreis.lake.tending import erase_rows

        for table, theirs in self._theirs(subject):
            erase_rows(self._workspace.lake, table, theirs, actor=self._workspace.actor, reason=reason)

    def _theirs(self, subject: Subject) -> Iterator[tuple[str, pl.Expr]]:
        """Each table with what tells the rows; outcomes first, as they are known by the predictions, and these before
        the documents by which they are known.

        A table counts that had the column in any version that is there.
        """
        import polars as pl

        from kreis.lake.tending import columns_of

        lake = self._workspace.lake
        told = {*self._told, *_told(self._workspace, subject)}
        answers = list(answers_told(subject, told))
        documents = document_rows(lake, subject)
        for table in sorted(lake.tables(), key=lambda name: (name != OUTCOMES, name != PREDICTIONS, name)):
            columns = columns_of(lake, table)
            tests = [] if subject.document else list(_of_key(subject, columns))
            tests += [documents[table]] if table in documents else []
            tests += answers if table == PREDICTIONS else []
            if table == QUARANTINE:
                tests += answers_told(subject, told, fields="record", keys="record")
            if table == OUTCOMES and PREDICTIONS in lake.tables():
                tests += self._outcomes(subject, answers)
            if tests:
                yield table, pl.any_horizontal(*(test.fill_null(False) for test in tests))

    def _outcomes(self, subject: Subject, answers: list[pl.Expr]) -> list[pl.Expr]:
        import polars as pl

        said = [
            pl.col(name).str.contains(text, literal=True) for name in ("keys", "fields") for text in _as_json(subject)
        ]
        tests = [*([] if subject.document else said), *answers]
        rows = (
            self._workspace.lake.scan(PREDICTIONS).filter(pl.any_horizontal(*tests)).select("id", "reference").collect()
        )
        names = rows["reference"].drop_nulls().to_list()
        named = [] if subject.document else [subject.value]
        return [pl.col("prediction").is_in(rows["id"].to_list()), pl.col("reference").is_in([*names, *named])]


class OnlinePlace:
    """The online store: derived from the tables, so it is thrown away; `kreis run` feeds it anew."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def find(self, subject: Subject) -> list[Found]:
        """See `Place.find`."""
        online = self._workspace.online
        return [Found(place="online store", where=str(online))] if online.exists() else []

    def erase(self, subject: Subject, reason: str) -> None:
        """See `Place.erase`."""
        if self._workspace.online.exists():
            self._workspace.online.discard()


PLACES: dict[str, Callable[[Workspace], Place]] = {
    "journal": JournalPlace,
    "vectors": VectorPlace,
    "transcripts": TranscriptPlace,
    "reviews": ReviewPlace,
    "lake": LakePlace,
    "indexes": IndexPlace,
    "copies": CopyPlace,
    "online store": OnlinePlace,
}
"""What is asked and erased, in this order; a part that keeps data of people adds its own."""


def find(workspace: Workspace, subject: Subject) -> list[Found]:
    """What all places hold of a subject; changes nothing.

    Raises:
        ProjectError: key or value is blank, or nothing that is held has such a key.
    """
    _check(subject)
    found = [found for make in PLACES.values() for found in make(workspace).find(subject)]
    columns = {name for table in workspace.lake.tables() for name in workspace.lake.schema(table)}
    if not subject.document and columns and subject.key not in columns and not holding(found):
        raise ProjectError.unknown_name("column of a table", subject.key, columns, where="--entity")
    return found


def holding(found: list[Found]) -> list[Found]:
    """What is known to hold the subject; the online store is thrown away whoever is in it."""
    return [each for each in found if each.place != "online store"]


def erase(workspace: Workspace, subject: Subject, *, because: str) -> Erased:
    """Take a person's rows, or a document, out of every place, with every earlier version that held them.

    Args:
        workspace: The project's folder.
        subject: Whose rows, or which document.
        because: Why, for the record; must not name the person.

    Raises:
        ProjectError: key or value is blank, nothing that is held has such a key, or the reason holds the value.
    """
    _check(subject)
    if subject.value in because:
        raise ProjectError("the reason names the person, and the record is for ever", where="--because")
    with workspace.only_run():
        key = "document" if subject.document else subject.key
        digest = hmac.new(_secret(workspace), f"{key}={subject.value}".encode(), "sha256").hexdigest()
        reason = f"the {'texts' if subject.document else 'rows'} of subject {digest[:16]} were erased"
        before = {table: len(_removals(workspace, table)) for table in workspace.lake.tables()}
        workspace.lake.repair()  # finishes an erasure that was cut off; what no version names may hold rows, too
        erased = find(workspace, subject)  # refuses a key that nothing has, before anything is changed
        told, lines = _told(workspace, subject), _lines(workspace, subject)
        stood_before = _successors(workspace)
        for make in PLACES.values():
            make(workspace).erase(subject, reason)
        if told:  # what a service answered until it took the new release
            JournalPlace(workspace).erase(subject, reason)
            LakePlace(workspace, told).erase(subject, reason)
        models = _learned(workspace, before)
        outputs = {"places": [f"{each.place}: {each.where}" for each in erased], "models": models}
        if any(subject.value in each for each in outputs["places"]):
            outputs["places"] = sorted({each.place for each in erased})
        with workspace.ledger.record(
            event="subject.erased", subject=digest, actor=workspace.actor, reason=because, outputs=outputs
        ):
            pass
        now = _successors(workspace)
        return Erased(
            subject=digest,
            erased=erased,
            models=models,
            documents=sorted({name for _, name, _ in told}),
            successors={model: each for model, each in now.items() if stood_before.get(model) != each},
            left=list(_left(workspace, subject, lines)),
        )


def _told(workspace: Workspace, subject: Subject) -> set[tuple[str, str, str]]:
    """Tenant, id and version of a subject's documents, in any version of a table or an index."""
    held = entries_told(workspace, subject)
    return documents_told(workspace, subject) | {(each.readers[0], each.said[0], each.said[1]) for each in held}


def _lines(workspace: Workspace, subject: Subject) -> list[str]:
    """Some lines of a subject's documents, to look for afterwards."""
    lines = set[str]()
    for each in entries_told(workspace, subject):
        found = sorted({line.strip() for text in each.texts for line in text.splitlines()}, key=len)
        lines.update(line for line in found[-_LINES:] if len(line) >= _LINE)
    return sorted(lines)


def _successors(workspace: Workspace) -> dict[str, str]:
    from kreis.ledger.models import successors

    with workspace.ledger.read() as connection:
        return successors(connection)


def _left(workspace: Workspace, subject: Subject, lines: list[str]) -> Iterator[str]:
    """What holds the value, or a line of a document, still."""
    files = files_holding(workspace.state, subject.value)
    yield from map(str, files)
    of_lines = sorted({path for line in lines for path in files_holding(workspace.state, line)} - set(files))
    yield from (f"{path} (a line of it, or of another document that says the same)" for path in of_lines)
    for each in LakePlace(workspace).find(subject):
        yield f"{each.where} ({counted(each.rows, 'row')})"
    for path in CopyPlace(workspace).left():
        yield f"{path} (the service has it open: start it again)"
    if subject.document:
        return
    yield from _mentions(workspace, subject)
    if not subject.in_texts and has_documents(workspace.lake):
        yield "perhaps documents: a value this short is not looked for in texts (kreis erase --document ID)"


def _check(subject: Subject) -> None:
    if not subject.key.strip() or not subject.value.strip():
        raise ProjectError("an erasure needs a key and a value", where="--entity", hint="--entity customer=C00017")


def _removals(workspace: Workspace, table: str) -> list[list[tuple[int, int]]]:
    with workspace.ledger.read() as connection:
        return [removal.versions for removal in removals_of(connection, table)]


def _learned(workspace: Workspace, before: dict[str, int]) -> list[str]:
    """The models that rest on a version that this erasure removed."""
    from kreis.actions.upkeep import versions_used

    with workspace.ledger.read() as connection:
        used = versions_used(connection)
    found: set[str] = set()
    for table, versions in used.items():
        spans = [span for spans in _removals(workspace, table)[before.get(table, 0) :] for span in spans]
        for number, models in versions.items():
            if any(first <= number <= last for first, last in spans):
                found.update(models)
    return sorted(found)


def _mentions(workspace: Workspace, subject: Subject) -> Iterator[str]:
    """Columns of other names that hold the value: whether it is the same person, the user must say."""
    import polars as pl

    for table in workspace.lake.tables():
        texts = [name for name, kind in workspace.lake.schema(table).items() if kind == pl.String]
        counts = workspace.lake.scan(table).select((pl.col(name) == subject.value).sum() for name in texts).collect()
        for name in texts:
            if counts[name][0]:
                yield f"column {name!r} of {table} ({counted(counts[name][0], 'row')}): --entity {name}=…"


def _of_key(subject: Subject, columns: Mapping[str, list[pl.DataType]]) -> Iterator[pl.Expr]:
    """What tells the rows of a key's value in a table of these columns."""
    import polars as pl

    if subject.key in columns:
        yield pl.col(subject.key).cast(pl.String) == subject.value
    for name in _JSON:
        if pl.String in columns.get(name, []):
            text = pl.col(name).cast(pl.String)  # in another version it may be of another type
            yield from (text.str.contains(said, literal=True) for said in _as_json(subject))


def _as_json(subject: Subject) -> list[str]:
    """How the pair stands in a text of JSON: at its end, or before another."""
    key, value = (msgspec.json.encode(each).decode() for each in (subject.key, subject.value))
    return [f"{key}:{value}", f"{key}: {value}", f"{key}:{subject.value},", f"{key}:{subject.value}}}"]


def _secret(workspace: Workspace) -> bytes:
    path = workspace.state / "keys" / "erasure.key"
    if not path.exists():
        make_directory(path.parent)
        write_durably(path, secrets.token_bytes(32))
        os.chmod(path, 0o600)
    return path.read_bytes()
