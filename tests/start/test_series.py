"""`kreis init --file … --task forecasting`: what a table says of its series, and the project that is written."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from kreis.collection.contracts.contract import Contract
from kreis.errors import ProjectError
from kreis.start.begin import begin
from kreis.start.page import begun_page
from kreis.start.series.found import Found
from kreis.start.series.look import series_of
from kreis.workspace import Workspace

NOW = datetime(2025, 1, 1, tzinfo=UTC)


def moments(first: str, every: str, count: int) -> pl.Series:
    unit = every.lstrip("0123456789")
    later = pl.format("{}" + unit, pl.int_range(count) * int(every.removesuffix(unit)))
    return pl.select(at=pl.lit(first).str.to_datetime().dt.offset_by(later)).to_series()


def hours(count: int = 960) -> pl.DataFrame:
    """An hourly table in which the moment is spread over columns, as that of Beijing's air is."""
    at = moments("2023-01-01", "1h", count)
    parts = {name: getattr(at.dt, name)() for name in ("year", "month", "day", "hour")}
    number = pl.int_range(count, eager=True)
    dust = pl.Series([None if each % 50 == 3 else each * 37 % 170 + each % 24 for each in range(count)])
    return pl.DataFrame({"No": number + 1, **parts, "pm2.5": dust, "class": number * 7 % 41, "wind": "NW"})


def dated(every: str, count: int = 200, zone: str | None = None) -> pl.DataFrame:
    at = moments("1970-01-01", every, count).dt.replace_time_zone(zone)
    return pl.DataFrame({"at": at, "sold": [each * 13 % 29 for each in range(count)]})


def found_in(frame: pl.DataFrame, predict: str = "sold", **said: str) -> Found:
    return series_of(frame, predict, **said)[1].found


def project_of(folder: Path) -> Any:
    """The project as kreis reads it."""
    return Workspace(folder).load_project()


def test_the_time_is_put_together_from_year_month_day_and_hour() -> None:
    profile, question = series_of(hours(), "pm2.5")
    found = question.found
    assert profile.time == "year, month, day and hour"
    assert (found.first, found.last) == (datetime(2023, 1, 1, tzinfo=UTC), datetime(2023, 2, 9, 23, tzinfo=UTC))
    assert found.ends == datetime(2023, 2, 10, tzinfo=UTC)
    assert (found.every, found.horizons, found.season) == ("1h", [1, 6, 24], 24)
    assert found.latest == ["class"]


def test_parts_of_a_moment_may_be_texts_and_an_hour_may_stand_beside_a_date() -> None:
    texts = hours().with_columns(pl.col("month", "day", "hour").cast(pl.String).str.zfill(2))
    assert found_in(texts, "pm2.5").last == datetime(2023, 2, 9, 23, tzinfo=UTC)
    beside = hours().select(pl.date("year", "month", "day").alias("day"), pl.col("hour").alias("hr"), "pm2.5")
    assert found_in(beside, "pm2.5").times.columns == ["day", "hr"]
    assert found_in(beside, "pm2.5").last == datetime(2023, 2, 9, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("step", "every", "horizons", "season"),
    [
        ("15m", "15m", [1, 4, 24], 96),
        ("1h", "1h", [1, 6, 24], 24),
        ("2h", "2h", [1, 3, 12], 12),
        ("1d", "1d", [1, 7, 28], 7),
        ("1w", "1w", [1, 4, 13], 52),
        ("1mo", "1mo", [1, 3, 12], 12),
        ("1q", "1q", [1, 2, 4], 4),
        ("1y", "1y", [1, 2, 3], None),
    ],
)
def test_the_most_frequent_step_says_how_long_a_period_is(
    step: str, every: str, horizons: list[int], season: int | None
) -> None:
    found = found_in(dated(step, 300))
    assert (found.every, found.horizons, found.season) == (every, horizons, season)


def test_horizons_and_seasons_longer_than_the_series_are_not_proposed() -> None:
    assert found_in(dated("1w", 60)).season is None
    assert found_in(dated("1w", 60)).horizons == [1, 4]


def test_months_may_be_texts_and_moments_have_a_zone() -> None:
    months = dated("1mo").with_columns(pl.col("at").dt.strftime("%Y-%m"))
    assert found_in(months).last == datetime(1986, 8, 1, tzinfo=UTC)
    zoned = found_in(dated("1h", zone="Europe/Berlin"))
    assert (zoned.first, zoned.times.zoned) == (datetime(1969, 12, 31, 23, tzinfo=UTC), True)


def test_gaps_and_missing_values_are_told() -> None:
    profile, question = series_of(hours().filter(pl.col("No") % 100 != 7), "pm2.5")
    assert question.found.gaps == 10
    assert any(each.startswith("20 rows have no pm2.5") for each in profile.warnings)
    assert any(each.startswith("10 periods of 1h have no row") for each in profile.warnings)


def test_several_series_are_told_apart_by_the_named_column() -> None:
    shops = pl.concat(dated("1d").with_columns(shop=pl.lit(each)) for each in (7, 8, 9))
    found = found_in(shops, key="shop")
    assert (found.count, found.gaps, found.key, found.latest) == (3, 0, "shop", [])
    with pytest.raises(ProjectError, match="600 rows have the same moment as another") as caught:
        found_in(shops)
    assert caught.value.hint == "does 'shop' tell series apart? --id 'shop'"


@pytest.mark.parametrize(
    ("frame", "predict", "message"),
    [
        (dated("1d").drop("at").with_columns(age=pl.lit(3)), "sold", "no column says when a row is"),
        (hours().with_columns(kind=pl.lit("a")), "kind", "'kind' holds String values such as 'a'"),
        (hours().with_columns(pl.lit(None, pl.Float64).alias("pm2.5")), "pm2.5", "it has no value in any row"),
        (hours(), "pm25", "unknown column 'pm25'"),
        (hours().with_columns(month=pl.lit(2), day=pl.lit(30)), "pm2.5", "give no moment in some rows"),
        (dated("1d", 20), "sold", "20 periods of '1d', too few"),
        (dated("1d").with_columns(at=pl.col("at") + pl.duration(hours=pl.int_range(200) // 150)), "sold", "50 rows do"),
        (dated("20s"), "sold", "not whole minutes apart"),
    ],
    ids=["no time", "no numbers", "no value", "no such column", "no date", "too few", "off the grid", "too fine"],
)
def test_what_cannot_be_forecast_is_said(frame: pl.DataFrame, predict: str, message: str) -> None:
    with pytest.raises(ProjectError, match=message):
        series_of(frame, predict)


def test_a_named_column_must_hold_moments() -> None:
    with pytest.raises(ProjectError, match="'wind' holds no moments, but 'NW'"):
        series_of(hours(), "pm2.5", time="wind")


@pytest.fixture
def air(tmp_path: Path) -> Path:
    hours().write_csv(tmp_path / "air.csv", null_value="NA")
    return tmp_path / "air.csv"


def test_the_written_project_declares_the_series(tmp_path: Path, air: Path) -> None:
    begun = begin(tmp_path / "dust", air, predict="pm2.5", task="forecasting", now=NOW)
    assert [Path(each).name for each in begun.written] == ["project.py", "dust.yaml", "README.md", "kreis.toml"]
    project = project_of(tmp_path / "dust")
    assert project.goal.task.name == "forecasting"
    assert list(project.candidates) == ["season before", "last value", "gbdt"]
    assert [name for name, each in project.candidates.items() if each.baseline] == ["season before", "last value"]
    assert {"pm2_5__last", "pm2_5__season_24", "ahead__horizon", "latest__class"} <= set(project.feature_names)
    contract = Contract.load(tmp_path / "dust" / "contracts" / "dust.yaml")
    assert {each.name for each in contract.plan.columns} == {"series", "time", "known_at", "pm2_5", "class"}
    assert 'as_of = "2023-02-10"  # the rows end on 2023-02-09' in (tmp_path / "dust" / "kreis.toml").read_text()
    assert '"period": "2023-02-10T00:00:00+00:00"' in (tmp_path / "dust" / "README.md").read_text()
    assert ("time", "of year, month, day and hour, 2023-01-01 00:00 to 2023-02-09 23:00: the last fifth judges") in (
        begun_page(begun).facts
    )


class Always:
    """A window that holds all moments."""

    def contains(self, column: str) -> pl.Expr:
        return pl.col(column).is_not_null()


def test_the_written_source_reads_the_moments_that_were_found(tmp_path: Path, air: Path) -> None:
    begun = begin(tmp_path / "dust", air, predict="pm2.5", task="forecasting", now=NOW)
    rows = project_of(tmp_path / "dust").sources["periods"].read(Always()).collect()
    assert rows.height == 960
    assert rows["series"].unique().to_list() == ["all"]
    assert begun.series is not None
    assert (rows["time"].min(), rows["time"].max()) == (begun.series.first, begun.series.last)
    assert rows["known_at"].max() == begun.series.ends
    assert rows["pm2_5"].null_count() == 20


@pytest.mark.parametrize("every", ["1d", "1mo"])
def test_names_that_kreis_itself_uses_are_changed(tmp_path: Path, every: str) -> None:
    rows = dated(every).select(time="at", last="sold", horizon="sold", series=pl.lit("a"), trend=pl.col("sold") % 7)
    rows.write_parquet(tmp_path / "odd.parquet")
    begin(tmp_path / "odd", tmp_path / "odd.parquet", predict="last", id="series", task="forecasting", now=NOW)
    project = project_of(tmp_path / "odd")
    assert {"n_last__last", "latest__n_horizon", "latest__n_trend"} <= set(project.feature_names)
    assert project.sources["periods"].read(Always()).collect()["n_series"].unique().to_list() == ["a"]


def test_what_data_hold_stays_data(tmp_path: Path) -> None:
    hostile = '""" + __import__("os").abort() #'
    dated("1d").rename({"sold": hostile}).write_parquet(tmp_path / "odd.parquet")
    begin(tmp_path / "odd", tmp_path / "odd.parquet", predict=hostile, task="forecasting", now=NOW)
    assert project_of(tmp_path / "odd").sources["periods"].read(Always()).collect().height == 200


def test_names_that_yaml_reads_otherwise_stay_names(tmp_path: Path) -> None:
    rows = dated("1d").select(at="at", no="sold", true=pl.col("sold") % 7, off=pl.lit("a"))
    rows.write_parquet(tmp_path / "odd.parquet")
    begin(tmp_path / "odd", tmp_path / "odd.parquet", predict="no", id="off", task="forecasting", now=NOW)
    contract = Contract.load(tmp_path / "odd" / "contracts" / "odd.yaml")
    assert {each.name for each in contract.plan.columns} == {"off", "time", "known_at", "no", "true"}


def test_a_second_file_cannot_judge_series(tmp_path: Path, air: Path) -> None:
    with pytest.raises(ProjectError, match="series are judged by what came later"):
        begin(tmp_path / "dust", air, predict="pm2.5", task="forecasting", test=air, now=NOW)
    assert not (tmp_path / "dust").exists()
