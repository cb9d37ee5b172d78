"""The nodes of kreis's own expressions: plain data, so a package can hold them and nothing can run from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import msgspec

from kreis.digests import digest_of
from kreis.errors import ProjectError
from kreis.formats import always, canonical, document_of

__all__ = [
    "Aggregate",
    "Call",
    "Column",
    "Expression",
    "Literal",
    "aggregates",
    "columns",
    "decode",
    "encode",
    "fingerprint",
    "walk",
]


class Column(msgspec.Struct, frozen=True, tag="column", tag_field="node", forbid_unknown_fields=True):
    """The value of a column."""

    name: str


class Literal(msgspec.Struct, frozen=True, tag="literal", tag_field="node", forbid_unknown_fields=True):
    """A constant."""

    value: bool | int | float | str | None


class Call(msgspec.Struct, frozen=True, tag="call", tag_field="node", forbid_unknown_fields=True):
    """An operation on rows, from the allow-list in `operations`; `options` are its constants."""

    operation: str
    arguments: tuple[Expression, ...]
    options: dict[str, bool | int | float | str | list[str]] = always({})


class Aggregate(msgspec.Struct, frozen=True, tag="aggregate", tag_field="node", forbid_unknown_fields=True):
    """Many rows to one value: sum, mean, min, max, count (not null), len, std, last (by event time)."""

    operation: str
    argument: Expression | None = always(None)


Expression: TypeAlias = Column | Literal | Call | Aggregate


def walk(expression: Expression) -> Iterator[Expression]:
    """Every node, the root first."""
    yield expression
    if isinstance(expression, Call):
        for argument in expression.arguments:
            yield from walk(argument)
    elif isinstance(expression, Aggregate) and expression.argument is not None:
        yield from walk(expression.argument)


def columns(expression: Expression) -> frozenset[str]:
    """The names of the columns that it reads."""
    return frozenset(node.name for node in walk(expression) if isinstance(node, Column))


def aggregates(expression: Expression) -> tuple[Aggregate, ...]:
    """Its aggregations, in order of appearance, each once."""
    found: list[Aggregate] = []
    for node in walk(expression):
        if isinstance(node, Aggregate) and node not in found:
            found.append(node)
    return tuple(found)


def encode(expression: Expression) -> dict[str, Any]:
    """As a plain JSON document."""
    document: dict[str, Any] = document_of(expression)
    return document


def decode(document: Mapping[str, Any]) -> Expression:
    """From a plain JSON document.

    Raises:
        ProjectError: the document is no expression.
    """
    try:
        expression: Expression = msgspec.convert(document, type=Expression)
    except msgspec.ValidationError as error:
        raise ProjectError(f"this is not an expression: {error}") from error
    except RecursionError as error:
        raise ProjectError("this is not an expression: it is nested too deeply") from error
    return expression


def fingerprint(expression: Expression) -> str:
    """The SHA-256 of its canonical JSON: equal expressions have equal fingerprints."""
    return digest_of(canonical(expression))
