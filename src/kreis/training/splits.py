"""Splits by time: what was known at the cut-off may teach, what came after it judges."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import numpy as np

from kreis.clock import moment
from kreis.errors import ProjectError
from kreis.preparation.views import parse_duration
from kreis.training.candidate import Outcomes
from kreis.training.data import Indices, Microseconds

__all__ = ["Split", "TimeSplit"]


class Split(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Index arrays, ascending, over the rows of a frame; times are microseconds since 1970 UTC.

    `train` is everything that may teach: `fit` and `validation`, and the rows between whose outcome came too late
    for `fit`. `test` is touched by evaluation alone.
    """

    fit: Indices
    validation: Indices
    train: Indices
    test: Indices
    validation_start: int
    train_end: int
    """The cut-off: train asks before it and knows its outcomes by it."""
    test_start: int
    test_end: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class TimeSplit:
    """The last `test` of the time judges; what was known `gap` before it teaches.

    The tail of the training rows, by time, is kept for validation: it sets thresholds and chooses parameters. Rows
    of the same time never fall on both sides of a boundary. A row teaches only if its outcome was known at the
    cut-off, as it would have had to be had the model been trained on that day.
    """

    test: str = "30d"
    gap: str | None = None
    validation: float = 0.2
    """Share of the training rows."""

    def __post_init__(self) -> None:
        for name in ("test", "gap"):
            text = getattr(self, name)
            if text is None and name == "gap":
                continue
            try:
                parse_duration(text)
            except (ValueError, TypeError) as error:
                raise ProjectError(str(error), where=f"TimeSplit({name}={text!r})") from error
        if not 0 < self.validation < 1:
            raise ProjectError(f"validation must be a share between 0 and 1, not {self.validation}", where="TimeSplit")

    def parameters(self) -> dict[str, Any]:
        """Its fields."""
        return {"kind": "time", **dataclasses.asdict(self)}

    def split(
        self, time: Microseconds, known_at: Microseconds, outcomes: Outcomes, *, until: int | None = None
    ) -> Split:
        """Split n rows.

        Args:
            time: when each question was asked, shape (n,).
            known_at: when each outcome could be known, shape (n,).
            outcomes: what happened, shape (n,); read only to see that each part holds both.
            until: where the test ends (exclusive); the end of the data if not given.

        Raises:
            ProjectError: a part is empty or holds one outcome only; says which, with counts and dates.
        """
        if len(time) == 0:
            raise ProjectError("no row has an outcome", where="TimeSplit", hint="collect a longer time range")
        test_end = int(time.max()) + 1 if until is None else until
        test_start = test_end - _microseconds(self.test)
        train_end = test_start - (_microseconds(self.gap) if self.gap else 0)
        train = np.flatnonzero((time < train_end) & (known_at <= train_end))
        test = np.flatnonzero((time >= test_start) & (time < test_end))
        self._check("train", train, outcomes, int(time.min()), train_end)
        self._check("test", test, outcomes, test_start, test_end)
        ordered = np.sort(time[train])
        validation_start = int(ordered[min(len(ordered) - 1, int(len(ordered) * (1 - self.validation)))])
        fit = train[(time[train] < validation_start) & (known_at[train] <= validation_start)]
        validation = train[time[train] >= validation_start]
        self._check("fit", fit, outcomes, int(ordered[0]), validation_start)
        self._check("validation", validation, outcomes, validation_start, train_end)
        return Split(
            fit=fit,
            validation=validation,
            train=train,
            test=test,
            validation_start=validation_start,
            train_end=train_end,
            test_start=test_start,
            test_end=test_end,
        )

    def _check(self, part: str, rows: Indices, outcomes: Outcomes, start: int, end: int) -> None:
        positive = int(np.count_nonzero(outcomes[rows]))
        if 0 < positive < len(rows):
            return
        what = "no rows" if len(rows) == 0 else f"{len(rows):,} rows, all with the outcome {positive > 0}"
        raise ProjectError(
            f"the {part} part, {moment(start):%Y-%m-%d %H:%M} to {moment(end):%Y-%m-%d %H:%M} UTC, has {what}",
            where=f"TimeSplit(test={self.test!r}, gap={self.gap!r})",
            hint="collect a longer time range, or make the test shorter",
        )


def _microseconds(duration: str) -> int:
    span = parse_duration(duration)
    return (span.days * 86_400 + span.seconds) * 1_000_000
