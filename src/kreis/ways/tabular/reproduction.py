"""Two runs of the same: which step left something else first, and what of all it rests on was another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl

from kreis.digests import digest_of_document
from kreis.ledger.records import Run, Step
from kreis.loop.taking_over import restored
from kreis.models.scoring import Scores
from kreis.project import Project
from kreis.texts import counted
from kreis.training.data import TrainingData
from kreis.training.train import TrainedCandidate
from kreis.ways.results import INDEX, LEAKS, BuiltKnowledge, Judged, LakeTable, Trained
from kreis.ways.tabular.rows import read_features, rows_with, split_rows
from kreis.ways.tabular.way import Tabular
from kreis.workspace import Workspace

__all__ = ["Predicted", "StepAgain", "predicted_again", "steps_again"]

_TABLES = ("collection", "preparation")
_TIMED = {"latency"}
"""Metrics that are others each time."""


class StepAgain(msgspec.Struct, frozen=True, kw_only=True):
    """A step of a run, and the same step of the run that repeats it."""

    discipline: str
    name: str
    same: bool
    """Whether both left the same."""
    differs: list[str]
    """What of it does not agree, in words."""
    why: list[str]
    """What it rests on that is another: code, a parameter, a library, data."""


class Predicted(msgspec.Struct, frozen=True, kw_only=True):
    """What a candidate and its repetition say of the first run's test rows."""

    candidate: str
    rows: int
    most_apart: float
    """The largest difference of two scores."""
    decided_otherwise: int


_Ran = tuple[Workspace, Run, Sequence[Step]]


def steps_again(first: _Ran, again: _Ran) -> list[StepAgain]:
    """The steps of a run beside those of the run that repeats it, in order.

    Args:
        first: Where it ran, the run, and its steps in order.
        again: The same of the repetition.
    """
    (workspace, _, steps), (scratch, _, steps_now) = first, again
    theirs = {(step.discipline, step.name): step for step in steps_now}
    found, seen = [], set[tuple[str, str]]()
    for step in _last(steps):
        place = step.discipline, step.name
        if step.discipline == "deployment" or place in seen:
            continue
        seen.add(place)
        now = theirs.get(place)
        if now is None:
            found.append(_again(step, ["it was not made"], []))
            continue
        if step.discipline == "evaluation":
            differs = list(_judged(step, now))
        elif step.name.startswith(INDEX) and step.discipline == "preparation":
            differs = list(_index(step, now))
        elif (step.discipline, step.name) == ("preparation", LEAKS):
            differs = [] if step.outputs == now.outputs else ["other leaks are found"]
        elif step.discipline in _TABLES:
            differs = list(_tables(workspace, step, scratch, now))
        else:
            differs = list(_trained(step, now))
        found.append(_again(step, differs, list(_why(first, again, step, now))))
    found += [_again(step, ["only the repetition made it"], []) for place, step in theirs.items() if _new(place, seen)]
    return found


def predicted_again(
    project: Project, workspace: Workspace, run: Run, pairs: Mapping[str, tuple[TrainedCandidate, TrainedCandidate]]
) -> list[Predicted]:
    """What candidates and their repetitions say of the first run's test rows.

    Args:
        project: As declared now.
        workspace: Where the first run ran.
        run: The first run.
        pairs: By name the candidate and its repetition, with their bytes.

    Raises:
        ProjectError: the project now declares what that run did not make.
    """
    state = restored(Tabular(project), workspace, before="training", run=run.id)
    task, found = project.goal.task, []
    for name, (then, now) in pairs.items():
        rows = rows_with(state, read_features(state, list(then.features)))
        test = rows.take(split_rows(state, rows).judging)
        scores = [_scores(each, test) for each in (then, now)]
        decided = [each.decision.many(task.answers(score)) for each, score in zip((then, now), scores, strict=True)]
        apart = np.abs(np.asarray(scores[0], dtype=np.float64) - scores[1])
        found.append(
            Predicted(
                candidate=name,
                rows=len(test),
                most_apart=float(apart.max()) if apart.size else 0.0,
                decided_otherwise=int((np.asarray(decided[0]) != np.asarray(decided[1])).sum()),
            )
        )
    return found


def _scores(trained: TrainedCandidate, test: TrainingData) -> Scores:
    places = [test.features.index(each) for each in trained.features]
    return trained.scorer().score(np.ascontiguousarray(test.matrix[:, places]), test.texts_of(trained.features))


def _again(step: Step, differs: list[str], why: list[str]) -> StepAgain:
    return StepAgain(discipline=step.discipline, name=step.name, same=not differs, differs=differs, why=why)


def _new(place: tuple[str, str], seen: set[tuple[str, str]]) -> bool:
    return place not in seen and place[0] not in ("deployment", "evaluation")


def _last(steps: Sequence[Step]) -> list[Step]:
    """Of several rounds what was left in the last one, in the order of the first."""
    last = {(step.discipline, step.name): step for step in steps}
    return list(last.values())


def _index(then: Step, now: Step) -> Iterator[str]:
    first, second = (BuiltKnowledge.from_document(step.outputs) for step in (then, now))
    for name in ("documents", "chunks"):
        if getattr(first, name) != getattr(second, name):
            yield f"{getattr(first, name):,} {name}, now {getattr(second, name):,}"
    if first.file != second.file:
        yield "the index's bytes"


def _tables(workspace: Workspace, then: Step, scratch: Workspace, now: Step) -> Iterator[str]:
    left = [LakeTable.from_document(_of_table(step)) for step in (then, now)]
    if left[0].fingerprint == left[1].fingerprint:
        return
    frames = [
        place.lake.scan(table.table, table.version).collect()
        for place, table in zip((workspace, scratch), left, strict=True)
    ]
    if len(frames[0]) != len(frames[1]):
        yield f"{counted(len(frames[0]), 'row')}, now {len(frames[1]):,}"
    columns = [[each for each in frame.columns if not each.startswith("__")] for frame in frames]
    if set(columns[0]) != set(columns[1]):
        yield f"columns {', '.join(sorted(set(columns[0]) ^ set(columns[1])))}"
    elif len(frames[0]) == len(frames[1]):
        differing = _rows_apart(*(frame.select(sorted(columns[0])) for frame in frames))
        if differing:
            yield f"{differing:,} of {len(frames[0]):,} rows"


def _rows_apart(then: pl.DataFrame, now: pl.DataFrame) -> int:
    """How many rows of one frame are not in the other, in whatever order."""
    counted = [frame.hash_rows(seed=1).value_counts() for frame in (then, now)]
    name = counted[0].columns[0]
    both = counted[0].join(counted[1], on=name, how="left").with_columns(pl.col("count_right").fill_null(0))
    return int((both["count"] - both["count_right"]).clip(0).sum())


def _of_table(step: Step) -> dict[str, Any]:
    return {name: step.outputs[name] for name in LakeTable.__struct_fields__}


def _trained(then: Step, now: Step) -> Iterator[str]:
    first, second = (Trained.from_document(step.outputs).candidate.to_document() for step in (then, now))
    if first["form"] != second["form"]:
        yield "the model's bytes"
    for name in ("features", "decision", "categories"):
        if first.get(name) != second.get(name):
            yield name
    kept = ("parameters", "rows", "from", "until", "fit_rows", "validation_rows", "trials")
    for name in kept:
        if first["training"].get(name) != second["training"].get(name):
            yield f"its {name.replace('_', ' ')}"
    if digest_of_document(first["validation"]) != digest_of_document(second["validation"]):
        yield "validation"


def _judged(then: Step, now: Step) -> Iterator[str]:
    first, second = (Judged.from_document(step.outputs) for step in (then, now))
    if first.candidate != second.candidate:
        yield f"{first.candidate} was chosen, now {second.candidate}"
        return
    before, after = first.report.challenger.metrics, second.report.challenger.metrics
    for name in (before.keys() & after.keys()) - _TIMED:
        values = before[name].to_document()["value"], after[name].to_document()["value"]
        if values[0] != values[1]:
            yield f"{name.replace('_', ' ')} {values[0]:.6g}, now {values[1]:.6g}" if None not in values else name


def _why(first: _Ran, again: _Ran, then: Step, now: Step) -> Iterator[str]:
    """What a step rests on that is another."""
    (workspace, run, _), (scratch, repeated, _) = first, again
    if then.basis is not None and now.basis is not None:
        if then.basis.code != now.basis.code:
            yield "code: it is another than on record"
        for name in sorted({*then.basis.parameters, *now.basis.parameters}):
            if then.basis.parameters.get(name) != now.basis.parameters.get(name):
                yield f"{name}{_pinned(name, run, repeated)}"
        for name in sorted({*then.basis.libraries, *now.basis.libraries}):
            before, after = then.basis.libraries.get(name, "none"), now.basis.libraries.get(name, "none")
            if before != after:
                yield f"library {name} {before}, now {after}"
    files = [_files(step, place.folder) for step, place in ((then, workspace), (now, scratch))]
    for name in sorted({*files[0], *files[1]}):
        if files[0].get(name) != files[1].get(name):
            yield f"data: the file {name} is another"


def _files(step: Step, folder: Path) -> dict[str, str]:
    """The files that a step read, by name within the project, and their digests."""
    read = {**step.inputs.get("files", {})}
    if step.discipline == "collection":
        read |= step.inputs.get("read", {})
    return {_within(name, folder): digest for name, digest in read.items()}


def _within(name: str, folder: Path) -> str:
    path = Path(name)
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else name


def _pinned(name: str, run: Run, repeated: Run) -> str:
    before, after = run.pins.get(name), repeated.pins.get(name)
    return f" {before}, now {after}" if before != after and before is not None else ": it is another than on record"
