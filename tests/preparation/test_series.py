"""Series: rows of (series, origin, horizon), what was known then, and the plain answers that forecasts must beat."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kreis import ErrorCost, Goal, Project
from kreis.errors import ProjectError
from kreis.expressions.from_polars import from_polars
from kreis.models.scoring import FormulaScorer
from kreis.preparation.point_in_time import join
from kreis.preparation.series import Series, history_of, questions_of
from kreis.preparation.view_rules import feature_view

START = datetime(2020, 1, 1, tzinfo=UTC)
QUARTERS = pl.datetime_range(START, datetime(2023, 1, 1, tzinfo=UTC), "1q", eager=True, time_zone="UTC")


def series(**changes) -> Series:
    said = {
        "name": "share", "table": "quarterly", "key": "technology", "time": "quarter", "value": "use",
        "known_at": "published", "every": "1q", "horizons": (1, 2, 4), "season": 4, "lags": 2, "windows": (4,),
        "delay": "30d",
    }  # fmt: skip
    return Series(**{**said, **changes})


def frame(**values: list[float | None]) -> pl.DataFrame:
    """One row a quarter for each technology, published 20 days after the quarter."""
    columns = [{"technology": name, "quarter": QUARTERS[: len(use)], "use": use} for name, use in values.items()]
    parts = [pl.DataFrame(each, strict=False) for each in columns]
    published = pl.col("quarter").dt.offset_by("1q") + timedelta(days=20)
    return pl.concat(parts, how="vertical_relaxed").with_columns(published=published)


def history(given: Series, rows: pl.DataFrame) -> pl.DataFrame:
    return history_of(given)(quarterly=rows.lazy()).collect()


def questions(given: Series, rows: pl.DataFrame) -> pl.DataFrame:
    return questions_of(given)(quarterly=rows.lazy()).collect()


def test_each_series_is_asked_about_at_each_origin_and_horizon() -> None:
    asked = questions(series(), frame(go=[1.0, 2.0, 3.0], rust=[5.0]))
    assert asked.height == 12
    assert asked["forecast"].n_unique() == 12
    first = asked.filter(pl.col("technology") == "go").sort("origin", "horizon").row(0, named=True)
    assert first == {
        "technology": "go", "origin": datetime(2020, 5, 1, tzinfo=UTC), "period": datetime(2020, 4, 1, tzinfo=UTC),
        "horizon": 1, "share": 2.0, "outcome_known_at": datetime(2020, 7, 21, tzinfo=UTC),
        "forecast": "go 2020-05-01T00:00 +1",
    }  # fmt: skip
    assert asked.filter(pl.col("technology") == "rust")["share"].null_count() == 3


def test_a_row_of_the_history_sums_up_periods_and_not_rows() -> None:
    rows = frame(go=[1.0, 2.0, 4.0, 8.0, 16.0, 32.0]).filter(pl.col("quarter") != datetime(2020, 10, 1, tzinfo=UTC))
    past = history(series(), rows).sort("quarter")
    assert past.height == 5  # the quarter without a row has none
    found = past.row(-1, named=True)
    assert (found["last"], found["lag_1"], found["lag_2"]) == (32.0, 16.0, None)
    assert (found["change_1"], found["trend"]) == (16.0, 7.5)
    assert found["mean_4"] == pytest.approx((32 + 16 + 4) / 3)
    assert (found["season_1"], found["season_2"], found["season_4"]) == (4.0, None, 32.0)


def test_a_row_is_known_when_the_last_of_its_values_is() -> None:
    late = datetime(2021, 12, 1, tzinfo=UTC)
    rows = frame(go=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])
    rows = rows.with_columns(
        published=pl.when(pl.col("quarter") == datetime(2020, 4, 1, tzinfo=UTC)).then(late).otherwise("published")
    )
    known = history(series(), rows).sort("quarter")["published"].to_list()
    assert known[1:6] == [late] * 5
    assert (known[0], known[6]) == (datetime(2020, 4, 21, tzinfo=UTC), datetime(2021, 10, 21, tzinfo=UTC))


@given(st.lists(st.integers(0, 400), min_size=6, max_size=12), st.integers(1, 3))
def test_no_feature_holds_a_value_that_was_not_known_at_the_origin(delays: list[int], lags: int) -> None:
    """Each value names its own moment of publication, so that a feature shows what it was made from."""
    given_ = series(lags=lags, windows=(2,), season=None, horizons=(1, 2))
    rows = frame(go=[0.0] * len(delays))
    took = pl.Series([timedelta(days=each) for each in delays])
    rows = rows.with_columns(published=pl.col("quarter").dt.offset_by("1q") + took)
    rows = rows.with_columns(use=pl.col("published").dt.epoch("s").cast(pl.Float64))
    past = history(given_, rows)
    view = feature_view(
        "share", entity="technology", table="history", event_time="quarter", known_at="published",
        features={name: pl.col(name) for name in ("last", *(f"lag_{lag}" for lag in range(1, lags + 1)))}, ttl="4000d",
    )  # fmt: skip
    asked = questions(given_, rows).sort("origin")
    seen = join(asked.select("technology", "origin"), [(view, past)], time="origin")
    for name in view.feature_names:
        latest = seen[name].fill_nan(None)
        assert (latest <= asked["origin"].dt.epoch("s")).fill_null(True).all()


def test_the_plain_answers() -> None:
    given_ = series()
    row = {"share__last": 10.0, "share__trend": 0.5}
    row |= {"share__season_1": 7.0, "share__season_2": 8.0, "share__season_4": 10.0}
    for horizon, expected in ((1, (10.0, 10.5, 7.0)), (2, (10.0, 11.0, 8.0)), (4, (10.0, 12.0, 10.0))):
        matrix = np.array([[*row.values(), horizon]], dtype=np.float32)
        names = [*row, "ahead__horizon"]
        for said, value in zip((given_.last_value, given_.drift_line, given_.seasonal_naive), expected, strict=True):
            scorer = FormulaScorer(from_polars(said, where="test"), names)
            assert scorer.score(matrix).tolist() == [value]


def test_a_young_series_goes_on_as_it_was_last() -> None:
    names = ["share__last", "share__trend", "share__season_1", "share__season_2", "share__season_4", "ahead__horizon"]
    matrix = np.array([[10.0, np.nan, np.nan, np.nan, 10.0, 2.0]], dtype=np.float32)
    for said in (series().drift_line, series().seasonal_naive):
        assert FormulaScorer(from_polars(said, where="test"), names).score(matrix).tolist() == [10.0]


def test_a_season_that_is_not_declared_has_no_naive_answer() -> None:
    with pytest.raises(ProjectError, match="no season is declared"):
        _ = series(season=None).seasonal_naive


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"every": "3 months"}, "every='3 months' is no length of a period"),
        ({"horizons": ()}, "horizons are empty"),
        ({"horizons": (1, 1)}, r"horizons are \[1, 1\]"),
        ({"horizons": (0,)}, r"horizons are \[0\]"),
        ({"season": 0}, r"season are \[0\]"),
        ({"lags": 0}, r"lags are \[0\]"),
    ],
)
def test_what_is_no_series_is_refused(changes, said) -> None:
    with pytest.raises(ProjectError, match=said):
        series(**changes)


def test_rows_that_cannot_be_a_series_are_refused() -> None:
    rows = frame(go=[1.0, 2.0])
    with pytest.raises(ProjectError, match="2 rows are of a series and period that another row has too: 'go'"):
        history(series(), pl.concat([rows, rows.head(1)]))
    second = datetime(2020, 4, 2, tzinfo=UTC)
    off = rows.with_columns(quarter=pl.when(pl.col("use") == 2).then(second).otherwise("quarter"))
    with pytest.raises(ProjectError, match="1 row does not begin a period of '1q'"):
        history(series(), off)
    with pytest.raises(ProjectError, match="unknown column 'use'"):
        history(series(), rows.drop("use"))
    with pytest.raises(ProjectError, match="not a moment in UTC"):
        questions(series(), rows.with_columns(pl.col("quarter").dt.date()))


@pytest.mark.parametrize(
    ("every", "within", "calendar"),
    [
        ("1h", "4h", {"horizon", "hour", "weekday", "month"}),
        ("1d", "4d", {"horizon", "weekday", "month"}),
        ("1q", "368d", {"horizon", "month"}),
        ("1y", "1464d", {"horizon"}),
    ],
)
def test_durations_and_calendar_follow_from_the_period(every, within, calendar) -> None:
    found = series(every=every, delay=None)
    assert set(found.calendar) == calendar
    hours = {"h": 1, "d": 24}
    minutes = int(within[:-1]) * hours[within[-1]] * 60
    assert found.outcome_within in (within, f"{minutes}m")


GOAL = Goal(
    question="How much?",
    decision="Plan.",
    metric=ErrorCost("EUR per 1,000", over=1.0, under=1.0),
    task="forecasting",
)


def test_a_series_declares_a_spine_tables_and_views() -> None:
    project = Project("radar", goal=GOAL)
    found = project.series(
        "share", table="quarterly", key="technology", time="quarter", value="use", known_at="published", every="1q",
        horizons=[1, 4], season=4,
    )  # fmt: skip
    spine = project.spine_declaration
    assert spine is not None
    assert (spine.id, spine.time, spine.keys, spine.outcome) == ("forecast", "origin", ("technology",), "share")
    assert (spine.judge_by, spine.overlapping, spine.outcome_within) == (("horizon",), True, "368d")
    assert set(project.tables) == {"share_forecasts", "share_history"}
    assert {"share__season_4", "ahead__horizon"} <= set(project.feature_names)
    assert found.windows == (4,)
    with pytest.raises(ProjectError, match="a project has one spine"):
        project.series(
            "other", table="quarterly", key="technology", time="quarter", value="use", known_at="published",
            every="1q", horizons=[1],
        )  # fmt: skip


def test_a_key_that_the_spine_needs_itself_is_refused() -> None:
    with pytest.raises(ProjectError, match="a key cannot be called 'period'"):
        Project("radar", goal=GOAL).series(
            "share", table="q", key="period", time="quarter", value="use", known_at="p", every="1q", horizons=[1]
        )
