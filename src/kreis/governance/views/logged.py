"""What the steps of a run logged while they were computed: a remembered step shows what the first run of it logged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from kreis.errors import StoreError
from kreis.ledger import steps
from kreis.ledger.records import Run
from kreis.texts import counted
from kreis.tracking.points import Artefact, Logged, Params, Point, Started, Used, read_run
from kreis.workspace import Workspace

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["LoggedArtefact", "LoggedSeries", "LoggedView", "StepUse", "logged_of"]

_BUCKETS = 100
"""Of a long series so many lowest and highest points are shown."""


class LoggedSeries(msgspec.Struct, frozen=True, kw_only=True):
    """A number as it went."""

    discipline: str
    step: str
    part: str
    """Of the step: "fit", "refit", a trial; empty for all of it."""
    name: str
    count: int
    """Points that were logged."""
    points: list[tuple[float, float | None]]
    """Place and value; of many, the lowest and the highest of each stretch."""
    first: float | None
    last: float | None
    lowest: float | None
    highest: float | None


class LoggedArtefact(msgspec.Struct, frozen=True, kw_only=True):
    """A file or plot that a step kept."""

    discipline: str
    step: str
    name: str
    digest: str
    size: int


class StepUse(msgspec.Struct, frozen=True, kw_only=True):
    """What a step, or all of the run, took of the machine."""

    discipline: str
    step: str
    """Empty for all of the run."""
    seconds: float
    cpu_seconds: float
    memory_mb: float
    """The most that the process had held until then."""


class LoggedView(msgspec.Struct, frozen=True, kw_only=True):
    """All that the steps of a run logged."""

    series: list[LoggedSeries]
    params: dict[str, dict[str, Any]]
    """By discipline and step: "training/gbdt"."""
    artefacts: list[LoggedArtefact]
    used: list[StepUse]
    problems: list[str]
    """What cannot be shown, and why."""


def logged_of(workspace: Workspace, connection: Connection, run: Run, *, whole: bool = False) -> LoggedView:
    """What the steps of a run logged: those that it computed, finished or not, and those that it remembered.

    Args:
        workspace: Where.
        connection: Of its ledger.
        run: Whose.
        whole: Every point, of long series too.
    """
    used = [use for use, _ in steps.steps_of(connection, run.id)]
    earlier = {use.key: steps.computed_in(connection, use.key) for use in used if use.remembered}
    wanted: dict[str, set[str] | None] = {run.id: None}  # None: all of it
    for key, first in earlier.items():
        if first is not None and first != run.id:
            found = wanted.setdefault(first, set())
            if found is not None:
                found.add(key)
    gathered = _Gathered()
    for each, keys in wanted.items():
        try:
            for logged in read_run(workspace.tracking_folder / each):
                gathered.take(logged, keys, each)
        except StoreError as error:
            gathered.problems.append(str(error))
    return gathered.view(whole=whole)


class _Gathered:
    def __init__(self) -> None:
        self._points: dict[tuple[str, str, str, str], list[tuple[float, float | None]]] = defaultdict(list)
        self._params: dict[str, dict[str, Any]] = defaultdict(dict)
        self._artefacts: dict[tuple[str, str, str], LoggedArtefact] = {}
        self._used: list[StepUse] = []
        self.problems: list[str] = []

    def take(self, logged: Logged, keys: set[str] | None, run: str) -> None:
        """Take what one process logged of a run, or of some of its steps."""
        for record in logged.records:
            step = logged.steps.get(record.number)
            if step is not None and (keys is None or step.key in keys):
                self._take(step, record)
            elif record.number == 0 and keys is None and isinstance(record, Used):
                self._use("", "", record)
        if logged.unreadable:
            self.problems.append(f"{logged.unreadable} lines that run {run} logged cannot be read")
        if logged.lost:
            self.problems.append(f"{counted(logged.lost, 'record')} of run {run} came faster than they could be kept")

    def _take(self, step: Started, record: Point | Params | Artefact | Used) -> None:
        where = step.discipline, step.name
        match record:
            case Point():
                for name, value in record.values.items():
                    series = self._points[*where, record.part, name]
                    place = record.step if record.step is not None else (series[-1][0] + 1 if series else 1.0)
                    series.append((place, value))
            case Params():
                self._params["/".join(where)].update(record.values)
            case Artefact():
                self._artefacts[*where, record.name] = LoggedArtefact(
                    discipline=where[0], step=where[1], name=record.name, digest=record.digest, size=record.size
                )
            case Used():
                self._use(*where, record)

    def _use(self, discipline: str, step: str, used: Used) -> None:
        took = {**msgspec.structs.asdict(used), "discipline": discipline, "step": step}
        self._used.append(msgspec.convert(took, StepUse))

    def view(self, *, whole: bool) -> LoggedView:
        """All of it."""
        return LoggedView(
            series=[_series(*where, points, whole=whole) for where, points in self._points.items()],
            params=dict(self._params),
            artefacts=list(self._artefacts.values()),
            used=self._used,
            problems=self.problems,
        )


def _series(
    discipline: str, step: str, part: str, name: str, points: list[tuple[float, float | None]], *, whole: bool
) -> LoggedSeries:
    points.sort(key=lambda point: point[0])  # processes of a pool log side by side
    finite = [value for _, value in points if value is not None]
    return LoggedSeries(
        discipline=discipline,
        step=step,
        part=part,
        name=name,
        count=len(points),
        points=list(points if whole else _thinned(points)),
        first=points[0][1],
        last=points[-1][1],
        lowest=min(finite, default=None),
        highest=max(finite, default=None),
    )


def _thinned(points: list[tuple[float, float | None]]) -> Iterable[tuple[float, float | None]]:
    """The first and last point, and the lowest and highest of each stretch: nothing that stands out is lost."""
    if len(points) <= 2 * _BUCKETS:
        return points
    kept = {0, len(points) - 1}
    for bucket in range(_BUCKETS):
        places = range(bucket * len(points) // _BUCKETS, (bucket + 1) * len(points) // _BUCKETS)
        finite = [place for place in places if points[place][1] is not None]
        if finite:
            kept |= {min(finite, key=lambda place: points[place][1] or 0.0)}
            kept |= {max(finite, key=lambda place: points[place][1] or 0.0)}
    return [points[place] for place in sorted(kept)]
