"""The contract of a table without times: from what its columns are, or completed where the user gave one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kreis.collection.contracts.contract import Contract
from kreis.collection.contracts.reading import read_yaml
from kreis.rows.columns import RowColumn

__all__ = ["completed", "derived", "property_of"]


def derived(name: str, columns: Sequence[RowColumn]) -> dict[str, Any]:
    """A contract as plain data that holds a table to the types of its columns, and to nothing else.

    Args:
        name: The table's.
        columns: Its columns.
    """
    return {
        "apiVersion": "v3.2.0",
        "kind": "DataContract",
        "id": name,
        "version": "1.0.0",
        "status": "active",
        "schema": [{"name": name, "properties": [property_of(column) for column in columns if column.kind]}],
    }


def property_of(column: RowColumn) -> dict[str, Any]:
    """A column as a contract has it, with its type alone."""
    found: dict[str, Any] = {"name": column.name, "logicalType": column.kind}
    if column.source_name != column.name:
        found["physicalName"] = column.source_name
    if column.kind == "number":
        found["customProperties"] = [{"property": "kreis.nan.means_null", "value": True}]
    return found


def completed(
    document: dict[str, Any], file: str, *, added: Mapping[str, str], key: str, time: str, replaced: bool
) -> Contract:
    """The contract, with the columns that kreis adds.

    Args:
        document: As derived, or as the user wrote it.
        file: Where it comes from.
        added: Columns that kreis adds, with their types.
        key: The column that names a row; it is a text.
        time: The column with the moment of a row.
        replaced: Whether the table is replaced as a whole, so that any share of its rows may be others.
    """
    table = dict(document["schema"][0])
    properties: list[dict[str, Any]] = [{"name": name, "logicalType": kind} for name, kind in added.items()]
    properties = [*(dict(each) for each in table.get("properties", ())), *properties]
    keyed = any(each.get("primaryKey") for each in properties)
    for each in properties:
        if each["name"] == key:
            options = each.get("logicalTypeOptions") if each.get("logicalType") == "string" else None
            each |= {"logicalType": "string", "logicalTypeOptions": options or {}}
            each |= {} if keyed else {"primaryKey": True}
        if each["name"] == time:
            each |= {"required": True} | _moment(each)
    custom = list(table.get("customProperties", ()))
    if replaced and not any(each.get("property") == "kreis.changes.at_most" for each in custom):
        custom.append({"property": "kreis.changes.at_most", "value": 1.0})
    table |= {"properties": properties, "customProperties": custom}
    return Contract.of({**document, "schema": [table]}, file)


def _moment(declared: Mapping[str, Any]) -> dict[str, Any]:
    """A day is the moment at which it begins."""
    if declared.get("logicalType") != "date":
        return {}
    options = dict(declared.get("logicalTypeOptions") or {})
    return {"logicalType": "timestamp", "logicalTypeOptions": {"format": "yyyy-MM-dd"} | options}


def read(path: Path) -> dict[str, Any]:
    """A contract's file as plain data."""
    return read_yaml(path)[0]
