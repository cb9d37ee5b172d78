"""A row's digest: it covers the row, and outlives columns that are added later."""

from __future__ import annotations

import msgspec
import pytest
from sqlalchemy import Column, MetaData, Table, Text

from kreis.digests import canonical_json, digest_of
from kreis.ledger import schema
from kreis.ledger.rows import is_as_written, row_digest

TODAY = Table("runs", MetaData(), Column("id", Text), Column("finished_at", Text, nullable=True))
ROW = {"id": "r1", "finished_at": None}


def written_by_0001(row: dict[str, str | None]) -> dict[str, str | None]:
    """As schema 0001 digested it: every column, null or not."""
    return {**row, "sha256": digest_of(canonical_json(["runs", row]))}


def test_a_column_added_later_changes_no_digest() -> None:
    assert row_digest(TODAY, {**ROW, "note": None}) == row_digest(TODAY, ROW)
    assert is_as_written(TODAY, {**ROW, "note": None, "sha256": row_digest(TODAY, ROW)})
    assert is_as_written(TODAY, {**written_by_0001(ROW), "note": None})


@pytest.mark.parametrize("edit", [{"note": "x"}, {"id": "r2"}, {"finished_at": "1"}, {"sha256": "0" * 64}])
def test_an_edit_is_seen_under_either_rule(edit: dict[str, str]) -> None:
    for row in ({**ROW, "note": None, "sha256": row_digest(TODAY, ROW)}, {**written_by_0001(ROW), "note": None}):
        assert not is_as_written(TODAY, {**row, **edit})


def test_a_value_set_to_null_is_seen() -> None:
    ended = {"id": "r1", "finished_at": "1"}
    for row in ({**ended, "sha256": row_digest(TODAY, ended)}, written_by_0001(ended)):
        assert is_as_written(TODAY, row)
        assert not is_as_written(TODAY, {**row, "finished_at": None})


FIRST = {
    "runs": "id project as_of status trigger started_at finished_at? pins goal",
    "steps": "key discipline name inputs outputs seconds finished_at",
    "run_steps": "run key position remembered",
    "verdicts": "run number discipline kind reason to? detail at",
    "table_versions": "table version step run? mode rows added commit commit_sha256 fingerprint known_until? at",
    "models": "digest project version candidate run signature at",
    "evaluations": "id model run metrics gates passed at",
    "approvals": "id model role actor reason at",
    "releases": "id project number routes fallback? previous? kind run? actor reason at",
    "alerts": "id project monitor level summary detail to? run? at",
    "documents": "digest kind name body",
}
"""The columns of schema 0001; optional ones with a question mark. They never change."""


def test_columns_of_the_first_schema_stay_and_later_ones_are_optional() -> None:
    for name, columns in FIRST.items():
        table = schema.metadata.tables[name]
        first = {column.rstrip("?"): column.endswith("?") for column in columns.split()}
        for column in table.columns:
            if column.name != "sha256":
                assert column.nullable is first.pop(column.name, True), f"{name}.{column.name}"
        assert not first, f"{name} lost {sorted(first)}"


def test_every_later_field_of_a_record_has_a_default() -> None:
    """So that a row written before the field is read as the record of today."""
    from kreis.ledger import records

    made = {"TableVersion": "table_versions", "RunStep": "run_steps"}
    for record in vars(records).values():
        if not (isinstance(record, type) and issubclass(record, msgspec.Struct)) or record is msgspec.Struct:
            continue
        table = made.get(record.__name__, record.__name__.lower() + "s")
        if table in FIRST:
            first = {column.rstrip("?") for column in FIRST[table].split()}
            for field in msgspec.structs.fields(record):
                assert field.name in first or not field.required, f"{record.__name__}.{field.name}"
