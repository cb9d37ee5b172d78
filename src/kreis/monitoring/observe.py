"""A day of traffic: what the monitors look at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from kreis.arrays import Booleans, Codes, Floats
from kreis.errors import ProjectError

__all__ = ["DayOfTraffic", "day_of_traffic"]


@dataclass(frozen=True, eq=False)
class DayOfTraffic:
    """One day's answers, n of them."""

    day: date
    feature_names: tuple[str, ...]
    features: Floats
    """Shape (n, f); NaN is missing."""
    scores: Floats
    decisions: npt.NDArray[Any]
    """Yes and no, or numbers."""
    outcomes: Floats
    """NaN where not known yet."""
    latency_us: Codes
    models: tuple[str, ...]
    """Digests of the models that answered."""
    matured: bool
    """Whether all its requests are older than outcomes take (the spine's `outcome_within`)."""
    failed: int = 0
    """Requests that ended in a server error; they have no row."""
    whole: Booleans | None = None
    """Rows whose model takes all the features, shape (n,); all rows if not given. Only these tell of drift."""
    baseline: Floats | None = None
    """What the baseline would have decided, shape (n,): as numbers, NaN where its features were not logged."""

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def known(self) -> Booleans:
        """Which outcomes are known, shape (n,)."""
        known: Booleans = ~np.isnan(self.outcomes)
        return known


def day_of_traffic(
    day: date,
    *,
    now: datetime,
    feature_names: tuple[str, ...],
    features: npt.ArrayLike,
    scores: npt.ArrayLike,
    decisions: npt.ArrayLike,
    outcomes: npt.ArrayLike,
    latency_us: npt.ArrayLike,
    models: tuple[str, ...] = (),
    failed: int = 0,
    whole: Booleans | None = None,
    horizon: timedelta,
) -> DayOfTraffic:
    """Build a day from arrays, and say whether its outcomes have matured.

    They have when `horizon` has passed since the end of the day (UTC), and not before, however many are known: those
    that come quickly may be of another kind than those that come late.

    Raises:
        ProjectError: the arrays do not fit together.
    """
    known = np.asarray(outcomes, dtype=np.float64)
    n = len(known)
    matrix = np.asarray(features, dtype=np.float64).reshape(-1 if n and feature_names else n, len(feature_names))
    columns = {
        "features": matrix,
        "scores": np.asarray(scores, dtype=np.float64),
        "decisions": np.asarray(decisions),
        "latency_us": np.asarray(latency_us, dtype=np.int64),
    }
    for name, column in columns.items():
        if len(column) != n:
            raise ProjectError(f"{n} outcomes but {len(column)} {name}", where=f"traffic of {day}")
    end = datetime.combine(day + timedelta(days=1), time(), tzinfo=UTC)
    return DayOfTraffic(
        day=day,
        feature_names=feature_names,
        features=matrix,
        scores=columns["scores"],
        decisions=columns["decisions"],
        outcomes=known,
        latency_us=columns["latency_us"],
        models=models,
        matured=now - horizon >= end,
        failed=failed,
        whole=whole,
    )
