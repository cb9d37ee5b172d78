"""A day of traffic: what the monitors look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from kreis.arrays import Booleans, Codes, Floats
from kreis.errors import ProjectError

__all__ = ["AnsweredQuestion", "DayOfTraffic", "day_of_traffic"]


@dataclass(frozen=True, kw_only=True)
class AnsweredQuestion:
    """A question of a day, masked as the log has it."""

    prediction: str
    text: str
    given: bool
    """Whether it was answered, and not passed on."""
    outcome: str
    """What came of it: "answered" (with too little confidence, where it was not given), "abstained", "refused" …"""
    guards: tuple[tuple[str, str], ...] = ()
    """What guards did, each a guard and what it did: ("injection", "saw")."""


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
    read_questions: Callable[[], Sequence[AnsweredQuestion]] | None = None
    """Reads the day's questions; only monitors of answers ask for them."""

    def __len__(self) -> int:
        return len(self.scores)

    @cached_property
    def questions(self) -> Sequence[AnsweredQuestion]:
        """The day's questions in the order in which they were asked; none where nothing was answered in words."""
        return () if self.read_questions is None or "confidence" not in self.feature_names else self.read_questions()

    def feature(self, name: str) -> Floats | None:
        """A feature of all rows, shape (n,); None where there is none of this name."""
        if name not in self.feature_names:
            return None
        column: Floats = self.features[:, self.feature_names.index(name)]
        return column

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
