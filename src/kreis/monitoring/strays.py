"""Outcomes that count for nothing: they name no prediction, or were known before it was asked."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from kreis.deployment.predictions.shipping import OUTCOMES, PREDICTIONS
from kreis.monitoring.traffic import PredictionSource
from kreis.texts import counted

__all__ = ["early_outcomes", "stray_outcomes"]

_FRESH = timedelta(days=2)
_REACH = timedelta(days=90)


def stray_outcomes(lake: PredictionSource, now: datetime, horizon: timedelta) -> str | None:
    """What to say of the outcomes that came lately and name no prediction; None where all of them do.

    Args:
        lake: With the prediction log.
        now: The present. Files of the log are looked at whose outcomes became known within two days of it.
        horizon: How long outcomes take: predictions are looked for within twice of it, and 90 days at least.
    """
    if lake.latest(OUTCOMES) is None:
        return None
    outcomes = lake.scan(OUTCOMES, known_since=now - _FRESH).select("prediction", "reference").collect()
    names = _asked(lake, now, horizon)
    stray = outcomes.lazy().join(names, on="prediction", how="anti").join(names, on="reference", how="anti").collect()
    if stray.is_empty():
        return None
    name = stray.select(pl.coalesce("prediction", "reference")).item(0, 0)
    return (
        f"{len(stray):,} of the {counted(len(outcomes), 'outcome')} that came lately name no logged prediction (first:"
        f" {name!r}): they count for nothing; send the id of the answer, or the reference that the request gave"
    )


def early_outcomes(lake: PredictionSource, now: datetime, horizon: timedelta) -> str | None:
    """What to say of the outcomes that came lately and were known before what they name was asked for the first time.

    Such an answer was asked too late, or the moment is wrong: it is no outcome of a prediction.

    Args:
        lake: With the prediction log.
        now: As for `stray_outcomes`.
        horizon: As for `stray_outcomes`.
    """
    if lake.latest(OUTCOMES) is None:
        return None
    outcomes = lake.scan(OUTCOMES, known_since=now - _FRESH).collect()
    first = _asked(lake, now, horizon).group_by("reference").agg(pl.col("at").min())
    named = outcomes.lazy().join(first, on="reference")
    early = named.filter(pl.col("known_at") < pl.col("at")).collect()
    if early.is_empty():
        return None
    row = early.row(0, named=True)
    return (
        f"{len(early):,} of the {counted(len(outcomes), 'outcome')} that came lately were known before their prediction"
        f" was asked (first: {row['reference']!r}, known at {row['known_at']:%Y-%m-%d %H:%M:%S}, asked at"
        f" {row['at']:%Y-%m-%d %H:%M:%S} UTC): they count for nothing; ask while the outcome is open, or correct"
        " known_at"
    )


def _asked(lake: PredictionSource, now: datetime, horizon: timedelta) -> pl.LazyFrame:
    """When each prediction was asked, by its id and reference."""
    if lake.latest(PREDICTIONS) is None:
        return pl.LazyFrame(schema={"reference": pl.String, "prediction": pl.String, "at": pl.Datetime("us", "UTC")})
    logged = lake.scan(PREDICTIONS, known_since=now - max(2 * horizon, _REACH))
    return logged.select("reference", "at", prediction="id")
