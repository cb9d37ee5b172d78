"""Two hours before departure: will this flight arrive 15 minutes late or more?"""

import polars as pl
import sources

from kreis import (
    Age,
    BusinessMetric,
    Canary,
    DecisionValue,
    Drift,
    Goal,
    GradientBoosting,
    Guardrail,
    Integer,
    Latency,
    Logistic,
    Project,
    Risk,
    Rule,
    Search,
    ServiceLevels,
    TimeSplit,
    Window,
)

project = Project(
    "flight-delays",
    goal=Goal(
        question="Will this flight arrive 15 minutes late or more?",
        decision="Two hours before departure, hold connections and rebook.",
        metric=DecisionValue("EUR per 1,000 flights", true_positive=120, false_positive=-35),
        better_than_baseline=1500,
        replaced_in_vain=0.3,  # a year: to swap a model for its equal costs little here, and a canary sees harm
        guardrails=[Guardrail("recall", at_least=0.4)],
        service=ServiceLevels(p99_ms=20, availability=0.999),
        risk=Risk.minimal(because="advises staff, decides nothing about a person"),
    ),
)


# Collection: what was published, what landed, what the weather was. Each reveals only what was known by then.


@project.source(contract="contracts/departures.yaml", known_at="known_at", version=sources.data_version)
def departures(window: Window) -> pl.LazyFrame:
    """The schedule, as published."""
    return sources.departures(window)


@project.source(contract="contracts/arrivals.yaml", known_at="known_at", version=sources.data_version)
def arrivals(window: Window) -> pl.LazyFrame:
    """Flights that have landed; an arrival is known at arrival, not at departure."""
    return sources.arrivals(window)


@project.source(contract="contracts/weather.yaml", known_at="known_at", version=sources.data_version)
def weather(window: Window) -> pl.LazyFrame:
    """Hourly observations at the three airports."""
    return sources.weather(window)


# Preparation: silver tables, the rows to predict, and what is known about them at that moment.


@project.table(layer="silver")
def landed(arrivals: pl.LazyFrame) -> pl.LazyFrame:
    return arrivals.with_columns(
        late=(pl.col("arr_delay") >= 15).cast(pl.Float64),
        delay=pl.col("arr_delay").cast(pl.Float64).clip(-30, 240),
    )


@project.table(layer="silver")
def sky(weather: pl.LazyFrame) -> pl.LazyFrame:
    return weather.with_columns(freezing=(pl.col("temp") <= 32).cast(pl.Float64))


@project.spine(
    id="flight_id",
    time="decide_at",
    keys=["origin", "carrier", "dest", "tailnum"],
    outcome="late",
    outcome_known_at="arrived_at",
)
def flights(departures: pl.LazyFrame, landed: pl.LazyFrame) -> pl.LazyFrame:
    return departures.join(landed.select("flight_id", "late", "arrived_at"), on="flight_id", how="left")


lateness = {"late_rate": pl.col("late").mean(), "delay": pl.col("delay").mean()}
for entity, windows in {
    "origin": ["6h", "24h", "7d"],
    "carrier": ["6h", "24h", "7d"],
    "dest": ["12h", "7d"],
    "tailnum": ["12h", "3d"],
}.items():
    project.feature_view(
        entity,
        entity=entity,
        table=landed,
        event_time="scheduled",
        known_at="known_at",
        features=lateness,
        windows=windows,
    )

project.feature_view(
    "weather",
    entity="origin",
    table=sky,
    event_time="observed_at",
    known_at="known_at",
    features={
        name: pl.col(name) for name in ["temp", "humid", "wind_speed", "precip", "pressure", "visib", "freezing"]
    },
    ttl="6h",
)

local = pl.col("scheduled").dt.convert_time_zone("America/New_York")
project.request_view(
    "flight",
    fields={"scheduled": "datetime", "distance": "number", "origin": "string"},
    features={
        "minute_of_day": local.dt.hour() * 60 + local.dt.minute(),
        "weekday": local.dt.weekday(),
        "distance": pl.col("distance"),
        "from_newark": pl.col("origin") == "EWR",
        "from_kennedy": pl.col("origin") == "JFK",
    },
)

# Training and evaluation: everything before the last 30 days to learn from, those to judge by.

project.split(TimeSplit(test="30d"))
project.candidate("rule", Rule(pl.col("origin__late_rate_6h") > 0.3), baseline=True)
project.candidate("logistic", Logistic())
project.candidate(
    "gbdt",
    GradientBoosting(trees=100, learning_rate=0.1, leaves=15, bins=63),
    search=Search({"leaves": Integer(7, 31, log=True)}, trials=2),
)

# Deployment and monitoring: a fifth of the traffic first; back to collection each month, and when the money falls.

project.release(Canary(steps=[0.2, 1.0], hold="2d"), fallback="rule")
project.monitor(
    Age(at_most="30d"),
    BusinessMetric(falls_by=0.25),
    Drift(),
    Latency(),
    sends_back_to="collection",
    at_most_every="30d",
)
