"""What production reads is data that someone else wrote: nothing unknown gets through."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kreis.errors import ProjectError
from kreis.expressions.checking import MAX_DEPTH, MAX_NODES, validate
from kreis.expressions.operations import OPERATIONS
from kreis.expressions.rows import compile_row
from kreis.expressions.to_polars import to_polars
from kreis.expressions.tree import Aggregate, Call, Column, Expression, Literal, decode
from kreis.expressions.windows import decompose

X = Column("x")


def call(operation: str, *arguments: Expression, **options: Any) -> Call:
    return Call(operation, arguments or (X,), options)


HOSTILE = {
    "unknown operation": call("map_elements"),
    "unknown operation ": call("__import__"),
    "unknown aggregate": Aggregate("collect", X),
    "takes 2 to 2": call("add", X),
    "takes 1 to 1": call("exp", X, X),
    "takes 3 to 3": call("when", X, X),
    "has no option": call("exp", X, code="import os"),
    "lacks its option": call("round", X, decimals=1),
    "cannot take decimals": call("round", X, decimals=400, mode="half_to_even"),
    "cannot take decimals ": call("round", X, decimals=True, mode="half_to_even"),
    "cannot take mode": call("round", X, decimals=1, mode="up"),
    "cannot take exponent": call("power", X, exponent=10**6),
    "cannot take exponent ": call("power", X, exponent=-1),
    "cannot take exponent  ": call("power", X, exponent="2"),
    "cannot take base": call("log", X, base=0),
    "cannot take to": call("cast", X, to="object"),
    "cannot take closed": call("is_between", X, X, X, closed=["both"]),
    "cannot take text": call("contains", X, text="a" * 1001),
    "cannot take lower": call("clip", X, lower=float("nan")),
    "constants only": call("is_in", X, Column("y")),
    "NaN and infinity": Literal(float("inf")),
    "64 bits": Literal(2**63),
    "1,000 characters": Literal("a" * 1001),
    "takes no argument": Aggregate("len", X),
    "takes one argument": Aggregate("sum"),
    "inside another aggregate": Aggregate("sum", Aggregate("mean", X)),
    "mixes a value": call("add", X, Aggregate("mean", X)),
}


@pytest.mark.parametrize("says", HOSTILE, ids=str)
def test_a_hostile_expression_is_refused_by_whatever_takes_one(says: str) -> None:
    hostile = HOSTILE[says]
    for takes in (
        validate,
        to_polars,
        decompose,
        lambda tree: compile_row({"x": tree}),
    ):
        with pytest.raises(ProjectError, match=says.strip()):
            takes(hostile)


def test_a_tree_too_deep_or_too_large_is_refused() -> None:
    deep: Expression = X
    for _ in range(MAX_DEPTH):
        deep = call("negate", deep)
    with pytest.raises(ProjectError, match="deep"):
        validate(deep)
    wide = call("coalesce", *[call("coalesce", *[X] * 60) for _ in range(60)])
    with pytest.raises(ProjectError, match=str(MAX_NODES)):
        validate(wide)


def test_a_document_nested_a_million_deep_is_refused() -> None:
    document: dict[str, Any] = {"node": "column", "name": "x"}
    for _ in range(100_000):
        document = {"node": "aggregate", "operation": "sum", "argument": document}
    with pytest.raises(ProjectError, match="nested too deeply"):
        decode(document)
    while isinstance(document.get("argument"), dict):
        document = document["argument"]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"node": "code", "name": "x"},
        {"node": "column", "name": 1},
        {"node": "literal", "value": {"a": 1}},
        {"node": "call", "operation": "exp", "arguments": "x"},
        {"node": "call", "operation": "exp", "arguments": [], "options": {"a": {"b": 1}}},
        [],
        None,
    ],
    ids=str,
)
def test_a_document_that_is_no_expression_is_refused(document: Any) -> None:
    with pytest.raises(ProjectError, match="not an expression"):
        decode(document)


_OPTIONS = st.dictionaries(
    st.sampled_from(["exponent", "base", "to", "text", "zone", "decimals", "mode", "lower", "upper", "closed"]),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.text(max_size=2)),
    max_size=3,
)
_TREES: Any = st.recursive(
    st.builds(Column, st.text(max_size=3))
    | st.builds(Literal, st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)),
    lambda inner: (
        st.builds(Call, st.sampled_from([*OPERATIONS, "eval"]), st.lists(inner, max_size=3).map(tuple), _OPTIONS)
        | st.builds(Aggregate, st.sampled_from(["sum", "len", "last", "list"]), st.none() | inner)
    ),
    max_leaves=12,
)


@given(_TREES)
def test_any_tree_is_either_refused_or_compiles(tree: Expression) -> None:
    try:
        validate(tree)
        compile_row({"x": tree})
    except ProjectError:
        return
