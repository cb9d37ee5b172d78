"""Which rows are asked about, which may teach and judge, and that what becomes of the others is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kreis.declarations import place_of
from kreis.errors import ProjectError
from kreis.preparation.spine import past_rows, teaches
from kreis.preparation.tables import NO_OUTCOME, Spine, Table
from kreis.tasks.anomaly.alarm_value import AlarmValue
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.tasks.clustering.cluster_separation import ClusterSeparation

TASK = DecisionValue("EUR", true_positive=2, false_positive=-1).task

T0 = datetime(2025, 6, 1, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def orders(shop: pl.LazyFrame) -> pl.LazyFrame:
    return shop


def spine(**changes) -> Spine:
    table = Table(name="orders", layer="gold", function=orders, inputs=("shop",))
    given = {"id": "order", "time": "at", "keys": ("customer",), "outcome": "back", "outcome_known_at": "known"}
    return Spine(table=table, **{**given, "outcome_within": "10h", **changes})


def frame(rows) -> pl.DataFrame:
    """Rows as (order, customer, hours from T0 to `at`, hours to `known`, outcome)."""
    return pl.DataFrame(
        [
            (order, customer, *(None if hours is None else T0 + hours * HOUR for hours in (at, known)), back)
            for order, customer, at, known, back in rows
        ],
        schema={
            "order": pl.String,
            "customer": pl.String,
            "at": pl.Datetime("us", "UTC"),
            "known": pl.Datetime("us", "UTC"),
            "back": pl.Float64,
        },
        orient="row",
    )


@st.composite
def histories(draw):
    """A spine, and rows whose outcomes all come within what it declares."""
    n = draw(st.integers(1, 40))
    within = draw(st.integers(1, 40))
    asked = draw(st.lists(st.integers(-60, 20), min_size=n, max_size=n))
    delays = draw(st.lists(st.integers(0, within), min_size=n, max_size=n))
    outcomes = draw(st.lists(st.sampled_from([0.0, 1.0, None, float("nan")]), min_size=n, max_size=n))
    rows = frame((str(i), "c", at, at + delays[i], outcomes[i]) for i, at in enumerate(asked))
    return spine(outcome_within=f"{within}h"), rows


@given(histories())
def test_no_young_row_and_no_outcome_of_the_future_teaches(given):
    declared, history = given
    rows, found = past_rows(declared, history, TASK, as_of=T0)
    taught = rows.filter(teaches(declared, TASK, T0))
    assert (taught["known"] <= T0).all()
    assert (taught["at"] + declared.horizon <= T0).all()
    assert taught["back"].is_in([0.0, 1.0]).all()
    expected = history.filter(
        pl.col("back").fill_nan(None).is_not_null() & (pl.col("known") <= T0) & (pl.col("at") <= T0 - declared.horizon)
    )
    assert set(taught["order"]) == set(expected["order"])
    assert (found.known, found.described) == (taught.height, f"{int(expected['back'].sum()):,} back")
    assert found.rows == rows.height == history.filter(pl.col("at") <= T0).height
    assert found.known + found.without_outcome + found.young == found.rows


@given(histories())
def test_what_became_known_after_the_moment_changes_nothing(given):
    declared, history = given
    later = pl.col("known") > T0
    changed = history.with_columns(pl.when(later).then(1.0 - pl.col("back")).otherwise("back").alias("back"))
    assert past_rows(declared, history, TASK, as_of=T0)[0].equals(
        past_rows(declared, changed, TASK, as_of=T0)[0], null_equal=True
    )


def test_a_row_is_mature_on_the_very_moment_and_not_before():
    rows = frame([("a", "c", -10, -9, 1.0), ("b", "c", -9, -8, 1.0), ("d", "c", -10, None, None)])
    kept, found = past_rows(spine(), rows, TASK, as_of=T0)
    assert kept.filter(teaches(spine(), TASK, T0))["order"].to_list() == ["a"]
    assert (found.known, found.young, found.without_outcome) == (1, 1, 1)
    assert found.summary == "1 may teach (1 back), 1 younger than 10h wait, 1 have no outcome"


def test_rows_without_time_or_key_are_counted():
    some = [(str(i), "c", -50, -45, 0.0) for i in range(60)]
    rows = frame([*some, ("a", "c", None, None, 1.0), ("b", None, -50, -45, 1.0)])
    kept, found = past_rows(spine(), rows, TASK, as_of=T0)
    assert (found.rows, found.without_time, found.without_key) == (61, 1, {"customer": 1})
    assert "b" in kept["order"].to_list()
    assert found.warnings == [
        "1 row has no 'at': left out",
        "1 of 61 rows have no 'customer': features by it are missing there",
    ]


def test_repeated_ids_are_refused_and_the_table_that_repeats_them_is_named():
    rows = frame([("a", "c", -5, -4, 1.0), ("b", "c", -5, -4, 0.0), ("a", "c", -5, -4, 1.0)])
    inputs = {"shop": pl.LazyFrame({"order": ["a", "b"]}), "returns": pl.LazyFrame({"order": ["a", "a"]})}
    with pytest.raises(ProjectError, match=r"3 rows have 2 different 'order': 'a' \(2 times\)") as caught:
        past_rows(spine(), rows, TASK, as_of=T0, inputs=inputs)
    assert caught.value.where == f"{place_of(orders)}, table 'orders'"
    assert "'returns' has 2 rows for 1 of them" in caught.value.hint
    with pytest.raises(ProjectError, match="3 rows have 2") as caught:
        past_rows(spine(), rows, TASK, as_of=T0)
    assert "make the id of two columns" in caught.value.hint


def test_ids_that_are_repeated_most_are_named_first():
    rows = frame([(name, "c", -5, -4, 1.0) for name in "dcabbbac"])
    with pytest.raises(ProjectError) as caught:
        past_rows(spine(), rows, TASK, as_of=T0)
    assert caught.value.message == ("8 rows have 4 different 'order': 'b' (3 times), 'a' (2 times), 'c' (2 times)")


def test_when_an_outcome_became_known_is_not_known_before():
    """Neither what it is nor its moment stands in the rows of an earlier moment."""
    rows = frame([("a", "c", -5, -4, 1.0), ("b", "c", -5, 1, 1.0), ("d", "c", -5, 0, 0.0), ("e", "c", -5, None, None)])
    kept, _ = past_rows(spine(), rows, TASK, as_of=T0)
    assert kept["known"].to_list() == [T0 - 4 * HOUR, None, T0, None]
    assert kept["back"].to_list() == [1.0, None, 0.0, None]


@pytest.mark.parametrize("kind", [pl.Float64, pl.Boolean, pl.Int64, pl.String])
def test_outcomes_of_every_type_that_have_no_moment_are_counted(kind: type[pl.DataType]):
    rows = frame([(str(i), "c", -50, None if i < 2 else -45, None if i in (0, 7) else i % 2 * 1.0) for i in range(100)])
    outcome = pl.col("back").cast(pl.Int64).cast(pl.String) if kind == pl.String else pl.col("back").cast(kind)
    if kind == pl.Float64:
        outcome = outcome.fill_null(float("nan"))
    declared = spine(positive="1" if kind == pl.String else None)
    found = past_rows(declared, rows.with_columns(back=outcome), TASK, as_of=T0)[1]
    assert (found.undated, found.known, found.without_outcome) == (1, 97, 3)


def test_a_row_without_an_id_is_refused():
    with pytest.raises(ProjectError, match="1 of 1 rows have no 'order'"):
        past_rows(spine(), frame([(None, "c", -5, -4, 1.0)]), TASK, as_of=T0)


@pytest.mark.parametrize(("early", "refused"), [(3, False), (4, True)])
def test_an_answer_that_was_known_before_the_question_is_not_used(early, refused):
    rows = frame([(str(i), "c", -50, -51 if i < early else -45, float(i % 2)) for i in range(100)])
    if refused:
        with pytest.raises(ProjectError, match="4 of 100 outcomes were known before the question"):
            past_rows(spine(), rows, TASK, as_of=T0)
        return
    kept, found = past_rows(spine(), rows, TASK, as_of=T0)
    assert (found.early, found.known, kept["back"].null_count()) == (3, 97, 3)
    assert found.warnings == ["3 outcomes were known before the question: not used"]


@pytest.mark.parametrize(("undated", "refused"), [(3, False), (4, True)])
def test_an_outcome_needs_a_moment(undated, refused):
    rows = frame([(str(i), "c", -50, None if i < undated else -45, float(i % 2)) for i in range(100)])
    if refused:
        with pytest.raises(ProjectError, match="4 of 100 outcomes have no 'known'"):
            past_rows(spine(), rows, TASK, as_of=T0)
        return
    assert past_rows(spine(), rows, TASK, as_of=T0)[1].undated == 3


def test_an_outcome_may_be_known_at_the_time_of_the_question():
    rows = frame([(str(i), "c", i - 99, None, float(i % 2)) for i in range(100)])
    declared = spine(outcome_known_at="at")
    kept, found = past_rows(declared, rows, TASK, as_of=T0)
    assert kept.equals(rows.sort("at", "order"))
    assert (found.known, found.young) == (90, 10)


def test_outcomes_that_take_longer_than_declared_are_refused_at_the_line():
    rows = frame([(str(i), "c", -500, -480, float(i % 2)) for i in range(100)])
    with pytest.raises(ProjectError, match=r"100% of 100 outcomes took longer than outcome_within='10h'") as caught:
        past_rows(spine(), rows, TASK, as_of=T0)
    assert caught.value.hint == 'declare outcome_within="20h"'
    assert caught.value.where.startswith(place_of(orders))


@pytest.mark.parametrize("wrong", [{"time": "att"}, {"outcome": "bck"}, {"keys": ("custmer",)}, {"id": "ordre"}])
def test_a_missing_column_is_named(wrong):
    with pytest.raises(ProjectError, match="unknown column") as caught:
        past_rows(spine(**wrong), frame([("a", "c", -5, -4, 1.0)]), TASK, as_of=T0)
    assert caught.value.where == f"{place_of(orders)}, table 'orders'"


def test_times_without_a_zone_are_refused():
    rows = frame([("a", "c", -5, -4, 1.0)]).with_columns(pl.col("at").dt.replace_time_zone(None))
    with pytest.raises(ProjectError, match=r"'at' is Datetime.*not a moment"):
        past_rows(spine(), rows, TASK, as_of=T0)


def test_the_value_that_means_yes_is_the_declared_one():
    rows = frame([(str(i), "c", -50, -45, float(i % 4 == 0)) for i in range(80)])
    said = rows.with_columns(back=pl.when(pl.col("back") > 0).then(pl.lit("returned")).otherwise(pl.lit("kept")))
    kept, found = past_rows(spine(positive="returned"), said, TASK, as_of=T0)
    assert (found.known, found.described) == (80, "20 back = 'returned'")
    assert kept["back"].to_list() == rows.sort("at", "order")["back"].to_list()


def test_outcomes_of_one_kind_that_come_later_are_told_of():
    rows = frame([(str(i), "c", -50, -42 if i % 2 else -49, float(i % 2)) for i in range(100)])
    found = past_rows(spine(), rows, TASK, as_of=T0)[1]
    assert found.delays is not None
    assert (found.delays.half_of_yes, found.delays.half_of_no, found.delays.rows) == (8 * 3600, 3600, 100)
    (told,) = found.warnings
    assert "outcome_within='10h' must be long enough for both" in told


def test_a_spine_without_faults_counts_none():
    found = past_rows(spine(), frame([("a", "c", -50, -45, 1.0)]), TASK, as_of=T0)[1]
    assert (found.without_time, found.undated, found.early, found.without_key) == (0, 0, 0, {})
    assert found.newest == T0 - 50 * HOUR


def test_an_old_row_whose_outcome_lies_in_the_future_does_not_teach():
    rows = frame([*((str(i), "c", -50, -45, float(i % 2)) for i in range(60)), ("late", "c", -50, 1, 1.0)])
    kept, found = past_rows(spine(), rows, TASK, as_of=T0)
    assert "late" not in kept.filter(teaches(spine(), TASK, T0))["order"]
    assert (found.known, found.without_outcome) == (60, 1)


@pytest.mark.simulation
def test_delays_that_depend_on_the_outcome_do_not_move_the_share_of_yes(simulations):
    """A fifth are yes, known within a day; no is known after three or four."""
    runs, off, naive = simulations.runs(300), 0, 0.0
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        asked = rng.uniform(-30 * 24, 0, 1_000)
        yes = rng.random(1_000) < 0.2
        known = asked + np.where(yes, rng.uniform(12, 24, 1_000), rng.uniform(72, 96, 1_000))
        moment = pl.Datetime("us", "UTC")
        at, seen = (pl.Series((hours * 3.6e9).astype(np.int64)).cast(moment) + (T0 - EPOCH) for hours in (asked, known))
        history = pl.DataFrame({"order": np.arange(1_000), "customer": "c", "at": at, "known": seen, "back": yes * 1.0})
        declared = spine(outcome_within="4d")
        rows, found = past_rows(declared, history, TASK, as_of=T0)
        taught = rows.filter(teaches(declared, TASK, T0))["back"]
        assert len(taught) == found.known
        share, error = float(taught.mean()), (0.2 * 0.8 / found.known) ** 0.5
        off += abs(share - 0.2) > 1.96 * error
        naive += float(rows["back"].drop_nulls().mean()) / runs
    print(f"SIMULATED share of yes among all known outcomes: {naive:.1%} (the truth is 20%)")  # noqa: T201
    simulations.at_most("training share of yes outside its 95% range, delays by outcome", off, runs, 0.05)
    assert naive > 0.21  # the fault that maturity mends


@pytest.mark.parametrize(("hours", "told"), [(7 * 24, False), (7 * 24 + 1, True)])
def test_rows_that_end_long_before_the_moment_are_told_of(hours, told):
    rows = frame([(str(i), "c", -hours - i, -hours, float(i % 2)) for i in range(9)])
    warnings = past_rows(spine(), rows, TASK, as_of=T0)[1].warnings
    assert warnings == ["the newest row is of 2025-05-24, 7 days before the run's moment"] * told


def test_where_no_outcomes_are_asked_for_every_mature_row_teaches():
    task = AlarmValue("EUR", true_positive=1, false_positive=-1).task
    history = frame(
        [("a", "c", -30, -25, 1.0), ("b", "c", -30, None, None), ("c", "c", -5, -4, 0.0), ("d", "c", -30, 5, 1.0)]
    )
    rows, found = past_rows(spine(), history, task, as_of=T0)
    taught = rows.filter(teaches(spine(), task, T0))
    assert taught["order"].to_list() == ["a", "b", "d"]
    assert taught["back"].to_list() == [1.0, None, None]
    assert (found.known, found.without_outcome, found.young) == (3, 2, 1)
    assert found.summary == "3 may teach (1 back of 1 that are known), 1 younger than 10h wait, 2 have no outcome"


def test_a_spine_without_an_outcome_waits_for_none():
    declared = spine(outcome=NO_OUTCOME, outcome_known_at="at", outcome_within="1m")
    history = frame([("a", "c", -30, None, None), ("b", "c", 1, None, None)]).drop("back", "known")
    rows, found = past_rows(declared, history, ClusterSeparation().task, as_of=T0)
    assert rows[NO_OUTCOME].to_list() == [None]
    assert rows.filter(teaches(declared, ClusterSeparation().task, T0))["order"].to_list() == ["a"]
    assert found.summary == "1 may teach (there is no outcome)"
