"""Splits by time: what was known at the cut-off may teach, what came after it judges."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from kreis.arrays import Codes, Floats
from kreis.clock import moment
from kreis.durations import duration_us, parse_duration
from kreis.errors import ProjectError
from kreis.tasks.task import Task
from kreis.texts import counted
from kreis.training.data import Indices, Microseconds
from kreis.training.splits.split import BlocksAre, Labels, Split, UsualSplit

if TYPE_CHECKING:
    from kreis.preparation.tables import Spine

__all__ = ["TimeSplit"]

_DAY = 86_400_000_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class TimeSplit(UsualSplit):
    """The last `test` of the time that is complete judges; what was complete `gap` before it teaches.

    The tail of the training rows, by time, is kept for validation: it sets thresholds and chooses parameters. Rows
    of the same time never fall on both sides of a boundary. A row teaches only if its outcome was known at the
    cut-off, and it was old enough, as it would have had to be had the model been trained on that day.

    Example:

    >>> TimeSplit(test="45d").validation
    0.2
    """

    test: str = "30d"
    gap: str | None = None
    validation: float = 0.2
    """Share of the training rows."""

    kind: ClassVar[str] = "time"

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

    @property
    def blocks_are(self) -> BlocksAre:
        """Rows of one day hang together."""
        return "days"

    @property
    def days_tested(self) -> float:
        """The days of its test part."""
        return duration_us(self.test) / _DAY

    def reads(self, spine: Spine) -> str | None:
        """Nothing but times."""
        return None

    def blocks(self, time: Microseconds, labels: Labels | None) -> Codes:
        """Each row's day (UTC)."""
        return time // _DAY

    def split(
        self,
        time: Microseconds,
        known_at: Microseconds,
        outcomes: Floats,
        *,
        task: Task,
        until: int | None = None,
        horizon: timedelta = timedelta(0),
        labels: Labels | None = None,
    ) -> Split:
        """Split n rows.

        Args:
            time: when each question was asked, shape (n,).
            known_at: when each outcome could be known, shape (n,).
            outcomes: what happened, shape (n,); read only to see that each part can teach or judge.
            task: says whether it can.
            until: the run's moment: the test ends (exclusive) where rows are too young then, at the start of a day
                (UTC) where `test` is whole days; the end of the data if not given.
            horizon: how long outcomes take. A row younger than that at a cut-off is left out of the part, known or
                not: outcomes that come quickly would be over-represented.
            labels: not read.

        Raises:
            ProjectError: a part is empty or cannot teach or judge; says which, with counts and dates.
        """
        if len(time) == 0:
            raise ProjectError("no row has an outcome", where="TimeSplit", hint="collect a longer time range")
        waits = horizon // timedelta(microseconds=1)
        span = duration_us(self.test)
        test_end = int(time.max()) + 1 if until is None else until - waits
        if until is not None and span % _DAY == 0:
            test_end -= test_end % _DAY  # whole days: the day is evaluation's independent unit
        test_start = test_end - span
        train_end = test_start - (duration_us(self.gap) if self.gap else 0)
        complete = np.maximum(known_at, time + waits)
        train = np.flatnonzero((time < train_end) & (complete <= train_end))
        test = np.flatnonzero((time >= test_start) & (time < test_end))
        check = partial(self._check, task, outcomes)
        check("test", test, test_start, test_end, int(complete.max()))
        late = ": it ends before the first row" if train_end <= time.min() else ""
        if (asked := int(np.count_nonzero(time < train_end))) and len(train) == 0:
            late = (
                f": {counted(asked, 'row asks', 'rows ask')} before its end, but the outcome of none was"
                " complete by then"
            )
            late += f" (outcomes take {waits / _DAY:g} days)" if waits else ""
        check("train", train, int(time.min()), train_end, late=late)
        ordered = np.sort(time[train])
        validation_start = int(ordered[min(len(ordered) - 1, int(len(ordered) * (1 - self.validation)))])
        fit = train[(time[train] < validation_start) & (complete[train] <= validation_start)]
        validation = train[time[train] >= validation_start]
        check("fit", fit, int(ordered[0]), validation_start)
        check("validation", validation, validation_start, train_end)
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

    def _check(
        self,
        task: Task,
        outcomes: Floats,
        part: str,
        rows: Indices,
        start: int,
        end: int,
        complete: int | None = None,
        late: str = "",
    ) -> None:
        what = task.lacking(outcomes[rows])
        if not what:
            return
        said = f"the {part} part, {moment(start):%Y-%m-%d %H:%M} to {moment(end):%Y-%m-%d %H:%M} UTC, has {what}{late}"
        hint = "collect a longer time range, or make the test shorter"
        if len(rows) == 0 and complete is not None and complete < start:
            said += f": the last outcome is complete on {moment(complete):%Y-%m-%d}"
            last = moment(complete) + timedelta(days=1)
            hint = f'your rows end long before the run\'s moment: set as_of = "{last:%Y-%m-%d}" in kreis.toml'
            hint += " (or --as-of), or collect newer rows"
        raise ProjectError(said, where=f"TimeSplit(test={self.test!r}, gap={self.gap!r})", hint=hint)
