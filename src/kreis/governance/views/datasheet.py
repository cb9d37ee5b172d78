"""A source's datasheet (Gebru et al. 2021, Datasheets for Datasets), answered from the record, the rest asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from kreis.actions.statements import AskedFor, asked_for
from kreis.governance.views.source import SourceView, source_view
from kreis.ledger import documents, models, steps, tables
from kreis.ledger.records import LakeFile, TableVersion
from kreis.texts import counted, date, plain, short
from kreis.workspace import Workspace

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["Answered", "ColumnSaid", "DatasheetView", "datasheet_view"]

_SECTIONS = (
    "Motivation",
    "Composition",
    "Collection process",
    "Preprocessing, cleaning, labelling",
    "Uses",
    "Distribution",
    "Maintenance",
)


class ColumnSaid(msgspec.Struct, frozen=True, kw_only=True):
    """A column, as the contract says it."""

    name: str
    kind: str
    """Logical type of the contract; as the source gave it where the contract says none."""
    description: str
    required: bool
    key: bool
    classification: str
    """Whether it is personal or otherwise sensitive, as the contract says."""


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """A question of the datasheet."""

    section: str
    question: str
    answer: str
    """Empty where nobody has said it."""
    by: str
    """"record", or who said it and when."""
    key: str
    """By which a person says it; empty where the record does."""


class DatasheetView(msgspec.Struct, frozen=True, kw_only=True):
    """The datasheet of a source."""

    source: str
    name: str
    """As the contract calls it."""
    description: str
    table: str
    version: int
    rows: int
    fingerprint: str
    collected: str
    """When, UTC."""
    licence: str
    """As a person said it; empty where nobody has."""
    columns: list[ColumnSaid]
    files: list[LakeFile]
    """Parquet files of this version, where it holds whole files."""
    answers: list[Answered]

    @property
    def markdown(self) -> str:
        """As a page."""
        from kreis.evaluation.card import plain as escaped

        parts = [f"# Datasheet: {escaped(self.name)}", escaped(self.description)]
        for section in _SECTIONS:
            parts.append(f"## {section}")
            for each in (one for one in self.answers if one.section == section):
                missing = f"△ Nobody has said this yet: `kreis card fill --set {each.key}=…`"
                by = "" if each.by == "record" else f" ({escaped(each.by)})"
                parts.append(f"**{escaped(each.question)}** " + (escaped(each.answer) + by if each.answer else missing))
        head = "| column | type | required | what it is |\n|---|---|---|---|"
        rows = [
            f"| {escaped(c.name)} | {escaped(c.kind)} | {'yes' if c.required else 'no'} | "
            f"{escaped('. '.join(filter(None, (c.description, c.classification))))} |"
            for c in self.columns
        ]
        return "\n\n".join([each for each in parts if each] + ["## Columns", "\n".join([head, *rows])]) + "\n"


def datasheet_view(workspace: Workspace, name: str) -> DatasheetView:
    """The datasheet of a source, as it was collected last; of the one that was collected last if none is named.

    Raises:
        ProjectError: no such source, or none was collected yet.
    """
    view = _source(workspace, name)
    said = {each.key: each for each in asked_for(workspace)}
    with workspace.ledger.read() as connection:
        contract = documents.find_document(connection, view.contract)
        schema, whole = _schema(contract.body if contract is not None else "", view.source)
        versions = tables.versions_of(connection, view.table)
        facts = _Facts(connection, view, whole, versions)
        answers = [
            *facts.answers(),
            *(_answer(each) for each in said.values() if each.key.startswith(f"{view.source}.")),
        ]
    order = {section: place for place, section in enumerate(_SECTIONS)}
    licence = said.get(f"{view.source}.license")
    description = whole.get("description")
    purpose = description.get("purpose", "") if isinstance(description, dict) else description
    return DatasheetView(
        source=view.source,
        name=str(whole.get("name") or view.source),
        description=str(schema.get("description") or purpose or ""),
        table=view.table,
        version=view.version,
        rows=view.rows,
        fingerprint=view.fingerprint,
        collected=date(view.at),
        licence=licence.said.text if licence is not None and licence.said is not None else "",
        columns=_columns(schema, view.came),
        files=_files(versions, view.version),
        answers=sorted(answers, key=lambda each: order.get(each.section, len(order))),
    )


def _source(workspace: Workspace, name: str) -> SourceView:
    found = source_view(workspace, name)
    if isinstance(found, SourceView):
        return found
    with workspace.ledger.read() as connection:
        collected = steps.last_steps(connection, "collection")
    return _source(workspace, list(collected)[-1])


def _schema(body: str, source: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The contract's part for the source's table, and the whole of it: on record is the contract and a table's name."""
    whole: dict[str, Any] = msgspec.json.decode(body)[0] if body else {}
    parts = [each for each in whole.get("schema", []) if isinstance(each, dict)]
    own = next((each for each in parts if each.get("name") == source), parts[0] if parts else {})
    return own, whole


def _columns(schema: dict[str, Any], came: dict[str, str]) -> list[ColumnSaid]:
    said = {str(each.get("name")): each for each in schema.get("properties", []) if isinstance(each, dict)}
    return [
        ColumnSaid(
            name=name,
            kind=str(said.get(name, {}).get("logicalType") or came.get(name, "unknown")),
            description=str(said.get(name, {}).get("description") or ""),
            required=bool(said.get(name, {}).get("required") or said.get(name, {}).get("primaryKey")),
            key=bool(said.get(name, {}).get("primaryKey")),
            classification=str(said.get(name, {}).get("classification") or ""),
        )
        for name in dict.fromkeys([*said, *came])
        if not name.startswith("__")
    ]


def _files(versions: list[TableVersion], version: int) -> list[LakeFile]:
    """The files of a version, where it replaced all before it or only added to it."""
    kept: list[LakeFile] = []
    for each in sorted(versions, key=lambda each: each.version):
        if each.version > version:
            break
        if each.mode == "rewrite":
            return []
        kept = [*(kept if each.mode == "append" else []), *each.added]
    return kept


def _answer(each: AskedFor) -> Answered:
    said = each.said
    return Answered(
        section=each.section,
        question=each.question,
        answer="" if said is None else said.text,
        by="" if said is None else f"{said.actor}, {date(said.at)} UTC",
        key=each.key,
    )


class _Facts:
    """What the record answers by itself."""

    def __init__(
        self, connection: Connection, view: SourceView, contract: dict[str, Any], versions: list[TableVersion]
    ) -> None:
        self._connection, self._view, self._contract, self._versions = connection, view, contract, versions

    def answers(self) -> Iterator[Answered]:
        """Questions with their answers."""
        view, report = self._view, self._view.report
        told = self._contract.get("description")
        limits = told.get("limitations", "") if isinstance(told, dict) else ""
        for section, question, answer in (
            ("Composition", "How many instances are there?", f"{counted(view.rows, 'row')} in version {view.version}."),
            (
                "Composition",
                "What does each instance consist of?",
                f"{counted(len(view.came), 'column')}, listed below.",
            ),
            ("Composition", "Is anything known to be wrong or missing?", str(limits)),
            (
                "Composition",
                "Are there errors, noise or redundancies?",
                f"{counted(view.quarantined, 'row')} broke the contract in the last collection: in quarantine"
                f" ({report.repeated:,} exact copies left out).",
            ),
            ("Collection process", "Over what time was it collected?", self._times()),
            ("Collection process", "What was it read from?", ", ".join(view.files) or "what the source's code reads"),
            (
                "Preprocessing, cleaning, labelling",
                "Was anything cleaned, and is the raw data kept?",
                f"Rows that break the contract {short(view.contract)} are kept apart; {view.table} holds the rest as it"
                " came, at each version.",
            ),
            ("Preprocessing, cleaning, labelling", "What is made of it?", self._made()),
            ("Uses", "Has it been used already?", self._models()),
            (
                "Maintenance",
                "Is it updated?",
                f"Versions so far: {len(self._versions):,}, the last on {date(view.at)} UTC.",
            ),
            ("Maintenance", "Was anything taken away from it?", self._removed()),
        ):
            if answer:
                yield Answered(section=section, question=question, answer=plain(answer), by="record", key="")

    def _times(self) -> str:
        begun = min((each.at for each in self._versions), default=self._view.at)
        until = "" if self._view.known_until is None else f"; what was known until {date(self._view.known_until)} UTC"
        return f"Collected from {date(begun)} to {date(self._view.at)} UTC{until}."

    def _made(self) -> str:
        made = steps.last_steps(self._connection, "preparation")
        names = [name for name, step in made.items() if self._view.source in step.inputs]
        return f"In preparation: {', '.join(names)}." if names else ""

    def _models(self) -> str:
        known = models.list_models(self._connection)
        if not known:
            return "No model has been registered that learned from it."
        versions = ", ".join(f"{each.version} ({each.candidate})" for each in reversed(known[:20]))
        return f"In the runs that registered the model versions {versions} of {known[0].project}."

    def _removed(self) -> str:
        removals = tables.removals_of(self._connection, self._view.table)
        if not removals:
            return "Nothing was erased or expired."
        return "; ".join(f"{each.why} on {date(each.at)} UTC: {each.reason}" for each in removals)
