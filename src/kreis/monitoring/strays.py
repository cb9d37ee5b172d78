"""Outcomes that name no prediction: the client sent another name than the service knows, and they count for nothing."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from kreis.deployment.predictions.shipping import OUTCOMES, PREDICTIONS
from kreis.monitoring.traffic import Scanning

__all__ = ["stray_outcomes"]

_FRESH = timedelta(days=2)
_REACH = timedelta(days=90)


def stray_outcomes(lake: Scanning, now: datetime, horizon: timedelta) -> str | None:
    """What to say of the outcomes that came lately and name no prediction; None where all of them do.

    Args:
        lake: With the prediction log.
        now: The present. Files of the log are looked at whose outcomes became known within two days of it.
        horizon: How long outcomes take: predictions are looked for within twice of it, and 90 days at least.
    """
    if lake.latest(OUTCOMES) is None:
        return None
    outcomes = lake.scan(OUTCOMES, known_since=now - _FRESH).select("prediction", "reference").collect()
    names = pl.LazyFrame({"prediction": pl.Series([], dtype=pl.String), "reference": pl.Series([], dtype=pl.String)})
    if lake.latest(PREDICTIONS) is not None:
        logged = lake.scan(PREDICTIONS, known_since=now - max(2 * horizon, _REACH))
        names = logged.select("reference", prediction="id")
    stray = outcomes.lazy().join(names, on="prediction", how="anti").join(names, on="reference", how="anti").collect()
    if stray.is_empty():
        return None
    name = stray.select(pl.coalesce("prediction", "reference")).item(0, 0)
    return (
        f"{len(stray):,} of the {len(outcomes):,} outcomes that came lately name no logged prediction (first:"
        f" {name!r}): they count for nothing; send the id of the answer, or the reference that the request gave"
    )
