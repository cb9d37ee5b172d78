"""Answers a whole file without a service: rows in, answers out, in memory that does not grow with the file."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl
from polars.io.plugins import register_io_source

from kreis.actions.model_names import model_in_service
from kreis.collection.connectors.table import read_table
from kreis.deployment.batch import Batch
from kreis.deployment.coverage_levels import levels_in_service
from kreis.deployment.server.messages import Ask, Refusal, Reply
from kreis.deployment.server.models import LoadedModel, open_store
from kreis.errors import ProjectError
from kreis.ledger.releases import list_releases
from kreis.preparation.views import FieldType
from kreis.rows.columns import as_identifiers

if TYPE_CHECKING:
    from kreis.workspace import Workspace

__all__ = ["Predicted", "predict_file"]

BATCH = 5_000
"""Rows in memory at once."""
_FORMATS = (".csv", ".parquet", ".jsonl")
_MOST_FLAGS = 1_000
_SHOWN = 8


class Predicted(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a file."""

    output: str
    version: int
    """The model that answered."""
    rows: int
    answered: int
    flagged: int
    """Rows with something unusual; they are answered all the same."""
    flags: dict[str, int]
    """What was unusual, or why rows were not answered; how often."""
    decisions: dict[str, int]
    """How often each was made, where there are few."""
    not_sent: list[str]
    """Fields that the model reads and the file does not have."""


def predict_file(
    workspace: Workspace,
    file: Path,
    output: Path,
    *,
    model: str = "",
    id: str = "",  # noqa: A002 (the word that the user writes)
    as_of: str = "",
    separator: str | None = None,
    header: bool | None = None,
    said: Callable[[int], None] | None = None,
) -> Predicted:
    """Answer each row of a file by the package that the service answers with, through the same door.

    Args:
        workspace: The project's folder.
        file: The rows: CSV of any form, Parquet, JSON Lines, Excel. Columns are the request's fields and keys; others
            are not looked at.
        output: Where to: `.csv`, `.parquet` or `.jsonl`. Written whole or not at all.
        model: Version or digest; the champion in service if not given.
        id: The column that names a row; the project's own, or the row's number, if not given.
        as_of: The moment: what entities did later is not used. Now, if not given.
        separator: Between the fields of a CSV file; found if not given.
        header: Whether the first line names the columns; found if not given.
        said: Is called with the number of rows that are done.

    Raises:
        ProjectError: no such file or model, no release yet, or the file has nothing that the model reads.
        SignatureError: the package is not what was signed.
    """
    if output.suffix not in _FORMATS:
        raise ProjectError(f"answers are not written as {output.suffix!r}", where=str(output), hint=", ".join(_FORMATS))
    if output.exists() and file.exists() and output.samefile(file):
        raise ProjectError("the answers would replace the rows", where=str(output), hint="name another --output")
    project = workspace.load_project()
    batch = Batch(_model(workspace, project.name, model), workspace.moment(as_of) if as_of else workspace.clock.now())
    form: dict[str, Any] = {"separator": separator, "header": header}
    spine = project.spine_declaration
    present = read_table(file, rows=1, **form).collect_schema().names()
    columns = _Columns.of(present, batch, id, "" if spine is None else spine.id, str(file))
    rows = read_table(file, columns=columns.texts, **form)
    answers = _Answers(columns, batch)

    def frames() -> Iterator[pl.DataFrame]:
        together = batch.model.within is not None  # what is ranked among each other may stand anywhere in the file
        for part in [rows.collect()] if together else rows.collect_batches(chunk_size=BATCH, maintain_order=True):
            yield answers.of(part)
            if said is not None:
                said(answers.rows)

    _write(frames, answers.schema, output)
    return Predicted(
        output=str(output),
        version=batch.model.version,
        rows=answers.rows,
        answered=answers.answered,
        flagged=answers.flagged,
        flags=dict(answers.flags.most_common()),
        decisions=dict(answers.decisions.most_common()),
        not_sent=sorted(batch.door.read.keys() - columns.fields.values()),
    )


def _model(workspace: Workspace, project: str, name: str) -> LoadedModel:
    found = model_in_service(workspace, project, name)
    with workspace.ledger.read() as connection:
        levels = levels_in_service(connection, list_releases(connection, project), found.digest)
    package = workspace.open_model(found.digest)
    stored = open_store(workspace.online) if package.manifest.views else None
    return LoadedModel(package, found.version, stored).at_levels(levels)


class _Columns(msgspec.Struct, frozen=True, kw_only=True):
    """What the columns of a file are to a model."""

    fields: dict[str, str]
    """Request field by column."""
    kinds: dict[str, FieldType]
    """By column."""
    keys: tuple[str, ...]
    """Columns that hold the keys of entities, which are called as these."""
    id: str | None
    """The column that names a row."""

    @classmethod
    def of(cls, present: Sequence[str], batch: Batch, id: str, own_id: str, where: str) -> _Columns:  # noqa: A002
        """Match the columns of a file with what a model reads, by name or by the name that `project.rows` makes of it.

        Raises:
            ProjectError: it has nothing that the model reads, or no column `id`.
        """
        plain = as_identifiers(present)
        known = batch.door.read
        fields = {column: name for column in present if (name := column if column in known else plain[column]) in known}
        keys = tuple(column for column in present if column in batch.door.keys)
        if not fields and not keys:
            hint = f"it reads {', '.join([*sorted(known), *sorted(batch.door.keys)][:_SHOWN])}"
            raise ProjectError("the file has no column that the model reads", where=where, hint=hint)
        if id and id not in present:
            raise ProjectError.unknown_name("column", id, present, where=f"{where}, --id")
        own = next((column for column in present if own_id and own_id in (column, plain[column])), None)
        kinds = {column: known[name] for column, name in fields.items()}
        return cls(fields=fields, kinds=kinds, keys=keys, id=id or own)

    @property
    def texts(self) -> dict[str, pl.DataType]:
        """Columns that are read as texts whatever they look like."""
        named = [*self.keys, *([self.id] if self.id else [])]
        return dict.fromkeys([*named, *(name for name, kind in self.kinds.items() if kind == "string")], pl.String())

    def asked(self, part: pl.DataFrame, first: int) -> tuple[list[str | int], list[Ask]]:
        """The names of some rows, and what each asks.

        Args:
            part: Rows.
            first: The number of the first of them.
        """
        values = {name: _values(part[column], self.kinds[column]) for column, name in self.fields.items()}
        keys = {column: part[column].cast(pl.String).to_list() for column in self.keys}
        numbers = range(first, first + part.height)
        named = list(numbers) if self.id is None else part[self.id].cast(pl.String).to_list()
        asks = []
        for place in range(part.height):
            fields = {name: column[place] for name, column in values.items()}
            own = {entity: column[place] for entity, column in keys.items() if column[place] is not None}
            asks.append(Ask(keys=own, fields=fields))
        return named, asks


def _values(column: pl.Series, kind: FieldType) -> list[Any]:
    """A column's values as a request brings them; one that is not of the field's kind stays a text, for the door."""
    if kind == "string":
        return column.cast(pl.String).to_list()
    if kind == "datetime":
        if column.dtype == pl.Date():
            column = column.cast(pl.Datetime("us"))
        if isinstance(column.dtype, pl.Datetime):
            zoned = column.dt.replace_time_zone("UTC") if column.dtype.time_zone is None else column
            return zoned.dt.convert_time_zone("UTC").to_list()
        return column.to_list()
    if kind in ("integer", "number") and column.dtype == pl.String():
        read = column.cast(pl.Float64, strict=False)
        return [text if number is None else number for text, number in zip(column, read, strict=True)]
    return column.to_list()


class _Answers:
    """Answers on their way into a file, and what is counted of them."""

    def __init__(self, columns: _Columns, batch: Batch) -> None:
        self._columns = columns
        self._batch = batch
        self._names = batch.model.names
        self._parts = [each.name for each in batch.model.manifest.parts]
        self.rows = self.answered = self.flagged = 0
        self.flags: Counter[str] = Counter()
        self.decisions: Counter[str] = Counter()

    @property
    def schema(self) -> pl.Schema:
        """Of the file."""
        decision = self._batch.model.manifest.decision.schema("")
        kind = pl.Boolean() if decision.get("type") == "boolean" else pl.Float64()
        several = {f"score_{name}": pl.Float64() for name in self._names}
        return pl.Schema(
            {
                "row" if self._columns.id is None else self._columns.id: pl.Int64()
                if self._columns.id is None
                else pl.String(),
                "decision": kind if decision.get("type") in ("boolean", "number", "integer") else pl.String(),
                "score": pl.Float64(),
                **several,
                **dict.fromkeys(self._parts, pl.String()),
                "flags": pl.String(),
            }
        )

    def of(self, part: pl.DataFrame) -> pl.DataFrame:
        """The answers to some rows."""
        named, asks = self._columns.asked(part, self.rows + 1)
        rows = [
            (name, *self._answer(reply), "; ".join(self._noticed(reply, flags)))
            for name, (reply, flags) in zip(named, self._batch.answer(asks), strict=True)
        ]
        self.rows += part.height
        return pl.DataFrame(rows, schema=self.schema, orient="row")

    def _answer(self, reply: Reply | Refusal) -> tuple[Any, ...]:
        if isinstance(reply, Refusal):
            return (None, None, *(None for _ in self._names), *(None for _ in self._parts))
        self.answered += 1
        said = reply.decision
        shown = json.dumps(said, ensure_ascii=False) if isinstance(said, list) else said
        if not isinstance(said, float):
            self.decisions[_word(shown)] += 1
        scores = {} if reply.scores is msgspec.UNSET else reply.scores
        parts = (json.dumps(reply.parts.get(name), ensure_ascii=False) for name in self._parts)
        return (shown, reply.score, *(scores.get(name) for name in self._names), *parts)

    def _noticed(self, reply: Reply | Refusal, flags: list[str]) -> list[str]:
        if isinstance(reply, Refusal):
            flags = [f"not answered: {reply.message}"]
        elif flags:
            self.flagged += 1
        for each in flags:
            if each in self.flags or len(self.flags) < _MOST_FLAGS:
                self.flags[each] += 1
        return flags


def _word(decision: Any) -> str:
    return ("yes" if decision else "no") if isinstance(decision, bool) else str(decision)


def _write(frames: Callable[[], Iterator[pl.DataFrame]], schema: pl.Schema, output: Path) -> None:
    """Write frames into a file of the kind that its name says: whole, or not at all."""

    def source(columns: Any, predicate: Any, rows: Any, size: Any) -> Iterator[pl.DataFrame]:
        yield from frames()

    part = output.with_name(f".{output.name}.{os.getpid()}.part")
    answers = register_io_source(source, schema=schema)
    sinks: dict[str, Callable[[Path], Any]] = {
        ".csv": answers.sink_csv,
        ".parquet": answers.sink_parquet,
        ".jsonl": answers.sink_ndjson,
    }
    try:
        sinks[output.suffix](part)
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)
