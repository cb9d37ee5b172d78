"""Runs, to be filtered and sorted: how each ended, which candidate it chose, how that did, and with what."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from kreis.clock import parse_time
from kreis.errors import ProjectError
from kreis.governance.views.as_they_stand import as_they_stand
from kreis.governance.views.logged import logged_of
from kreis.ledger import runs, steps
from kreis.ledger.records import Run
from kreis.ways.results import Judged, Trained
from kreis.workspace import Workspace

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["RunRow", "RunsView", "runs_view", "value_of"]

_LOGGED = "logged."
"""What a filter writes before the name of what a run logged."""
_CONDITION = re.compile(r"\s*([\w. -]+?)\s*(>=|<=|!=|==|=|>|<|~)\s*(.*?)\s*", re.DOTALL)
_COMPARED: Mapping[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    "==": operator.eq,
    "=": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
    "~": lambda value, text: str(text).lower() in str(value).lower(),
}


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """A run in a list."""

    run: str
    status: str
    as_of: datetime
    started: datetime
    seconds: float | None
    """That it took; None while it goes on, or where it was cut off."""
    trigger: str
    candidate: str | None
    """The one that it chose; None where it did not get as far as evaluation, as all that follows."""
    gates: str | None
    """What they said together: "pass", "fail" or "undecided"."""
    unit: str
    metrics: dict[str, float | None]
    """The chosen one's: "value" is the business metric."""
    headlines: list[str]
    """The metrics by which its task is known, beside the business metric."""
    params: dict[str, Any]
    """That the chosen one was fitted with."""
    computed: int
    remembered: int
    commit: str | None
    dirty: bool
    """Whether the folder differed from the commit."""
    logged: dict[str, Any] = {}
    """The last value of what it logged, where a filter or the order asks for it."""


class RunsView(msgspec.Struct, frozen=True, kw_only=True):
    """A list of runs."""

    runs: list[RunRow]
    found: int
    """That hold to the filters; so many of them are listed."""
    asked: list[str]
    """What filters and order name."""


def runs_view(workspace: Workspace, *, where: Sequence[str] = (), sort: str = "", limit: int | None = 20) -> RunsView:
    """The runs of a project, the newest first.

    Args:
        workspace: Where.
        where: Conditions that all hold: "status=advanced", "value>1000", "params.leaves<=31", "logged.loss<0.3".
        sort: A name to sort by, the least first; with "-" before it the greatest. By time if empty.
        limit: How many are listed; all if None.

    Raises:
        ProjectError: a condition is none, or names what no run has.
    """
    conditions = [_condition(each) for each in where]
    key = sort.removeprefix("-")
    asked = list(dict.fromkeys([*(name for name, _, _ in conditions), *([key] if key else [])]))
    logged = any(name.startswith(_LOGGED) for name in asked)
    with workspace.ledger.read() as connection:
        known = as_they_stand(workspace, runs.list_runs(connection, limit=None))
        judged = _Judgements(connection)
        if not asked:
            rows = [_row(workspace, connection, run, judged, logged=False) for run in known[:limit]]
            return RunsView(runs=rows, found=len(known), asked=[])
        rows = [_row(workspace, connection, run, judged, logged=logged) for run in known]
    for name in asked:
        if rows and all(value_of(row, name) is None for row in rows) and name not in _names([]):
            raise ProjectError.unknown_name("name of what a run has", name, _names(rows), where="kreis runs")
    found = [row for row in rows if all(_holds(row, *each) for each in conditions)]
    if key:
        found = _sorted(found, key, descending=sort.startswith("-"))
    return RunsView(runs=found[:limit], found=len(found), asked=asked)


def value_of(row: RunRow, name: str) -> Any:
    """What a run has of a name: a field, a metric, a parameter, or what it logged; None where it has none."""
    if name.startswith(_LOGGED):
        return row.logged.get(name.removeprefix(_LOGGED))
    plain = name.removeprefix("params.").removeprefix("metrics.")
    if name == plain and name in RunRow.__struct_fields__:
        return getattr(row, name)
    spoken = plain.replace(" ", "_")
    for values, prefix in ((row.metrics, "metrics."), (row.params, "params.")):
        if name == plain or name.startswith(prefix):
            for each in (plain, spoken):
                if each in values:
                    return values[each]
    return None


def _names(rows: Sequence[RunRow]) -> list[str]:
    fields = [name for name in RunRow.__struct_fields__ if name not in ("metrics", "params", "logged", "headlines")]
    found: dict[str, None] = dict.fromkeys(fields)
    for row in rows:
        found |= dict.fromkeys([*row.metrics, *row.params, *(f"{_LOGGED}{name}" for name in row.logged)])
    return list(found)


def _condition(text: str) -> tuple[str, str, str]:
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise ProjectError(
            f"{text!r} is no condition",
            where="--where",
            hint="write NAME, one of = != < <= > >= ~ (holds the text), and a value: value>1000",
        )
    return found[1], found[2], found[3]


def _holds(row: RunRow, name: str, sign: str, text: str) -> bool:
    value = value_of(row, name)
    if value is None:
        return sign == "!=" and bool(text)
    if sign == "~":
        return _COMPARED[sign](value, text)
    try:
        if isinstance(value, bool):
            wanted: Any = text.lower() in ("yes", "true", "1")
        elif isinstance(value, int | float):
            wanted = float(text)
        elif isinstance(value, datetime):
            wanted = parse_time(text)
        else:
            value, wanted = str(value), text
    except ValueError as error:
        raise ProjectError(f"{name} is compared with {text!r}: {error}", where="--where") from error
    if isinstance(value, str) and name in ("run", "commit") and sign in ("=", "=="):
        return value.startswith(text)
    return bool(_COMPARED[sign](value, wanted))


def _sorted(rows: list[RunRow], name: str, *, descending: bool) -> list[RunRow]:
    """Those that have it in order, then those that lack it."""
    have = [row for row in rows if value_of(row, name) is not None]
    lack = [row for row in rows if value_of(row, name) is None]
    try:
        have.sort(key=lambda row: value_of(row, name), reverse=descending)
    except TypeError:  # numbers and texts under one name
        have.sort(key=lambda row: str(value_of(row, name)), reverse=descending)
    return have + lack


class _Judgements:
    """What evaluation steps left, each read once: many runs rest on one."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._judged: dict[str, Judged] = {}
        self._params: dict[str, dict[str, Any]] = {}

    def of(self, run: str) -> tuple[Judged | None, dict[str, Any], int, int]:
        """What a run's evaluation left, the chosen one's parameters, and how many steps it computed and remembered."""
        used = steps.steps_of(self._connection, run)
        remembered = sum(use.remembered for use, _ in used)
        last = next((step for _, step in reversed(used) if step.discipline == "evaluation"), None)
        if last is None:
            return None, {}, len(used) - remembered, remembered
        if last.key not in self._judged:
            self._judged[last.key] = Judged.from_document(last.outputs)
        judged = self._judged[last.key]
        trained = [step for _, step in used if (step.discipline, step.name) == ("training", judged.candidate)]
        if trained and trained[-1].key not in self._params:
            training = Trained.from_document(trained[-1].outputs).candidate.training
            self._params[trained[-1].key] = training.get("parameters", {})
        params = self._params[trained[-1].key] if trained else {}
        return judged, params, len(used) - remembered, remembered


def _row(workspace: Workspace, connection: Connection, run: Run, judgements: _Judgements, *, logged: bool) -> RunRow:
    judged, params, computed, remembered = judgements.of(run.id)
    report = None if judged is None else judged.report
    said = [each for each in runs.verdicts_of(connection, run.id) if each.discipline == "evaluation"]
    return RunRow(
        run=run.id,
        status=run.status,
        as_of=run.as_of,
        started=run.started_at,
        seconds=None if run.finished_at is None else (run.finished_at - run.started_at).total_seconds(),
        trigger=run.trigger,
        candidate=None if judged is None else judged.candidate,
        gates=None if report is None else report.outcome,
        unit="" if report is None else report.unit,
        metrics={}
        if report is None
        else {name: _finite(each.value) for name, each in report.challenger.metrics.items()},
        headlines=list(said[-1].detail.get("headlines", [])) if said else [],
        params={name: value for name, value in params.items() if name != "kind"},
        computed=computed,
        remembered=remembered,
        commit=run.pins.get("git_commit"),
        dirty=bool(run.pins.get("git_dirty", False)),
        logged=_logged(workspace, connection, run) if logged else {},
    )


def _finite(value: float) -> float | None:
    return value if value == value else None  # NaN: it is undefined


def _logged(workspace: Workspace, connection: Connection, run: Run) -> dict[str, Any]:
    found = logged_of(workspace, connection, run)
    params = {name: value for each in found.params.values() for name, value in each.items()}
    return params | {each.name: each.last for each in found.series}
