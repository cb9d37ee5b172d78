"""What requests may hold and what holds for it, read off a project and its contracts."""

from datetime import UTC, datetime
from functools import partial

import polars as pl
import pytest

from kreis import DecisionValue, Goal, Project, Risk, Window
from kreis.collection.contracts.inputs import InputRule
from kreis.project import Project as Declared
from kreis.ways.tabular import inputs

ORDERS = """
apiVersion: v3.2.0
kind: DataContract
id: orders
name: Orders
version: 1.0.0
status: active
schema:
  - name: orders
    properties:
      - {name: order_id, logicalType: string, primaryKey: true}
      - {name: customer, logicalType: string, required: true, logicalTypeOptions: {maxLength: 5}}
      - {name: shop, logicalType: integer, required: true, logicalTypeOptions: {minimum: 1}}
      - {name: amount, logicalType: number, required: true, logicalTypeOptions: {minimum: 0, maximum: 1000}}
      - {name: category, logicalType: string, enum: [{value: shoes}, {value: shirts}]}
      - name: size
        logicalType: string
        quality:
          - {metric: invalidValues, arguments: {validValues: [S, M, L, null]}, mustBe: 0}
      - {name: items, logicalType: integer, logicalTypeOptions: {format: i8}}
      - name: placed_at
        logicalType: timestamp
        required: true
        logicalTypeOptions: {timezone: true, minimum: "2020-01-01T00:00:00Z"}
      - {name: note, logicalType: string, logicalTypeOptions: {pattern: "^a"}}
"""


@pytest.fixture
def make_project(tmp_path):
    """Makes the project, given the contract of its orders."""
    return partial(declared, tmp_path)


@pytest.fixture
def project(make_project) -> Declared:
    return make_project(ORDERS)


def declared(tmp_path, contract: str) -> Declared:
    made = Project(
        "shop",
        goal=Goal(
            question="?",
            decision="!",
            metric=DecisionValue("EUR", true_positive=1, false_positive=-1),
            risk=Risk.minimal(because="a test"),
        ),
    )
    made._folder = tmp_path
    (tmp_path / "orders.yaml").write_text(contract)
    (tmp_path / "returns.yaml").write_text(contract.replace("orders", "returns").replace("maximum: 1000", "maximum: 5"))

    @made.source(contract="orders.yaml", known_at="placed_at")
    def orders(window: Window) -> pl.LazyFrame:
        raise NotImplementedError

    @made.source(contract="returns.yaml", known_at="placed_at")
    def returns(window: Window) -> pl.LazyFrame:
        raise NotImplementedError

    @made.table(layer="silver")
    def clean(orders: pl.LazyFrame) -> pl.LazyFrame:
        return orders

    @made.spine(id="order_id", time="placed_at", keys=["customer", "shop"], outcome="y", outcome_known_at="placed_at")
    def questions(clean: pl.LazyFrame, returns: pl.LazyFrame) -> pl.LazyFrame:
        return clean

    made.request_view(
        "order",
        fields={
            "amount": "number", "category": "string", "size": "string", "items": "number", "placed_at": "datetime",
            "note": "string", "made_up": "number",
        },
        features={"amount": pl.col("amount")},
    )  # fmt: skip
    return made


ROWS = pl.DataFrame(
    {
        "order_id": ["1", "2"], "customer": ["c1", "c2"], "shop": [1, 2], "amount": [0.0, 1000.0],
        "category": ["shoes", None], "size": ["S", "L"], "items": [1, None], "note": ["a", "ab"], "made_up": [1.0, 2.0],
        "placed_at": [datetime(2021, 1, 1, tzinfo=UTC)] * 2,
    }
)  # fmt: skip


def test_all_that_is_declared_is_accepted(project):
    accepted = inputs.accepted_inputs(project)
    assert accepted.keys == ["customer", "shop"]
    assert sorted(accepted.fields) == ["amount", "category", "items", "made_up", "note", "placed_at", "size"]
    assert accepted.features == ["order__amount"]


def test_demands_are_those_of_the_nearest_contract(project):
    assert list(inputs.contracts_of_inputs(project)) == ["returns", "orders"]  # the spine's own, then its tables'
    assert inputs.rules_of_inputs(project, ROWS.with_columns(amount=pl.lit(5.0))) == {
        "customer": InputRule(required=True, max_length=5, contract="returns"),
        "shop": InputRule(required=True, contract="returns"),
        "amount": InputRule(required=True, minimum=0, maximum=5, contract="returns"),
        "category": InputRule(allowed=["shoes", "shirts"], contract="returns"),
        "size": InputRule(allowed=["S", "M", "L"], contract="returns"),
        "items": InputRule(minimum=-128, maximum=127, contract="returns"),
        "placed_at": InputRule(required=True, minimum=1_577_836_800_000_000, contract="returns"),
        "note": InputRule(patterns={"not of the form ^a": "^a"}, contract="returns"),
    }


@pytest.mark.parametrize(
    ("column", "values", "left"),
    [
        ("amount", [5.0, None], {"minimum": 0, "maximum": 5}),
        ("amount", [5.0, 5.1], {"required": True, "minimum": 0}),
        ("amount", [-0.1, 5.0], {"required": True, "maximum": 5}),
        ("customer", ["c1", "c12345"], {"required": True}),
        ("category", ["shoes", "socks"], None),
        ("items", [128, 1], {"minimum": -128}),
        ("note", ["a", "b"], None),
        ("placed_at", [datetime(2019, 1, 1, tzinfo=UTC)] * 2, {"required": True}),
    ],
)
def test_what_the_rows_themselves_break_is_not_demanded(project, column, values, left):
    """There the column is no longer the contract's: joined, or in another unit."""
    series = pl.Series(column, values, dtype=ROWS.schema[column])
    rule = inputs.rules_of_inputs(project, ROWS.with_columns(series)).get(column)
    assert rule == (None if left is None else InputRule(contract="returns", **left))


def test_a_pattern_that_requests_are_not_held_to_is_told(project, make_project):
    assert inputs.unheld_patterns(project) == []
    project = make_project(ORDERS.replace('pattern: "^a"', 'pattern: "^(a+)+$"'))
    first, second = inputs.unheld_patterns(project)
    assert "returns.yaml: requests are not held to the pattern of 'note', ^(a+)+$" in first
    assert "orders.yaml" in second
