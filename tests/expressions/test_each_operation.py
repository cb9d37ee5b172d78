"""Each row of the table of operations: all ways to compute it agree, and Polars writes it as it is read.

    python tests/expressions/test_each_operation.py

writes `serialised.json` anew: what this Polars makes of each example. `from_polars` reads that, and Polars promises
nothing about it, so its minor version is pinned; whoever raises it sees here what has changed.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from kreis.expressions.from_polars import from_polars
from kreis.expressions.operations import AGGREGATES, OPERATIONS
from kreis.expressions.rows import compile_row
from kreis.expressions.to_polars import kinds_of, to_polars
from kreis.expressions.tree import Aggregate, Call, walk

WRITTEN = Path(__file__).parent / "serialised.json"

i, f, g, p, q, s, t, u = (pl.col(name) for name in "ifgpqstu")
EXAMPLES: dict[str, pl.Expr] = {
    "add": f + g,
    "subtract": f - g,
    "multiply": f * i,
    "divide": f / g,
    "floor_divide": f // g,
    "modulo": i % 3,
    "equal": s == "JFK",
    "not_equal": f != g,
    "less": t < u,
    "less_equal": f <= 0.5,
    "greater": f > g,
    "greater_equal": f >= i,
    "and": p & q,
    "or": p | q,
    "xor": p ^ q,
    "not": ~p,
    "negate": -f,
    "absolute": i.abs(),
    "floor": f.floor(),
    "ceil": f.ceil(),
    "sqrt": f.sqrt(),
    "exp": f.exp(),
    "log1p": f.log1p(),
    "sin": f.sin(),
    "cos": f.cos(),
    "power": f**2.0,
    "log": f.log(10.0),
    "clip": f.clip(-1.0, 1.0),
    "round": f.round(1),
    "cast": f.cast(pl.Int64, strict=False),
    "category": s.cast(pl.Categorical),
    "text": s.cast(pl.String),
    "split_len": s.str.split("F").list.len(),
    "split_contains": s.str.split("F").list.contains("J"),
    "is_null": s.is_null(),
    "is_not_null": t.is_not_null(),
    "is_nan": (f / g).is_nan(),
    "is_not_nan": (f / g).is_not_nan(),
    "is_finite": (f / g).is_finite(),
    "is_infinite": (f / g).is_infinite(),
    "is_in": i.is_in([1, 3]),
    "is_between": f.is_between(-1.0, g, closed="left"),
    "when": pl.when(p).then(f).otherwise(g),
    "fill_null": f.fill_null(0.5),
    "coalesce": pl.coalesce(f, g, i),
    "min_horizontal": pl.min_horizontal(f, g),
    "max_horizontal": pl.max_horizontal(i, f),
    "hour": t.dt.hour(),
    "minute": t.dt.minute(),
    "second": t.dt.second(),
    "weekday": t.dt.weekday(),
    "day": t.dt.day(),
    "month": t.dt.month(),
    "ordinal_day": t.dt.ordinal_day(),
    "year": t.dt.year(),
    "convert_time_zone": t.dt.convert_time_zone("America/New_York").dt.hour(),
    "total_days": (t - u).dt.total_days(),
    "total_hours": (t - u).dt.total_hours(),
    "total_minutes": (t - u).dt.total_minutes(),
    "total_seconds": (t - u).dt.total_seconds(),
    "len_chars": s.str.len_chars(),
    "starts_with": s.str.starts_with("JF"),
    "ends_with": s.str.ends_with("K"),
    "contains": s.str.contains("F", literal=True),
}
OF_MANY: dict[str, pl.Expr] = {
    "sum": f.sum(),
    "mean": f.filter(p).mean(),
    "min": f.min(),
    "max": f.max(),
    "count": f.count(),
    "len": pl.len(),
    "std": f.std(),
    "last": f.last(),
}
AT = datetime(2024, 2, 29, 23, 59, 58, tzinfo=UTC)
FRAME = pl.DataFrame(
    {
        "i": [1, -3, 0, None, 3],
        "f": [0.25, -0.0, 2.5, 1.0, None],
        "g": [0.5, 0.0, -1.5, None, 2.0],
        "p": [True, False, None, True, False],
        "q": [False, False, True, None, True],
        "s": ["JFK", "", None, "straße", "F"],
        "t": [AT, AT - timedelta(hours=30), None, datetime(1985, 12, 31, tzinfo=UTC), AT],
        "u": [AT - timedelta(days=3, seconds=1), AT, AT, None, AT + timedelta(minutes=61)],
    },
    schema_overrides={"t": pl.Datetime("us", "UTC"), "u": pl.Datetime("us", "UTC")},
)


def serialised() -> dict[str, Any]:
    """What Polars writes of each example."""
    return {name: json.loads(each.meta.serialize(format="json")) for name, each in {**EXAMPLES, **OF_MANY}.items()}


def same(left: float | None, right: float | None) -> bool:
    a, b = (math.nan if each is None else float(each) for each in (left, right))
    return (a != a and b != b) or (a == b and math.copysign(1, a) == math.copysign(1, b))


def test_each_operation_has_an_example() -> None:
    assert EXAMPLES.keys() == OPERATIONS.keys()
    assert OF_MANY.keys() == AGGREGATES.keys()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_all_ways_to_compute_it_agree(operation: str) -> None:
    expr = EXAMPLES[operation]
    tree = from_polars(expr, where="test")
    assert operation in {node.operation for node in walk(tree) if isinstance(node, Call)}
    own = operation not in ("category", "text")  # kreis numbers texts by what they say
    alone = [FRAME[k : k + 1].select(x=expr.cast(pl.Float64))["x"][0] for k in range(len(FRAME)) if own]
    batch = FRAME.with_columns(x=to_polars(tree).cast(pl.Float64))["x"].to_list()
    compute = compile_row({"x": tree}, kinds_of(FRAME.schema))
    rows = [compute(row)[0] for row in FRAME.to_dicts()]
    assert all(map(same, alone, batch)), (alone, batch)
    assert all(map(same, batch, rows)), (batch, rows)
    assert len(set(map(str, rows))) > 1, "the example says nothing"


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_an_aggregate_is_read_and_built_again(aggregate: str) -> None:
    expr = OF_MANY[aggregate]
    tree = from_polars(expr, where="test")
    assert isinstance(tree, Aggregate)
    assert tree.operation == aggregate
    assert same(FRAME.select(x=expr)["x"][0], FRAME.select(x=to_polars(tree))["x"][0])


@pytest.mark.parametrize("name", [*EXAMPLES, *OF_MANY])
def test_polars_writes_it_as_it_did(name: str) -> None:
    expected, found = json.loads(WRITTEN.read_text())[name], serialised()[name]
    assert found == expected, (
        f"Polars {pl.__version__} writes {name!r} in another way than the version that kreis was written for."
        " Mend `kreis.expressions.from_polars` so that it reads both, see test_equality pass,"
        " then run this file to write serialised.json anew"
    )


if __name__ == "__main__":
    lines = (f" {json.dumps(name)}: {json.dumps(each)}" for name, each in serialised().items())
    WRITTEN.write_text("{\n" + ",\n".join(lines) + "\n}\n")
