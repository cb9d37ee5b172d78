"""One place of the record, as papers name it: "steps/KEY/outputs/report/rows" is a number of a step that was made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from kreis.errors import ProjectError
from kreis.ledger import documents, models, runs, steps
from kreis.workspace import Workspace

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["RecordView", "record_view"]


class RecordView(msgspec.Struct, frozen=True, kw_only=True):
    """What stands at a place of the record."""

    table: str
    key: str
    path: list[str]
    value: Any


def record_view(workspace: Workspace, place: str) -> RecordView:
    """What stands at a place of the record.

    Args:
        workspace: Where.
        place: Table, key (or the beginning of it) and path, with "/" between them; the tables if it is empty.

    Raises:
        ProjectError: there is no such place.
    """
    if not place:
        return RecordView(table="", key="", path=[], value=sorted(_TABLES))
    table, _, rest = place.partition("/")
    key, _, path = rest.partition("/")
    if table not in _TABLES:
        raise ProjectError.unknown_name("table", table, _TABLES, where="kreis show record")
    with workspace.ledger.read() as connection:
        row = _TABLES[table](connection, key)
    value: Any = msgspec.to_builtins(row)
    parts = [each.replace("~1", "/").replace("~0", "~") for each in path.split("/")] if path else []
    for number, part in enumerate(parts):
        at = "/".join([table, key, *parts[:number]])
        value = _within(value, part, at)
    return RecordView(table=table, key=key, path=parts, value=value)


def _within(value: Any, part: str, at: str) -> Any:
    if isinstance(value, Mapping):
        if part not in value:
            raise ProjectError.unknown_name("name", part, [str(each) for each in value], where=at)
        return value[part]
    if isinstance(value, Sequence) and not isinstance(value, str) and part.isdecimal() and int(part) < len(value):
        return value[int(part)]
    raise ProjectError(f"there is no {part!r}", where=at)


_TABLES: Mapping[str, Callable[[Connection, str], Any]] = {
    "steps": steps.get_step,
    "runs": runs.get_run,
    "models": models.get_model,
    "documents": documents.get_document,
}
