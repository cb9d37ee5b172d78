"""Reads the prediction log from the lake: predictions of a time range, each with its latest known outcome.

A few days are read at a time and only the columns that are needed, with the range pushed down to the files, so
memory stays that of those days however long the log is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any, Protocol, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from kreis.arrays import Booleans, Codes, Floats
from kreis.clock import microseconds
from kreis.deployment.predictions.shipping import FAILURES, OUTCOMES, PREDICTIONS
from kreis.errors import ProjectError
from kreis.models.scoring import Texts
from kreis.monitoring.observe import AnsweredQuestion, DayOfTraffic, day_of_traffic
from kreis.training.data import text_matrix

__all__ = [
    "Deciding",
    "PredictionSource",
    "asked_together",
    "columns_of_groups",
    "days_of_traffic",
    "failures_by_day",
    "feature_matrix",
    "logged_texts",
    "outcomes_known",
    "read_predictions",
    "read_traffic",
    "with_outcomes",
]

_DAY = timedelta(days=1)
_MOMENT = timedelta(microseconds=1)
_AT_ONCE = 4
"""Days read together: finding a day's files costs more than reading them, and so few days cost no memory."""
_KNOWN = ("outcome", "known_at")
_NEEDED = ("id", "at", "model", "features", "score", "decision", "latency_us", "extra")


class PredictionSource(Protocol):
    """What is needed of the lake."""

    def scan(
        self, table: str, *, known_since: datetime | None = None, known_before: datetime | None = None
    ) -> pl.LazyFrame:
        """The rows of a table's latest version; files may be left out all of whose rows were known before the one
        moment, or not before the other.
        """
        ...

    def latest(self, table: str) -> Any:
        """Its latest version, or `None` where there is no such table."""
        ...


class Deciding(Protocol):
    """Says what another model would have decided."""

    @property
    def reads(self) -> Sequence[str]:
        """Columns of the log that it needs beside `model` and `features`."""
        ...

    def decisions(self, rows: pl.DataFrame, layouts: Mapping[str, Sequence[str]]) -> Floats:
        """Of logged rows (`model`, `features`, and `fields` where it reads texts), shape (n,): numbers, NaN where
        its features were not logged.
        """
        ...


def read_predictions(lake: PredictionSource, since: datetime, until: datetime) -> pl.LazyFrame:
    """Predictions with `since <= at < until`, all columns of the log.

    Raises:
        StoreError: the lake cannot be read.
    """
    if lake.latest(PREDICTIONS) is None:
        return pl.LazyFrame(schema=_EMPTY)
    log = lake.scan(PREDICTIONS, known_since=since, known_before=until)
    log = log.filter(pl.col("at") >= _at(since), pl.col("at") < _at(until))
    missing = _EMPTY.keys() - log.collect_schema().names()  # of a log that an earlier version wrote
    return log.with_columns(pl.lit(None, dtype=_EMPTY[name]).alias(name) for name in sorted(missing))


def outcomes_known(lake: PredictionSource, since: datetime, by: datetime | None = None) -> pl.LazyFrame:
    """Outcomes that became known from `since` on and no later than `by`, if it is given.

    Raises:
        StoreError: the lake cannot be read.
    """
    if lake.latest(OUTCOMES) is None:
        return pl.LazyFrame(schema=_NO_OUTCOMES)
    outcomes = lake.scan(OUTCOMES, known_since=since, known_before=None if by is None else by + _MOMENT)
    outcomes = outcomes.filter(pl.col("known_at") >= _at(since))
    return outcomes if by is None else outcomes.filter(pl.col("known_at") <= _at(by))


def read_traffic(
    lake: PredictionSource,
    since: datetime,
    until: datetime,
    *,
    known_by: datetime,
    columns: Sequence[str] | None = None,
) -> pl.DataFrame:
    """Predictions of a time range, in the order of their time, `with_outcomes`.

    Args:
        lake: Holds `log/predictions` and `log/outcomes`.
        since: First moment.
        until: First moment after.
        known_by: Outcomes that became known later are not seen: the present moment, or a past one to look back from.
        columns: Of the log; all if not given. `id`, `at` and `reference` always come.

    Raises:
        StoreError: the lake cannot be read.
    """
    predictions = read_predictions(lake, since, until)
    if columns is not None:
        predictions = predictions.select(list(dict.fromkeys(["id", "at", "reference", *columns])))
    return with_outcomes(predictions, outcomes_known(lake, since, known_by)).sort("at", "id").collect()


def with_outcomes(predictions: pl.LazyFrame, outcomes: pl.LazyFrame) -> pl.LazyFrame:
    """Predictions (`id`, `at`, `reference` and any others) with `outcome` and `known_at`, null where there is none.

    An outcome belongs to a prediction by its id, or by the client's reference. Of several, the one that became
    known last wins. One that was known before the prediction was asked is not its outcome.

    Args:
        predictions: Of the log.
        outcomes: As `outcomes_known` gives them.
    """
    by_id, by_reference = _latest(outcomes, "prediction"), _latest(outcomes, "reference")
    return (
        predictions.join(by_id, left_on="id", right_on="prediction", how="left")
        .join(by_reference, on="reference", how="left", suffix="_of_reference")
        .with_columns(_newer=(pl.col("known_at_of_reference") > pl.col("known_at")).fill_null(False))
        .with_columns(_newer_of("outcome"), _newer_of("known_at"))
        .drop("_newer", "outcome_of_reference", "known_at_of_reference")
        .with_columns(pl.when(pl.col("known_at") >= pl.col("at")).then(each).alias(each) for each in _KNOWN)
    )


def _newer_of(name: str) -> pl.Expr:
    other = f"{name}_of_reference"
    return pl.when("_newer").then(other).otherwise(pl.coalesce(name, other)).alias(name)


def _latest(outcomes: pl.LazyFrame, key: str) -> pl.LazyFrame:
    """The outcome known last for each key; of several of one moment the last row."""
    return (
        outcomes.filter(pl.col(key).is_not_null())
        .select(key, "outcome", "known_at")
        .group_by(key)
        .agg(pl.col("outcome").sort_by("known_at", maintain_order=True).last(), pl.col("known_at").max())
    )


def days_of_traffic(
    lake: PredictionSource,
    first: date,
    last: date,
    *,
    now: datetime,
    features: Sequence[str],
    layouts: Mapping[str, Sequence[str]],
    horizon: timedelta,
    failed: Mapping[date, int] | None = None,
    baseline: Deciding | None = None,
    outcomes: bool = True,
) -> Iterator[DayOfTraffic]:
    """The days (UTC) from `first` to `last`, both included, one after the other.

    Args:
        lake: Holds the log.
        first: First day.
        last: Last day.
        now: The present; what became known later is not seen.
        features: The features to show to monitors: those of the model in service.
        layouts: Each model's features in order, by digest, as its manifest has them.
        horizon: How long outcomes take (the spine's `outcome_within`): only then has a day matured.
        failed: Requests that ended in a server error, by day.
        baseline: What to say of each row beside what was decided.
        outcomes: Whether to look up what really happened; without it all outcomes are unknown.

    Raises:
        ProjectError: a model answered that has no layout, or its rows have another number of features.
        StoreError: the lake cannot be read.
    """
    needed = [*_NEEDED, *(() if baseline is None else baseline.reads)]
    for start in range(0, (last - first).days + 1, _AT_ONCE):
        chosen = [first + timedelta(days=start + each) for each in range(_AT_ONCE)]
        chosen = [day for day in chosen if day <= last]
        span = _midnight(chosen[0]), _midnight(chosen[-1]) + _DAY
        if outcomes:
            rows = read_traffic(lake, *span, known_by=now, columns=needed)
        else:
            rows = read_predictions(lake, *span).select(*needed, outcome=pl.lit(None, pl.Float64)).collect()
        for day in chosen:
            frame = rows if len(chosen) == 1 else rows.filter(pl.col("at").dt.date() == day)
            matrix, whole = feature_matrix(frame, features, layouts)
            found = day_of_traffic(
                day,
                now=now,
                feature_names=tuple(features),
                features=matrix,
                scores=frame["score"].to_numpy(),
                decisions=frame["decision"].to_numpy(),
                outcomes=frame["outcome"].cast(pl.Float64).to_numpy(),
                latency_us=frame["latency_us"].to_numpy(),
                models=tuple(frame["model"].unique().sort()),
                failed=(failed or {}).get(day, 0),
                whole=whole,
                horizon=horizon,
            )
            found = replace(found, read_questions=partial(_questions, lake, day))
            yield found if baseline is None else replace(found, baseline=baseline.decisions(frame, layouts))


class _Found(msgspec.Struct):
    """What guards found, as the log has it."""

    guard: str
    did: str


class _Fields(msgspec.Struct):
    """What is logged of an answer, as far as monitors look."""

    question: str = ""
    outcome: str = ""
    verdicts: str = "[]"


def _questions(lake: PredictionSource, day: date) -> list[AnsweredQuestion]:
    """The questions of a day (UTC), in the order in which they were asked."""
    rows = read_predictions(lake, _midnight(day), _midnight(day) + _DAY).select("at", "id", "decision", "fields")
    found = []
    for _, prediction, decision, text in rows.sort("at", "id").collect().iter_rows():
        fields = msgspec.json.decode(text, type=_Fields)
        guards = msgspec.json.decode(fields.verdicts, type=list[_Found])
        found.append(
            AnsweredQuestion(
                prediction=prediction,
                text=fields.question,
                given=decision > 0,
                outcome=fields.outcome,
                guards=tuple((each.guard, each.did) for each in guards),
            )
        )
    return found


def failures_by_day(lake: PredictionSource, first: date, last: date) -> dict[date, int]:
    """How many requests ended in a server error, on the days (UTC) on which some did.

    Raises:
        StoreError: the lake cannot be read.
    """
    if lake.latest(FAILURES) is None:
        return {}
    since, until = _midnight(first), _midnight(last) + _DAY
    rows = lake.scan(FAILURES, known_since=since, known_before=until)
    within = rows.filter(pl.col("at") >= _at(since), pl.col("at") < _at(until))
    counted = within.group_by(pl.col("at").dt.date()).agg(pl.col("count").sum()).collect()
    return dict(zip(counted["at"], counted["count"], strict=True))


def _at(at: datetime) -> pl.Expr:
    """A moment as Polars compares it; twenty times quicker than from a `datetime` with its zone."""
    return pl.lit(microseconds(at), pl.Int64).cast(pl.Datetime("us", "UTC"))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def feature_matrix(
    frame: pl.DataFrame, features: Sequence[str], layouts: Mapping[str, Sequence[str]]
) -> tuple[Floats, Booleans]:
    """The logged features in one order, shape (n, f), and which rows hold all of them, shape (n,).

    A row holds what its model takes and, in the column `extra`, what other live models would have taken.

    Raises:
        ProjectError: as for `days_of_traffic`.
    """
    matrix = np.full((len(frame), len(features)), np.nan)
    whole = np.zeros(len(frame), dtype=bool)
    models = frame["model"].to_numpy()
    for model in frame["model"].unique().sort():
        if model not in layouts:
            raise ProjectError.unknown_name("model", model, layouts, where="prediction log")
        layout, mask = list(layouts[model]), models == model
        values = _values(frame.filter(mask)["features"], len(layout), model)
        taken = [name in layout for name in features]
        places = [layout.index(name) for name in features if name in layout]
        matrix[np.ix_(mask, taken)] = values[:, places]
        whole[mask] = all(taken)
        if not all(taken) and "extra" in frame.columns:
            lacking = {name: place for place, name in enumerate(features) if name not in layout}
            _add_extra(frame["extra"], np.flatnonzero(mask), lacking, matrix, whole)
    return matrix, whole


def logged_texts(frame: pl.DataFrame, texts: Mapping[str, str]) -> Texts | None:
    """What a model read as texts, from the fields of the requests, shape (n, t), "" where missing.

    Args:
        frame: Rows of the log; `fields` among its columns, where there are texts.
        texts: By feature, the field of each; none gives None.
    """
    if not texts:
        return None
    schema = pl.Struct(dict.fromkeys(texts.values(), pl.String))
    fields = frame.select(pl.col("fields").str.json_decode(schema)).unnest("fields")
    return text_matrix(fields, list(texts.values()))


def columns_of_groups(within: str | None) -> tuple[str, ...]:
    """The columns of the log that say which rows were asked together (`asked_together`); none where nobody asks."""
    return () if within is None else ("keys", "fields")


def asked_together(frame: pl.DataFrame, within: str | None) -> Codes | None:
    """Which logged rows were asked together and name the same group, as codes, shape (n,); None where nobody asks.

    Args:
        frame: Rows of the log with `at`, `keys` and `fields`.
        within: The key or field that names the group (`Decision.within`).
    """
    if within is None:
        return None
    path = f"$[{json.dumps(within)}]"
    named = pl.coalesce(pl.col(each).str.json_path_match(path) for each in ("keys", "fields"))
    together = frame.select(pl.struct("at", named.fill_null(pl.col("id")).alias("group")).rank("dense") - 1)
    return together.to_series().to_numpy().astype(np.int64)


def _add_extra(
    column: pl.Series, rows: npt.NDArray[np.intp], lacking: Mapping[str, int], matrix: Floats, whole: Booleans
) -> None:
    """Fill in what was logged beside the features of the model that answered."""
    for row in rows.tolist():
        if column[row] is None:
            continue
        values: dict[str, float | None] = msgspec.json.decode(column[row])
        for name in lacking.keys() & values.keys():
            value = values[name]
            matrix[row, lacking[name]] = np.nan if value is None else value
        whole[row] = lacking.keys() <= values.keys()


def _values(column: pl.Series, width: int, model: str) -> Floats:
    lengths = column.list.len()
    if (lengths != width).any():
        found = lengths.filter(lengths != width)[0]
        raise ProjectError(
            f"a row has {found} features, its model takes {width}", where=f"prediction log, {model[:12]}"
        )
    flat: Floats = column.explode().cast(pl.Float64).to_numpy().astype(np.float64)
    return flat.reshape(len(column), width)


_Schema: TypeAlias = "dict[str, pl.DataType | type[pl.DataType]]"
_TIME = pl.Datetime("us", "UTC")
_EMPTY: _Schema = {
    "id": pl.String,
    "at": _TIME,
    "release": pl.String,
    "model": pl.String,
    "keys": pl.String,
    "fields": pl.String,
    "features": pl.List(pl.Float64),
    "score": pl.Float64,
    "decision": pl.Boolean,
    "latency_us": pl.Int64,
    "reference": pl.String,
    "shadow": pl.String,
    "extra": pl.String,
    "flags": pl.List(pl.String),
    "scores": pl.List(pl.Float64),
    "parts": pl.String,
}
_NO_OUTCOMES: _Schema = {
    "prediction": pl.String,
    "reference": pl.String,
    "outcome": pl.Float64,
    "known_at": _TIME,
}
