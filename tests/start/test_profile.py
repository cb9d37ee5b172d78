"""What is found in a table: types, keys, leaks, times; and what cannot be asked of it."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from kreis.errors import ProjectError
from kreis.start.columns import columns_of
from kreis.start.profile import profile_of
from kreis.training.leaks.relations import relations_of

ROWS = 400


@pytest.fixture(scope="module")
def calls() -> pl.DataFrame:
    """Calls of a bank, as its well-known table has them: a call that lasts is a call that succeeds."""
    random = np.random.default_rng(3)
    yes = random.random(ROWS) < 0.2
    return pl.DataFrame(
        {
            "call": [f"c{number:04}" for number in range(ROWS)],
            "age": random.integers(18, 90, ROWS),
            "job": np.array(["cook", "nurse", "clerk"])[random.integers(0, 3, ROWS)],
            "balance": (yes + random.normal(0, 1, ROWS)).round(3),
            "duration": (yes * 1.6 + random.normal(0, 1, ROWS)).round(3),
            "bank": ["B"] * ROWS,
            "remark": [f"the customer said {number} words or so" for number in range(ROWS)],
            "y": np.where(yes, "yes", "no"),
        }
    )


def of(frame: pl.DataFrame, name: str) -> dict[str, str]:
    return {each.name: getattr(each, name) for each in columns_of(frame)}


def test_each_column_has_a_kind(calls: pl.DataFrame) -> None:
    kinds = of(calls, "kind")
    assert kinds.pop("remark") == "text"
    assert kinds == {
        "call": "category", "age": "integer", "job": "category", "balance": "number", "duration": "number",
        "bank": "category", "y": "category",
    }  # fmt: skip


def test_columns_from_which_nothing_can_be_learned_say_why(calls: pl.DataFrame) -> None:
    frame = calls.with_columns(empty=pl.lit(None, pl.Float64), row=pl.int_range(pl.len()), seat=pl.col("call") + "x")
    unfit = {name: why for name, why in of(frame, "unfit").items() if why}
    assert unfit == {
        "call": "400 of its 400 values differ: it names the row",
        "seat": "400 of its 400 values differ: it names the row",
        "bank": "it has the same value in all rows",
        "empty": "no row has a value",
        "row": "its whole numbers count the rows",
    }


def test_numbers_that_happen_to_differ_are_no_count(calls: pl.DataFrame) -> None:
    frame = pl.DataFrame({"income": np.arange(ROWS) * 7 + 3})
    assert of(frame, "unfit") == {"income": ""}
    assert of(frame.rename({"income": "customer_id"}), "unfit")["customer_id"]


def test_the_rarer_of_two_values_is_yes(calls: pl.DataFrame) -> None:
    profile, question = profile_of(calls, "y")
    assert profile.task == "binary classification"
    assert question.arguments == ['positive="yes",']
    count = calls["y"].eq("yes").sum()
    assert f"'yes' comes in {count} rows" in profile.question
    assert question.outcomes(calls["y"])[0].sum() == count
    turned = calls.with_columns(y=pl.when(pl.col("y") == "yes").then(0).otherwise(1))
    assert profile_of(turned, "y")[1].arguments == ["positive=0,"]
    assert profile_of(turned.with_columns(y=1 - pl.col("y")), "y")[1].arguments == []


def test_a_few_texts_are_classes_and_a_few_numbers_are_if_somebody_says_so(calls: pl.DataFrame) -> None:
    profile, question = profile_of(calls, "job")
    assert profile.task == "multi-class classification"
    assert "one of 3 classes" in profile.question
    assert [round(each.sum()) for each in question.outcomes(calls["job"])] == sorted(
        calls["job"].value_counts()["count"].to_list(), reverse=True
    )
    graded = calls.with_columns(grade=pl.col("age") % 4)
    assert profile_of(graded, "grade")[0].task == "regression"
    assert "are they classes? --task 'multi-class classification'" in profile_of(graded, "grade")[0].question
    assert profile_of(graded, "grade", task="multi-class classification")[1].metric[4] == "    [0, 1, 2, 3],"
    with pytest.raises(ProjectError, match="400 different values in 400 rows"):
        profile_of(calls, "remark", task="multi-class classification")


def test_a_column_far_above_the_others_is_a_likely_leak(calls: pl.DataFrame) -> None:
    profile, _ = profile_of(calls, "y")
    assert [each.column for each in profile.leaks] == ["duration"]
    (leak,) = profile.leaks
    assert leak.strength == profile.strengths["duration"] > 0.8
    assert "far better than any other column" in leak.reason
    honest, _ = profile_of(calls.with_columns(talk=pl.col("duration") + pl.col("balance") / 9), "y")
    assert honest.leaks == []  # two columns alike stand side by side


def test_a_copy_of_the_answer_is_a_likely_leak(calls: pl.DataFrame) -> None:
    coded = calls.with_columns(scenario=pl.when(pl.col("y") == "yes").then(pl.col("age") % 3 + 1).otherwise(0))
    profile, _ = profile_of(coded, "y")
    assert profile.leaks[0].column == "scenario"
    assert profile.leaks[0].reason == "it alone tells y (AUC 1.000)"


def test_a_column_filled_in_afterwards_is_a_likely_leak(calls: pl.DataFrame) -> None:
    """COMPAS has the date of the new offence, in the rows that have one."""
    later = calls.with_columns(offence=pl.when(pl.col("y") == "yes").then(pl.col("age")))
    assert {each.column for each in profile_of(later, "y")[0].leaks} >= {"offence"}


def test_the_parts_of_a_sum_are_likely_leaks() -> None:
    """Bicycles: casual + registered = cnt."""
    random = np.random.default_rng(1)
    casual, registered, temp = (random.integers(0, 200, ROWS).astype(float) for _ in range(3))
    columns = {"temp": temp, "casual": casual, "registered": registered}
    (found,) = relations_of(columns, casual + registered)
    assert (set(found.columns), found.holds) == ({"casual", "registered"}, 1.0)
    (found,) = relations_of({"copy": registered, "temp": temp}, registered)
    assert found.formula == "copy"
    del columns["registered"]
    (found,) = relations_of({**columns, "cnt": casual + registered}, registered)
    assert found.formula == "cnt - casual"
    assert relations_of(columns, registered) == []
    broken = casual + temp
    broken[: ROWS // 20] += 5.0
    assert relations_of(columns, broken) == []


def test_leaks_of_a_number_are_named_with_the_formula() -> None:
    random = np.random.default_rng(1)
    frame = pl.DataFrame(
        {"a": random.integers(0, 9, ROWS), "b": random.integers(0, 99, ROWS), "c": random.normal(0, 1, ROWS)}
    )
    profile, _ = profile_of(frame.with_columns(total=pl.col("a") + pl.col("b")), "total")
    assert profile.task == "regression"
    assert {each.column for each in profile.leaks} == {"a", "b"}
    assert profile.leaks[0].reason in ("a + b = total in 100.0% of the rows", "b + a = total in 100.0% of the rows")


def test_a_key_names_the_rows_if_it_looks_like_one(calls: pl.DataFrame) -> None:
    assert profile_of(calls, "y")[0].id == "call"
    numbered = calls.drop("call").with_columns(customerID=pl.int_range(pl.len()) * 3)
    assert profile_of(numbered, "y")[0].id == "customerID"
    assert profile_of(calls.drop("call"), "y")[0].id is None
    with pytest.raises(ProjectError, match="'job' does not name the rows: 397 repeat"):
        profile_of(calls, "y", id="job")


def test_the_moment_that_comes_first_is_the_time_and_later_ones_are_likely_leaks(calls: pl.DataFrame) -> None:
    begin = [datetime(2024, 1, 1) + timedelta(hours=6 * number) for number in range(ROWS)]  # noqa: DTZ001 (as files have it)
    timed = calls.with_columns(ended=pl.Series(begin) + timedelta(minutes=9), began=pl.Series(begin))
    profile, _ = profile_of(timed, "y")
    assert (profile.time, profile.first) == ("began", begin[0])
    assert "ended" in {each.column for each in profile.leaks}
    assert "began has no time zone: it is taken as UTC" in profile.warnings
    assert profile_of(timed, "y", time="none")[0].time is None
    assert profile_of(timed, "y", time="ended")[0].time == "ended"
    short, _ = profile_of(timed.head(90), "y")
    assert short.time is None
    assert "began spans less than 24 days, too few to judge by: rows are split at random" in short.warnings
    assert "ended" in {each.column for each in short.leaks}


def test_rows_that_repeat_and_rows_without_outcome_are_counted(calls: pl.DataFrame) -> None:
    frame = pl.concat([calls, calls.head(7)]).drop("call")
    frame = frame.with_columns(y=pl.when(pl.int_range(pl.len()) >= 3).then(pl.col("y")))
    profile, _ = profile_of(frame, "y")
    assert profile.duplicates == 4
    assert profile.without_outcome == 3
    assert "3 rows have no y, and no part in training" in profile.warnings


NOT_ASKED = [
    ("yy", {}, "unknown column 'yy'", "did you mean 'y'"),
    ("bank", {}, "it is 'B' in all rows", "come out in different ways"),
    ("none", {}, "no value in any row", "what really happened"),
    ("when", {}, "which nothing can predict", "known tasks"),
    ("y", {"task": "regresion"}, "unknown task", "did you mean 'regression'"),
    ("y", {"task": "regression"}, "not numbers", "--task"),
    ("age", {"task": "binary classification"}, "values:", "--task"),
    ("y", {"time": "age"}, "'age' holds no moments", "dates are read as"),
    ("y", {"id": "cal"}, "unknown column 'cal'", "did you mean 'call'"),
]


@pytest.mark.parametrize(("predict", "options", "message", "hint"), NOT_ASKED)
def test_what_cannot_be_asked_is_refused_with_the_way_on(
    calls: pl.DataFrame, predict: str, options: dict[str, str], message: str, hint: str
) -> None:
    frame = calls.with_columns(
        none=pl.lit(None, pl.String), when=pl.lit("2024-01-01").str.to_date() + pl.duration(days=pl.int_range(pl.len()))
    )
    with pytest.raises(ProjectError) as caught:
        profile_of(frame, predict, **options)  # type: ignore[arg-type]
    assert message in caught.value.message
    assert hint in str(caught.value.hint)


def test_a_table_without_rows_or_without_features_is_refused() -> None:
    with pytest.raises(ProjectError, match="no rows"):
        profile_of(pl.DataFrame({"a": [], "y": []}), "y")
    with pytest.raises(ProjectError, match="one column"):
        profile_of(pl.DataFrame({"y": [1, 2]}), "y")
