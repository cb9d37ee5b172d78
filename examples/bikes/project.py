"""When an hour begins: how many bicycles will be rented in it?"""

from pathlib import Path

import polars as pl

from kreis import (
    BusinessMetric,
    Canary,
    Drift,
    ErrorCost,
    Goal,
    GradientBoosting,
    Guardrail,
    Linear,
    Mean,
    Project,
    Risk,
    Rule,
    TimeSplit,
    Window,
    read_csv,
)

project = Project(
    "bikes",
    goal=Goal(
        question="How many bicycles will be rented in this hour?",
        decision="When the hour begins, bring as many to the stations.",
        metric=ErrorCost("EUR per 1,000 hours", over=1.0, under=3.0),
        better_than_baseline=10_000,
        guardrails=[Guardrail("mean_absolute_error", at_most=80.0)],
        risk=Risk.minimal(because="moves bicycles, decides nothing about a person"),
    ),
)

RENTALS = Path(__file__).parent / "data" / "rentals.csv"


def day() -> pl.Expr:
    """The first moment of the day."""
    return pl.col("dteday").str.to_datetime("%Y-%m-%d", time_unit="us", time_zone="UTC")


@project.source(contract="contracts/rentals.yaml", known_at="counted_at")
def rentals(window: Window) -> pl.LazyFrame:
    """Each hour with its weather and its rentals, which are counted when the day is over."""
    hours = read_csv(RENTALS).drop("casual", "registered").with_columns(counted_at=day() + pl.duration(days=1))
    return hours.filter(window.contains("counted_at"))


@project.table(layer="silver")
def hours(rentals: pl.LazyFrame) -> pl.LazyFrame:
    """The event time is built here: the source has a day, and a label such as "6am"."""
    number = pl.col("hr").str.extract(r"^(\d+)").cast(pl.Int64) % 12 + 12 * pl.col("hr").str.ends_with("pm")
    return rentals.with_columns(
        begins=day() + pl.duration(hours=number),
        hour=pl.concat_str("dteday", "hr", separator=" "),
        city=pl.lit("washington"),
    )


@project.spine(
    id="hour", time="begins", keys=["city"], outcome="cnt", outcome_known_at="counted_at", outcome_within="1d"
)
def questions(hours: pl.LazyFrame) -> pl.LazyFrame:
    return hours


project.feature_view(
    "city",
    entity="city",
    table=hours,
    event_time="begins",
    known_at="counted_at",
    features={"rented": pl.col("cnt").mean()},
    windows=["2d", "7d"],
)
project.request_view(
    "hour",
    fields={"begins": "datetime", "temp": "number", "hum": "number", "workingday": "string", "weathersit": "string"},
    features={
        "of_day": pl.col("begins").dt.hour(),
        "of_week": pl.col("begins").dt.weekday(),
        "temp": pl.col("temp"),
        "humidity": pl.col("hum"),
        "working": pl.col("workingday") == "Yes",
        "weather": pl.col("weathersit").cast(pl.Categorical),
    },
)

project.split(TimeSplit(test="60d"))
project.candidate("mean", Mean(), baseline=True)
project.candidate("as lately", Rule(pl.col("city__rented_2d")), baseline=True)
project.candidate("linear", Linear())
project.candidate("gbdt", GradientBoosting(trees=150))

project.release(Canary(steps=[0.5, 1.0], hold="1d", margin="25%"), fallback="as lately")
project.monitor(Drift(), BusinessMetric(), sends_back_to="collection")
