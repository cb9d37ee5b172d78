"""The data contract that is written for a table: what its rows promise, with what was seen beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from kreis.rows.columns import as_identifiers
from kreis.start.columns import Column
from kreis.start.profile import Profile
from kreis.texts import counted, plain

__all__ = ["contract_text", "quoted"]

_TYPES: Final = {
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "date": "date",
    "moment": "timestamp",
    "category": "string",
    "text": "string",
}
_MOST_VALUES: Final = 20
"""A text with more different values is not held to a list of them."""
_OFTEN: Final = 10
"""A value must come so often before a list of values is taken to be whole."""


def contract_text(name: str, title: str, profile: Profile, frame: pl.DataFrame) -> str:
    """A contract as Open Data Contract Standard YAML.

    Args:
        name: The project's.
        title: Where the table comes from, for its description.
        profile: What was found in it.
        frame: The table, and further tables of the same form: what is missing or comes in any of them may be so.
    """
    fields = as_identifiers([each.name for each in profile.columns])
    missing = {column: frame[column].null_count() for column in frame.columns}
    lines = [
        f"# What the rows of {plain(title)} promise. Written from {counted(frame.height, 'row')}: edit what"
        " is not meant so.",
        "# A row that breaks it is set aside (quarantine) and counted; it never reaches a model.",
        "apiVersion: v3.2.0",
        "kind: DataContract",
        f"id: {name}-rows",
        f"name: {name}",
        "version: 1.0.0",
        "status: draft  # active, once you have read it",
        "description:",
        f"  purpose: {quoted(f'Each row is one case; {profile.outcome} is what is to be predicted.')}",
        "schema:",
        "  - name: rows",
        "    physicalType: file",
        "    properties:",
    ]
    for column in profile.columns:
        values = _values(frame, column)
        lines += [f"      # {each}" for each in _seen(column, values)]
        lines.append(f"      - {_property(column, fields[column.name], profile, missing[column.name], values)}")
    lines += ["    customProperties:", "      - {property: kreis.quarantine.at_most, value: 0.01}", ""]
    return "\n".join(lines)


def _property(column: Column, field: str, profile: Profile, missing: int, values: Sequence[str]) -> str:
    said: dict[str, object] = {"name": field, "logicalType": _TYPES[column.kind]}
    if field != column.name:
        said["physicalName"] = column.name
    if column.name == profile.id:
        said["primaryKey"] = True
    elif not missing:
        said["required"] = True
    if values:
        said["enum"] = [{"value": each} for each in values]
    return _flow(said)


def _values(frame: pl.DataFrame, column: Column) -> list[str]:
    """The values of a category of few, each of which comes often."""
    if column.kind != "category" or not 0 < column.distinct <= _MOST_VALUES:
        return []
    counts = frame[column.name].drop_nulls().alias("value").value_counts().sort("value")
    if counts.height > _MOST_VALUES or counts["count"].min() < _OFTEN:  # type: ignore[operator]
        return []
    return [str(each) for each in counts["value"]]


def _seen(column: Column, values: Sequence[str]) -> list[str]:
    """What was seen in a column, where its line does not say it."""
    said = []
    if column.low is not None and column.high is not None:
        said.append(f"{column.low:,.6g} to {column.high:,.6g}")
    elif not values and column.examples:
        said.append("such as " + ", ".join(plain(each) for each in column.examples))
    if column.missing:
        said.append(f"missing in {column.missing / column.rows:.1%}")
    return ["; ".join(said)] if said else []


def _flow(value: object) -> str:
    """A value in YAML's flow style."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return quoted(str(value))


def quoted(text: str) -> str:
    """A text that YAML reads as that text: words bare, all else as a JSON string, which YAML reads too."""
    words = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
    bare = re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", text) and text.lower() not in words
    return text if bare else json.dumps(text, ensure_ascii=False)
