"""Where the radar looks: GitHub events, Stack Overflow questions, job advertisements and job postings.

All are read from a folder in the layout of the archives (`github_events_quarterly/gh-push-event.json` and so on):

- the one that `RADAR_DATA` names,
- else `tech_trends` in a folder `shared/data` beside the project or above it,
- else, where `RADAR_NETWORK=1` allows it, what `fetch.py` brings from the public archives,
- else a small sample that `sample.py` makes, always the same.
"""

from __future__ import annotations

import gzip
import json
import os
from functools import cache
from pathlib import Path

import polars as pl

from kreis import Window, read_csv

__all__ = ["ads", "folder", "github", "postings", "questions", "tags", "version"]

HERE = Path(__file__).parent
ALIKE = (pl.col("total") >= 0.6 * pl.col("before")).fill_null(True)
"""Whether a total is at least 60% of that of a year before, where there was one."""
KINDS = {"push": "push-event", "pull request": "pull-request", "star": "star-event", "issue": "issue-event"}


@cache
def folder() -> Path:
    """Where the data lie; see above."""
    if named := os.environ.get("RADAR_DATA"):
        return Path(named)
    for above in HERE.parents:
        if (found := above / "shared" / "data" / "tech_trends").is_dir():
            return found
    if os.environ.get("RADAR_NETWORK") == "1":
        import fetch

        return fetch.into(HERE / "data" / "fetched")
    import sample

    return sample.into(HERE / "data" / "sample")


def version() -> str:
    """Another answer, and everything is read again: which files there are, with sizes and times of change."""
    files = sorted(each for each in folder().rglob("*") if each.is_file())
    return " ".join(f"{each.relative_to(folder())}:{each.stat().st_size}:{each.stat().st_mtime_ns}" for each in files)


def quarter_start(year: str = "year", quarter: str = "quarter") -> pl.Expr:
    """The first moment of a quarter."""
    return pl.datetime(pl.col(year).cast(pl.Int32), pl.col(quarter).cast(pl.Int8) * 3 - 2, 1, time_zone="UTC")


def github(window: Window) -> pl.LazyFrame:
    """Events by language and quarter, known 20 days after the quarter. Numbers come as texts."""
    parts = []
    texts = dict.fromkeys(("name", "year", "quarter", "count"), pl.String)
    for kind, name in KINDS.items():
        rows = json.loads((folder() / "github_events_quarterly" / f"gh-{name}.json").read_bytes())
        parts.append(pl.DataFrame(rows, schema=texts).with_columns(kind=pl.lit(kind)))
    events = pl.concat(parts).with_columns(began=quarter_start())
    totals = events.group_by("kind", "began").agg(total=pl.col("count").cast(pl.Float64, strict=False).sum())
    earlier = totals.select("kind", pl.col("began").dt.offset_by("1y"), before="total")
    told = totals.join(earlier, on=["kind", "began"], how="left").with_columns(counted_alike=ALIKE)
    events = events.join(told.select("kind", "began", "counted_alike"), on=["kind", "began"], how="left")
    known = pl.col("began").dt.offset_by("3mo20d")
    return events.with_columns(published_at=known).drop("began").lazy().filter(window.contains("published_at"))


def questions(window: Window) -> pl.LazyFrame:
    """Questions by tag and month, known ten days after the month. The third column has no name."""
    rows = read_csv(folder() / "stackoverflow_questions_monthly.csv").rename({"": "questions"}).collect()
    month = pl.col("m").str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", time_zone="UTC")
    rows = rows.with_columns(began=month)
    totals = rows.group_by("began").agg(total=pl.col("questions").cast(pl.Float64, strict=False).sum())
    earlier = totals.select(pl.col("began").dt.offset_by("1y"), before="total")
    told = totals.join(earlier, on="began", how="left").with_columns(counted_alike=ALIKE)
    rows = rows.join(told.select("began", "counted_alike"), on="began", how="left")
    known = pl.col("began").dt.offset_by("1mo10d")
    return rows.with_columns(published_at=known).drop("began").lazy().filter(window.contains("published_at"))


def ads(window: Window) -> pl.LazyFrame:
    """Job advertisements with their text, known at the end of their month."""
    with gzip.open(folder() / "hn_who_is_hiring.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = pl.DataFrame([json.loads(line) for line in lines])
    month = (pl.col("month") + "-01").str.to_datetime("%Y-%m-%d", time_unit="us", time_zone="UTC")
    titled = (
        pl.col("thread_title")
        .str.extract(r"\((\w+ \d{4})\)")
        .str.to_datetime("%B %Y", time_unit="us", time_zone="UTC", strict=False)
    )
    months = [12 * each.dt.year().cast(pl.Int64) + each.dt.month() for each in (titled, month)]
    rows = rows.with_columns(months_apart=months[0] - months[1], published_at=month.dt.offset_by("1mo"))
    return rows.lazy().filter(window.contains("published_at"))


def tags(window: Window) -> pl.LazyFrame:
    """Questions by tag and year. There are tags called "null" and "nan"; only an empty field is missing here."""
    rows = read_csv(folder() / "stackoverflow_tags_yearly.csv.gz", missing=("",))
    known = pl.datetime(pl.col("year").cast(pl.Int32) + 1, 1, 20, time_zone="UTC")
    return rows.with_columns(published_at=known).filter(window.contains("published_at"))


def postings(window: Window) -> pl.LazyFrame:
    """The national index of job postings, seasonally adjusted, known a week later."""
    parts = [read_csv(folder() / "indeed_job_postings" / f"aggregate_job_postings_{each}.csv") for each in ("DE", "US")]
    day = pl.col("date").str.to_datetime("%Y-%m-%d", time_unit="us", time_zone="UTC")
    rows = pl.concat(parts).rename({"indeed_job_postings_index_SA": "index"}).drop("indeed_job_postings_index_NSA")
    return rows.with_columns(published_at=day.dt.offset_by("7d")).filter(window.contains("published_at"))
