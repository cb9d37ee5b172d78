"""Two candidates of two runs on the same rows, which neither learned from: by how much each metric differs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from kreis.arrays import Codes
from kreis.clock import microseconds, parse_time
from kreis.errors import ProjectError
from kreis.evaluation.blocks import as_blocks, climate_of, of_blocks
from kreis.evaluation.intervals import Estimate, paired_difference
from kreis.evaluation.scored import Scored
from kreis.ledger import steps
from kreis.loop.steps import short_digest
from kreis.loop.taking_over import restored
from kreis.preparation.spine import teaches
from kreis.project import Project
from kreis.texts import counted
from kreis.training.data import TrainingData
from kreis.training.splits.split import Split
from kreis.training.train import TrainedCandidate
from kreis.ways.tabular.evaluation import Scoring
from kreis.ways.tabular.rows import read_features, rows_with, spans_of, spine_of, split_rows
from kreis.ways.tabular.rows import read_spine as read
from kreis.ways.tabular.state import TabularState
from kreis.ways.tabular.way import Tabular
from kreis.workspace import Workspace

__all__ = ["PairedMetrics", "PairedSide", "paired_metrics"]


@dataclass(frozen=True)
class PairedSide:
    """A candidate of a run."""

    run: str
    trained: TrainedCandidate
    """With its bytes."""


class PairedMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """What the second has more of each metric than the first, row by row."""

    rows: int
    judged_on: str
    """How many rows, of how many days or groups, in words."""
    which: str
    """Which rows these are, in words."""
    differences: dict[str, Estimate]
    told_apart: list[str]
    """Metrics that differ for certain: the goal's by its own interval, all others at a level that holds for all of them
    at once (Bonferroni)."""


def paired_metrics(project: Project, workspace: Workspace, first: PairedSide, second: PairedSide) -> PairedMetrics:
    """By how much two candidates differ on rows that neither learned from.

    These are the rows that both runs tested on, each candidate with the features that its own run made of them. Where
    they tested on different times, the test rows of the later run from the time on to which neither learned, with its
    features.

    Args:
        project: As declared now: its goal judges.
        workspace: Where.
        first: One.
        second: The other.

    Raises:
        ProjectError: there are no such rows, or what a run made is not what the project declares now.
    """
    sides = [_side(project, workspace, each) for each in (first, second)]
    which = "of the run's test" if first.run == second.run else "that both runs tested on"
    same = _matching(sides)
    if same is None:
        same, which = _later(workspace, sides), "of the later run's test, from after the time that either learned from"
    task, split, one = project.goal.task, project.split_declaration, same[0]
    known: dict[str, Any] = {
        "climate": sides[1].climate,
        "blocks_are": split.blocks_are,
        "spans": spans_of(sides[0].state, one.test),
        "repeats": one.repeats,
    }
    rows = [replace(each.scored().rows(one.test.outcomes, task), **known) for each in same]
    blocks = as_blocks(one.blocks)
    differences = {each.name: paired_difference(each, rows[1], rows[0], blocks) for each in task.metrics}
    at_once = 1 - 0.05 / max(len(differences) - 1, 1)
    strict = {
        each.name: differences["value"]
        if each.name == "value"
        else paired_difference(each, rows[1], rows[0], blocks, level=at_once)
        for each in task.metrics
    }
    return PairedMetrics(
        rows=len(one.test) // one.repeats,
        judged_on=f"{counted(len(one.test) // one.repeats, 'row')}{of_blocks(int(blocks.max()) + 1, split.blocks_are)}",
        which=which,
        differences=differences,
        told_apart=[name for name, each in strict.items() if each.low > 0 or each.high < 0],
    )


@dataclass(frozen=True)
class _Side:
    asked: PairedSide
    state: TabularState
    parts: Split
    test: TrainingData
    """The rows that judge; of a cross-validation every row, as often as it was judged."""
    ids: pl.Series
    blocks: Codes
    climate: float | None
    repeats: int

    def scored(self) -> Scored:
        """What the candidate says of them."""
        trained = self.asked.trained
        columns = {name: place for place, name in enumerate(self.test.features)}
        scoring = Scoring(self.state.project.goal.task, self.test, columns, self.parts)
        return scoring.of(trained.name, [trained] * max(len(self.parts.folds), 1), trained)

    def take(self, places: npt.NDArray[np.intp]) -> _Side:
        """Some of the rows."""
        if self.parts.folds:
            raise ProjectError("the runs tested on different rows, and folds cannot be taken apart")
        return replace(self, test=self.test.take(places), ids=self.ids.gather(places), blocks=self.blocks[places])


def _side(project: Project, workspace: Workspace, asked: PairedSide) -> _Side:
    state = restored(Tabular(project), workspace, before="training", run=asked.run)
    _check_split(project, workspace, asked)
    return _with_features(state, asked)


def _check_split(project: Project, workspace: Workspace, asked: PairedSide) -> None:
    """Refuse a run whose rows were split otherwise: which of them it tested on would not be known."""
    declared = short_digest(project.split_declaration.parameters())
    with workspace.ledger.read() as connection:
        made = [step.basis for _, step in steps.steps_of(connection, asked.run) if step.discipline == "training"]
    for basis in made:
        if basis is not None and basis.parameters.get("split") != declared:
            raise ProjectError(f"run {asked.run[:13]} split its rows otherwise than the project declares now")


def _with_features(state: TabularState, asked: PairedSide) -> _Side:
    """A run's test rows with the features of a candidate."""
    spine, split = spine_of(state), state.project.split_declaration
    rows = rows_with(state, read_features(state, list(asked.trained.features)))
    parts = split_rows(state, rows)
    tested = parts.judging
    named = read(state, spine.id, spine.time, spine.outcome, spine.outcome_known_at)
    ids = named.filter(teaches(spine, state.project.goal.task, state.as_of))[spine.id].cast(pl.String)
    return _Side(
        asked=asked,
        state=state,
        parts=parts,
        test=rows.take(tested),
        ids=ids.gather(tested),
        blocks=split.blocks(rows.time, rows.labels)[tested],
        climate=climate_of(rows.outcomes, split.blocks(rows.time, None)) if split.blocks_are == "days" else None,
        repeats=len(tested) // len(rows) if parts.folds else 1,
    )


def _matching(sides: list[_Side]) -> list[_Side] | None:
    """The rows that both tested on, in the same order; None where there are none."""
    if sides[0].ids.to_list() == sides[1].ids.to_list():
        pair = sides
    else:
        frames = [
            pl.DataFrame({"id": side.ids, name: np.arange(len(side.ids))})
            for name, side in zip(("first", "second"), sides, strict=True)
        ]
        both = frames[0].join(frames[1], on="id", how="inner").sort("first")
        if both.is_empty():
            return None
        pair = [side.take(both[name].to_numpy()) for name, side in zip(("first", "second"), sides, strict=True)]
    if not np.array_equal(pair[0].test.outcomes, pair[1].test.outcomes, equal_nan=True):
        raise ProjectError(
            "the outcomes of the rows that both runs tested on differ", hint="run both candidates anew, in one run"
        )
    return pair


def _later(workspace: Workspace, sides: list[_Side]) -> list[_Side]:
    """The later run's test rows from after the time that either learned from, for each side with its features there."""
    later, earlier = sorted(sides, key=lambda side: side.state.as_of, reverse=True)
    _check_definitions(workspace, later, earlier)
    cut_offs = [side.asked.trained.training.get("cut_off") for side in sides]
    if None in cut_offs:
        raise ProjectError("the runs tested on different rows, and their candidates did not learn up to a time")
    fresh = np.flatnonzero(later.test.time >= max(microseconds(parse_time(str(each))) for each in cut_offs))
    if not len(fresh):
        raise ProjectError("every row that one run tested on, the other learned from")
    there = {id(later): later.take(fresh), id(earlier): _with_features(later.state, earlier.asked).take(fresh)}
    return [there[id(side)] for side in sides]


def _check_definitions(workspace: Workspace, later: _Side, earlier: _Side) -> None:
    """Refuse where the later run has no features of that definition."""
    wanted = set(earlier.asked.trained.features)
    with workspace.ledger.read() as connection:
        made = [
            {step.name: step.basis for _, step in steps.steps_of(connection, side.asked.run)}
            for side in (later, earlier)
        ]
    for view in later.state.project.all_views:
        if not wanted & set(view.feature_names):
            continue
        now, then = (basis.get(f"features {view.name}") for basis in made)
        if now is None or then is None or now.parameters.get("view") != then.parameters.get("view"):
            raise ProjectError(f"the runs tested on different rows, and define the view {view.name!r} differently")
        wanted -= set(view.feature_names)
    if wanted:
        raise ProjectError(f"the later run has no feature {sorted(wanted)[0]!r}")
