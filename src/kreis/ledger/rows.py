"""Records to rows and back. Every write of the ledger passes through `Records`, and every read is checked.

A row carries the SHA-256 of its own contents. A read recomputes it, so a flipped bit or an edit behind the
ledger's back is refused, not served; the audit entry of the transaction that wrote the row holds it too, so
whoever recomputes the row's digest after the edit is found by `audit.verify`.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, Table, UnaryExpression, func, insert, select, update

from kreis.clock import microseconds, moment
from kreis.digests import canonical_json, digest_of
from kreis.errors import CorruptionError, ProjectError, nearest
from kreis.ledger.transaction import Transaction

__all__ = ["Records", "Row", "is_as_written", "row_digest", "row_key", "stored_rows", "to_json", "to_row"]

Row = Mapping[str, Any]
_R = TypeVar("_R", bound=msgspec.Struct)
_PLAIN = (str, int, float)

_ONCE_DIGESTED_AS_NULL = {
    "runs": ("finished_at",),
    "verdicts": ("to",),
    "table_versions": ("run", "known_until"),
    "releases": ("fallback", "previous", "run"),
    "alerts": ("to", "run"),
}
"""The optional columns of schema 0001, whose rows name their nulls in the digest."""


def row_key(table: Table, row: Row) -> str:
    """The row's primary key as a JSON list."""
    return to_json([row[column.name] for column in table.primary_key])


def row_digest(table: Table, row: Row) -> str:
    """The SHA-256 of a row as it is stored, its table's name included and its `sha256` left out.

    Nulls are left out, so a column that is added later changes no digest.
    """
    contents = {name: value for name, value in row.items() if name != "sha256" and value is not None}
    return digest_of(canonical_json([str(table.name), contents]))


def is_as_written(table: Table, row: Row) -> bool:
    """Whether a row is what its `sha256` says, by today's rule or by that of schema 0001.

    Both rules describe the same row (one says null, the other says nothing), so neither lets an edit through.
    """
    if row_digest(table, row) == row["sha256"]:
        return True
    named = _ONCE_DIGESTED_AS_NULL.get(table.name, ())
    contents = {name: value for name, value in row.items() if name != "sha256" and (value is not None or name in named)}
    return bool(digest_of(canonical_json([str(table.name), contents])) == row["sha256"])


def stored_rows(connection: Connection, statement: Select[Any]) -> Iterator[Row]:
    """What a query finds, as it is stored."""
    for row in connection.execute(statement):
        yield row._asdict()


def to_json(document: Any) -> str:
    """Canonical JSON as text."""
    return canonical_json(document).decode()


def to_row(record: msgspec.Struct) -> dict[str, Any]:
    """A record's fields as they are stored."""
    encoders = _codec(type(record))
    return {name: _encode(kind, getattr(record, name)) for name, kind, _ in encoders}


class Records(Generic[_R]):
    """The rows of one table as records of one type."""

    def __init__(self, table: Table, record: type[_R], *, called: str) -> None:
        self.table = table
        self.record = record
        self.called = called
        self._defaults = {each.name for each in msgspec.structs.fields(record) if not each.required}
        """A null stands for a field's default: a column that came later, of a row written before."""
        """What one of them is called in a message."""

    def insert(self, tx: Transaction, record: _R, **beside: int) -> None:
        """Write a new row. `beside` are columns that the record has no field for."""
        row = {**to_row(record), **beside}
        row["sha256"] = row_digest(self.table, row)
        tx.connection.execute(insert(self.table), row)
        tx.wrote(str(self.table.name), row_key(self.table, row), row["sha256"])

    def update(self, tx: Transaction, record: _R) -> None:
        """Write a row's new contents in place of those under the same primary key."""
        row = to_row(record)
        row["sha256"] = row_digest(self.table, row)
        same = [column == row[column.name] for column in self.table.primary_key]
        tx.connection.execute(update(self.table).where(*same).values(row))
        tx.wrote(str(self.table.name), row_key(self.table, row), row["sha256"])

    def find(
        self,
        connection: Connection,
        *where: ColumnElement[bool],
        order: Sequence[ColumnElement[Any] | UnaryExpression[Any]] = (),
        limit: int | None = None,
    ) -> list[_R]:
        """The records that meet all conditions.

        Raises:
            CorruptionError: a row is not what was written.
        """
        statement = select(self.table).where(*where).order_by(*order).limit(limit)
        return [self._checked(row) for row in stored_rows(connection, statement)]

    def first(
        self,
        connection: Connection,
        *where: ColumnElement[bool],
        order: Sequence[ColumnElement[Any] | UnaryExpression[Any]] = (),
    ) -> _R | None:
        """The first record that meets all conditions, or None."""
        found = self.find(connection, *where, order=order, limit=1)
        return found[0] if found else None

    def by_prefix(self, connection: Connection, text: str, *where: ColumnElement[bool]) -> _R:
        """The one record whose (first) key column is `text`, or begins with it.

        Raises:
            ProjectError: none does (with the nearest that exist), or several do.
        """
        key: ColumnElement[str] = next(iter(self.table.primary_key))
        within = (key >= text, key < text + "\U0010ffff")
        found = self.find(connection, *within, *where, order=[key], limit=2) if text else []
        if len(found) == 1 or (found and getattr(found[0], key.key or "") == text):
            return found[0]
        if found:
            raise ProjectError(
                f"several {self.called}s begin with {text!r}", where="ledger", hint="write more of the identifier"
            )
        newest = select(key).where(*where).order_by(key.desc()).limit(200)
        known = connection.execute(newest).scalars().all()
        raise ProjectError(f"unknown {self.called} {text!r}", where="ledger", hint=nearest(text, known))

    def named(
        self,
        connection: Connection,
        name: str | int,
        *where: ColumnElement[bool],
        numbers: ColumnElement[int],
        number: str,
        none: str,
    ) -> _R:
        """The one record with an identifier, or the beginning of one, or with a number.

        Args:
            connection: To the ledger.
            name: Identifier or number.
            where: Which records count.
            numbers: The column of numbers.
            number: What a number is called in a message: "model version".
            none: What is said where there is no record at all.

        Raises:
            ProjectError: there is none, or several.
        """
        if isinstance(name, str):
            return self.by_prefix(connection, name, *where)
        found = self.find(connection, numbers == name, *where, limit=2)
        if len(found) == 1:
            return found[0]
        if found:
            raise ProjectError(f"several projects have a {number} {name}", where="ledger", hint="name the project")
        newest = connection.execute(select(func.max(numbers)).where(*where)).scalar()
        hint = none if newest is None else f"the newest {number.split()[-1]} is {newest}"
        raise ProjectError(f"there is no {number} {name}", where="ledger", hint=hint)

    def _checked(self, row: Row) -> _R:
        if not is_as_written(self.table, row):
            raise CorruptionError(
                "the row is not what was written",
                where=f"ledger, {self.table.name} {row_key(self.table, row)}",
                hint="run `kreis audit verify` to see how far it goes, then restore a backup",
            )
        said = ((name, decode(row[name])) for name, _, decode in _codec(self.record))
        return self.record(**{name: value for name, value in said if value is not None or name not in self._defaults})


_Kind = Literal["plain", "time", "flag", "json"]
_Codec = list[tuple[str, _Kind, Callable[[Any], Any]]]
_CODECS: dict[type[msgspec.Struct], _Codec] = {}


def _codec(record: type[msgspec.Struct]) -> _Codec:
    """For each field its name, how it is stored, and the function that reads it back."""
    if record not in _CODECS:
        _CODECS[record] = [
            (field.name, kind, _decoder(kind, field.type))
            for field in msgspec.structs.fields(record)
            for kind in [_kind(field.type)]
        ]
    return _CODECS[record]


def _kind(annotation: Any) -> _Kind:
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        (annotation,) = (each for each in get_args(annotation) if each is not type(None))
        origin = get_origin(annotation)
    if annotation is datetime:
        return "time"
    if annotation is bool:
        return "flag"
    return "plain" if annotation in _PLAIN or origin is Literal else "json"


def _encode(kind: _Kind, value: Any) -> Any:
    if value is None:
        return None
    if kind == "time":
        return microseconds(value)
    if kind == "flag":
        return int(value)
    return value if kind == "plain" else to_json(value)


def _decoder(kind: _Kind, annotation: Any) -> Callable[[Any], Any]:
    match kind:
        case "time":
            return _optional_moment
        case "flag":
            return bool
        case "json":
            return _json_decoder(annotation)
        case "plain":
            return _as_it_is


def _json_decoder(annotation: Any) -> Callable[[str | None], Any]:
    decode = msgspec.json.Decoder(annotation).decode
    return lambda text: None if text is None else decode(text)


def _optional_moment(us: int | None) -> datetime | None:
    return None if us is None else moment(us)


def _as_it_is(value: Any) -> Any:
    return value
