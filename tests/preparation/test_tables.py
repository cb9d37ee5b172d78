"""Tables: what they read, in which order they are built, and what is said when they cannot be."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kreis.declarations import place_of
from kreis.errors import ProjectError
from kreis.preparation.tables import Table, build, inputs_of, order


def table_of(function, name=None, inputs=None):
    return Table(
        name=name or function.__name__, layer="silver", function=function, inputs=inputs or inputs_of(function)
    )


def orders(raw: pl.LazyFrame) -> pl.LazyFrame:
    return raw.filter(pl.col("amount") > 0)


def totals(orders: pl.LazyFrame, *, customers: pl.LazyFrame) -> pl.LazyFrame:
    return customers.join(orders, on="customer")


def test_reads_what_its_parameters_name():
    assert inputs_of(orders) == ("raw",)
    assert inputs_of(totals) == ("orders", "customers")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda: None, "reads nothing"),
        (lambda *frames: None, "takes *frames"),
        (lambda **frames: None, "takes *frames"),
        (lambda orders, /: None, "takes *orders"),
    ],
)
def test_inputs_that_have_no_name_are_refused(function, message):
    with pytest.raises(ProjectError, match=message.replace("*", r"\*")) as caught:
        inputs_of(function)
    assert caught.value.where.startswith(f"{__file__}:")
    assert caught.value.hint


@given(st.integers(1, 8).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.tuples(*[st.integers(0, n - 1)] * 2)))))
def test_each_table_comes_after_what_it_reads(drawn):
    count, edges = drawn
    reads = {f"t{i}": tuple(f"t{j}" for j in range(i) if (i, j) in edges) for i in range(count)}
    shuffled = sorted(reads, key=lambda name: hash((name, count)))
    tables = {name: table_of(orders, name, (*reads[name], "raw")) for name in shuffled}
    names = [table.name for table in order(tables, ["raw"])]
    assert sorted(names) == sorted(tables)
    for name in names:
        assert all(names.index(read) < names.index(name) for read in reads[name])


@given(st.integers(1, 6))
def test_tables_that_read_each_other_are_named_all(count):
    tables = {f"t{i}": table_of(orders, f"t{i}", (f"t{(i + 1) % count}", "raw")) for i in range(count)}
    with pytest.raises(ProjectError) as caught:
        order(tables, ["raw"])
    assert set(caught.value.message.split("circle: ")[1].split(" → ")) == set(tables)
    assert caught.value.where == place_of(orders)


def test_an_input_that_nothing_produces_is_refused_with_the_nearest_name():
    with pytest.raises(ProjectError, match="unknown source or table 'raw'") as caught:
        order({"orders": table_of(orders)}, ["rawr"])
    assert caught.value.where == place_of(orders)
    assert caught.value.hint == "did you mean 'rawr'?"


def test_builds_from_named_frames():
    raw = pl.LazyFrame({"customer": ["a", "b"], "amount": [1, -1]})
    assert build(table_of(orders), {"raw": raw, "other": raw}).to_dicts() == [{"customer": "a", "amount": 1}]
    assert build(table_of(lambda raw: raw.collect(), "eager"), {"raw": raw}).height == 2


def test_says_which_table_cannot_be_computed_and_where():
    with pytest.raises(ProjectError, match=r"orders\(\) raised ColumnNotFoundError: unable to find .*amount") as caught:
        build(table_of(orders), {"raw": pl.LazyFrame({"price": [1]})})
    assert caught.value.where == f"{place_of(orders)}, table 'orders', line 22"
    assert "\n" not in caught.value.message


def test_says_at_which_line_a_table_s_function_failed():
    def rates(raw: pl.LazyFrame) -> pl.LazyFrame:
        share = {}
        return raw.with_columns(share=share["nowhere"])

    with pytest.raises(ProjectError, match=r"rates\(\) raised KeyError: 'nowhere'") as caught:
        build(table_of(rates), {"raw": pl.LazyFrame({"price": [1]})})
    place, _, line = caught.value.where.partition(", table 'rates', line ")
    assert place == place_of(rates)
    assert int(line) == int(place.rpartition(":")[2]) + 2


def test_refuses_what_is_no_frame():
    with pytest.raises(ProjectError, match="returned list") as caught:
        build(table_of(lambda raw: [raw], "listed"), {"raw": pl.LazyFrame()})
    assert "LazyFrame" in caught.value.hint
