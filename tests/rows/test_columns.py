"""A column's type and name are read off its values, and what becomes of it is said."""

from datetime import date

import polars as pl
import pytest

from kreis.rows.columns import as_identifiers, columns_of, kind_of
from kreis.rows.features import chosen, left_out


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        (pl.UInt8(), "integer"), (pl.Decimal(10, 2), "number"), (pl.Boolean(), "boolean"), (pl.Date(), "date"),
        (pl.Datetime("us"), "timestamp"), (pl.Enum(["a"]), "string"), (pl.Null(), "string"), (pl.List(pl.Int64), ""),
    ],
)  # fmt: skip
def test_each_type_is_one_of_a_contracts_or_none(dtype, kind):
    assert kind_of(dtype) == kind


def test_names_are_what_a_request_can_have():
    names = ["capital-gain", "Marital status", "a__b", "1st", "a_b", "größe", "%"]
    assert list(as_identifiers(names).values()) == [
        "capital_gain", "Marital_status", "a_b", "n1st", "a_b_2", "größe", "column",
    ]  # fmt: skip


def frame(count=60):
    return pl.DataFrame(
        {
            "number": [float(each % 7) for each in range(count)],
            "row": list(range(5, count + 5)),
            "same": ["x"] * count,
            "nothing": [None] * count,
            "name": [f"person {each}" for each in range(count)],
            "colour": [("red", "blue")[each % 2] for each in range(count)],
            "note": [f"a text of many words, number {each}" for each in range(count)],
            "list": [[each] for each in range(count)],
            "day": [date(2020, 1, each % 28 + 1) for each in range(count)],
        },
        schema_overrides={"nothing": pl.String},
    )


def test_what_is_left_out_is_said_and_the_rest_are_features():
    columns = columns_of(frame())
    found = chosen(columns, None, every=columns)
    assert list(found.features) == ["number", "colour", "note", "day_year", "day_month", "day_day", "day_weekday"]
    assert str(found.features["note"]) == str(pl.col("note").cast(pl.String))
    assert found.said == [
        "column 'row' is left out: its 60 whole numbers count the rows",
        "column 'same' is left out: it has the same value in all 60 rows that have one",
        "column 'nothing' is left out: it has no value in any row",
        "column 'name' is left out: 60 of its 60 values differ: it names the row",
        "column 'list' is left out: it holds lists or bytes",
    ]


def test_few_rows_say_nothing_of_whether_values_differ():
    columns = columns_of(frame(12))
    assert [each.name for each in columns if left_out(each) is None] == [
        "number", "row", "name", "colour", "note", "day",
    ]  # fmt: skip
