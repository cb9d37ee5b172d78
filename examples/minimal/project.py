"""When an order is placed: will it come back?"""

from pathlib import Path

import polars as pl

from kreis import (
    BusinessMetric,
    Canary,
    DecisionValue,
    Drift,
    Goal,
    GradientBoosting,
    Logistic,
    Project,
    Risk,
    Rule,
    TimeSplit,
    Window,
    read_csv,
)

project = Project(
    "returns",
    goal=Goal(
        question="Will this order be returned?",
        decision="Before it is shipped, ask the customer to check size and colour.",
        metric=DecisionValue("EUR per 1,000 orders", true_positive=6.0, false_positive=-1.5),
        better_than_baseline=50,
        risk=Risk.minimal(because="asks a question, refuses nobody anything"),
    ),
)

ORDERS = Path(__file__).parent / "data" / "orders.csv"


def at(column: str) -> pl.Expr:
    return pl.col(column).str.to_datetime("%Y-%m-%dT%H:%MZ", time_unit="us", time_zone="UTC", strict=False)


@project.source(contract="contracts/orders.yaml", known_at="placed_at")
def orders(window: Window) -> pl.LazyFrame:
    """Orders, as they are placed."""
    frame = read_csv(ORDERS).drop("settled_at", "returned")
    return frame.filter(window.contains(at("placed_at")))


@project.source(contract="contracts/settlements.yaml", known_at="settled_at")
def settlements(window: Window) -> pl.LazyFrame:
    """What became of them: known days later, when the time to return is over."""
    frame = read_csv(ORDERS).select("order_id", "customer", "placed_at", "settled_at", "returned")
    return frame.filter(window.contains(at("settled_at")))


@project.table(layer="silver")
def settled(settlements: pl.LazyFrame) -> pl.LazyFrame:
    return settlements.with_columns(pl.col("returned").cast(pl.Float64))


@project.spine(
    id="order_id",
    time="placed_at",
    keys=["customer"],
    outcome="returned",
    outcome_known_at="settled_at",
    outcome_within="14d",
)
def questions(orders: pl.LazyFrame, settled: pl.LazyFrame) -> pl.LazyFrame:
    return orders.join(settled.select("order_id", "returned", "settled_at"), on="order_id", how="left")


project.feature_view(
    "customer",
    entity="customer",
    table=settled,
    event_time="placed_at",
    known_at="settled_at",
    features={"return_rate": pl.col("returned").mean(), "orders": pl.len()},
    windows=["30d", "180d"],
)
project.request_view(
    "order",
    fields={"amount": "number", "category": "string"},
    features={
        "amount": pl.col("amount"),
        "shoes": pl.col("category") == "shoes",
        "shirts": pl.col("category") == "shirts",
        "books": pl.col("category") == "books",
    },
)

project.split(TimeSplit(test="45d"))
project.candidate("rule", Rule(pl.col("customer__return_rate_180d") > 0.4), baseline=True)
project.candidate("logistic", Logistic())
project.candidate("gbdt", GradientBoosting(trees=60, learning_rate=0.05, leaves=7))

project.release(Canary(steps=[0.2, 1.0], hold="2d", margin=300.0), fallback="rule")
project.monitor(Drift(), BusinessMetric(falls_by=0.25), sends_back_to="collection")
