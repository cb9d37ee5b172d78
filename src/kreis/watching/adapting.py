"""Levels that follow what happened: each matured day of the log moves the level at which a model's coverage is said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import msgspec
import numpy as np
import polars as pl

from kreis.arrays import Floats
from kreis.deployment.coverage_levels import in_service_since, move_in_service, walked_of
from kreis.deployment.packages import read_manifest
from kreis.evaluation.coverage.adapting import WalkedLevels, at_most, begin, walk
from kreis.evaluation.coverage.fit import Covering
from kreis.ledger.models import get_model
from kreis.ledger.records import LevelMove, Release
from kreis.models.answer_parts.kinds import adapting_part
from kreis.monitoring.traffic import read_traffic
from kreis.project import Project
from kreis.tasks.task import Task
from kreis.texts import counted
from kreis.watching.memory import CoverageWatched, WatchMemory
from kreis.workspace import Workspace

__all__ = ["Adapting", "Answered", "Moved", "answered", "move_told"]

_DAY = timedelta(days=1)
_AT_ONCE = 4
"""Days read together, as monitors do."""


@dataclass
class Moved:
    """What a look moved."""

    moves: list[LevelMove] = field(default_factory=list)
    problem: str | None = None
    """Why what is covered may stay below the share that was asked for."""


class Adapting:
    """Moves the levels of a project's models in service."""

    def __init__(self, project: Project, workspace: Workspace) -> None:
        self._project = project
        self._workspace = workspace
        self._parts: dict[str, Covering | None] = {}
        self.asked = bool(getattr(project.answer_parts.get("coverage"), "adapts", False))
        """Whether the project declares it."""

    def look(self, memory: WatchMemory, history: Sequence[Release], now: datetime) -> Moved:
        """Take in the days that have matured since the last look.

        Args:
            memory: How far each model has come; it is changed.
            history: All releases of the project.
            now: The present.
        """
        found, current = Moved(), max(history, key=lambda release: release.number)
        last, coverage = (now - self._project.horizon).date() - _DAY, dict[str, CoverageWatched]()
        for model in [route.model for route in current.routes if route.mode == "live"]:
            part, since = self._part(model), in_service_since(history, model)
            if part is None or part.quantile.grid is None or since is None:
                continue
            with self._workspace.ledger.read() as connection:
                move = move_in_service(connection, history, model)
            before = begin(part.level) if move is None else walked_of(move)
            known, first = memory.coverage.get(model), since.at.date()
            if known is not None and known.release == since.number:
                first = known.next_day
            if move is not None:  # which another look may have put on record
                first = max(first, date.fromisoformat(move.days[-1]["day"]) + _DAY)
            walked, days = self._walked(model, part, before, first, last, now)
            coverage[model] = CoverageWatched(release=since.number, next_day=max(first, last + _DAY))
            if days:
                levels, earlier = msgspec.to_builtins(walked), msgspec.to_builtins(before)
                new = LevelMove(model=model, release=since.number, levels=levels, before=earlier, days=days, at=now)
                found.moves.append(new)
            if highest := at_most(walked, part.quantile.grid):
                found.problem = _problem(part, highest)
        memory.coverage = coverage
        return found

    def _part(self, model: str) -> Covering | None:
        if model not in self._parts:
            with self._workspace.ledger.read() as connection:
                registered = get_model(connection, model)
            manifest = read_manifest(model, registered.signature, self._workspace.keys.trusted())
            self._parts[model] = adapting_part(manifest.parts)
        return self._parts[model]

    def _walked(
        self, model: str, part: Covering, before: WalkedLevels, first: date, last: date, now: datetime
    ) -> tuple[WalkedLevels, list[dict[str, Any]]]:
        """The levels after the days from `first` to `last`, and what was covered on each."""
        walked, days = before, []
        for day, rows in self._days(model, first, last, now):
            found = answered(rows, part, self._project.goal.task)
            if found.covered:
                walked = found.walked(walked, part)
                counts = {"answers": len(found.covered), "covered": sum(found.covered)}
                days.append({"day": day.isoformat(), **counts})
        return walked, days

    def _days(self, model: str, first: date, last: date, now: datetime) -> Iterator[tuple[date, pl.DataFrame]]:
        """Days (UTC) with the model's answers whose outcomes are known, in the order of their time."""
        while first <= last:
            until = min(first + _AT_ONCE * _DAY, last + _DAY)
            span = (datetime.combine(each, time(), tzinfo=UTC) for each in (first, until))
            rows = read_traffic(
                self._workspace.lake, *span, known_by=now, columns=("model", "score", "scores", "parts")
            )
            rows = rows.filter(pl.col("model") == model, pl.col("outcome").is_not_null(), pl.col("parts").is_not_null())
            for day in rows["at"].dt.date().unique().sort():
                yield day, rows.filter(pl.col("at").dt.date() == day)
            first = until


class _Logged(msgspec.Struct):
    """What is logged of what went with an answer, as far as it is looked at."""

    coverage: dict[str, Any] | None = None


@dataclass(frozen=True, eq=False)
class Answered:
    """A day's answers that said what they cover, and whose outcomes are known."""

    beyond: Floats
    groups: list[str | None]
    covered: list[bool]
    """As they were answered."""

    def walked(self, before: WalkedLevels, part: Covering) -> WalkedLevels:
        """The levels after them."""
        if part.quantile.grid is None:
            return before
        return walk(before, part.quantile.grid, part.level, self.beyond, self.groups)


def answered(rows: pl.DataFrame, part: Covering, task: Task) -> Answered:
    """What logged rows of known outcomes (`outcome`, `score`, `scores`, `parts`) say of coverage, in their order."""
    said = [msgspec.json.decode(text, type=_Logged).coverage for text in rows["parts"]]
    rows = rows.filter(pl.Series([each is not None for each in said], dtype=pl.Boolean))
    values = [each for each in said if each is not None]
    happened = np.asarray(task.labels(rows["outcome"].to_numpy().astype(np.float64)))
    scores = rows["score"].to_numpy() if rows["scores"].null_count() else np.array(rows["scores"].to_list())
    return Answered(
        part.beyond(scores, happened) if values else np.empty(0),
        [value.get("group") for value in values],
        [part.held(value, each) for value, each in zip(values, happened.tolist(), strict=True)],
    )


def _problem(part: Covering, groups: Sequence[str | None]) -> str:
    named = [f"{part.quantile.by} {group}" for group in groups if group is not None]
    of = f" of {', '.join(named[:5])}{' …' if len(named) > 5 else ''}" if None not in groups else ""
    return (
        f"the level at which coverage{of} is said can rise no further: errors are larger than those of the validation"
        f" rows were, and less than {part.level:.4g} of what happens may be covered until a model learns anew"
    )


def move_told(move: LevelMove) -> str:
    """A move in one line."""
    answers, covered = (sum(each[name] for each in move.days) for name in ("answers", "covered"))
    days = move.days[0]["day"] + (f" to {move.days[-1]['day']}" if len(move.days) > 1 else "")
    return (
        f"coverage of {move.model[:12]}: {covered / answers:.1%} of {counted(answers, 'answer')} of {days} were"
        f" covered; said at a level of {move.levels['general']:.4f} from now on ({move.before['general']:.4f} before)"
    )
