"""Are the outcomes themselves right? Rows whose outcome a model that has not seen them takes for another one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec
import numpy as np
import numpy.typing as npt

from kreis.arrays import Booleans, Codes, Floats
from kreis.errors import ProjectError
from kreis.evaluation.confident_learning import probabilities_of, suggested
from kreis.evaluation.crossfit import blocks_of, on_its_own, unseen_scores
from kreis.evaluation.examinations.examination import Examined, Finding, Subject, Tell
from kreis.evaluation.intervals import estimate, share_estimate
from kreis.tasks.task import Task
from kreis.texts import number
from kreis.tracking.here import log_artifact
from kreis.training.data import TrainingData

__all__ = ["LabelErrors"]

_SHOWN = 50
SUSPECTS = "suspected label errors.jsonl"
"""The file beside the run with the suspected rows, as items for `kreis reviews put`."""


@dataclass(frozen=True, kw_only=True)
class LabelErrors:
    """Suspected label errors by confident learning (Northcutt, Jiang and Chuang 2021), among the rows that judge and
    among those that teach, for people to look at; and what the metrics would be without the first.

    Suspected is not wrong: a row that is hard to tell is suspected too. So nothing is removed.

    Args:
        folds: How many models are fitted, each without a part of the rows that teach.

    Example:

    >>> LabelErrors(folds=3).folds
    3
    """

    folds: int = 5

    name: ClassVar[str] = "labels"
    asks: ClassVar[str] = "Are the outcomes themselves right?"
    by_default: ClassVar[bool] = False
    measures: ClassVar[tuple[str, ...]] = ("label_errors", "taught_label_errors", "metric_without_label_errors")

    def lacks(self, subject: Subject) -> str | None:
        """It needs classes: yes and no, or several."""
        if subject.features is None:
            return "it reads no features"
        if np.isnan(subject.rows.outcomes).any():
            return "some outcomes are not known"
        labels = subject.task.labels(subject.features.test.outcomes)
        return None if probabilities_of(subject.rows.scores, labels) else "its outcome is no class"

    def examine(self, subject: Subject, tell: Tell) -> Examined:
        """Suspects among the rows that judge and among those that teach, the least likely first."""
        features = subject.behind
        ids, unseen = features.ids(), unseen_scores(subject, features, self.folds, tell)
        once = np.arange(len(features.test)) < len(features.test) // subject.rows.repeats
        test, tested = features.test.take(np.flatnonzero(once)), ids[features.split.judging[once]]
        judged = _suspects(subject.task, test, subject.rows.once.scores, tested, "test")
        taught = _suspects(subject.task, features.train, unseen, ids[features.split.train], "train")
        rows = sorted([*judged.shown(), *taught.shown()], key=lambda row: (row["probability"], row["row"]))
        log_artifact(SUSPECTS, b"\n".join(msgspec.json.encode({"item": row["row"], "shown": row}) for row in rows))
        findings = [
            judged.share("label_errors", "judge", subject, subject.blocks[once]),
            taught.share("taught_label_errors", "teach", subject, blocks_of(subject, features.train)),
            *_without(subject, ~judged.wrong, once),
        ]
        notes = [
            "suspected is not wrong: a row that is hard to tell is suspected too; nothing was removed",
            f"all suspected rows stand in the file {SUSPECTS!r} beside the run, ready for kreis reviews put",
        ]
        return Examined(examination=self.name, findings=findings, tables={"suspects": rows[:_SHOWN]}, notes=notes)


@dataclass(frozen=True, eq=False)
class _Suspects:
    """Rows, and which of them are suspected; all arrays have shape (n,)."""

    part: str
    ids: npt.NDArray[np.object_]
    names: tuple[str, ...]
    wrong: Booleans
    given: Codes
    likely: Codes
    probability: Floats
    """Of the class that is given."""

    def share(self, measure: str, do: str, subject: Subject, blocks: Codes) -> Finding:
        """How many of them there are."""
        said = f"{int(self.wrong.sum()):,} of {len(self.wrong):,} rows that {do} have an outcome that is probably wrong"
        own = on_its_own(self.wrong, subject.rows.blocks_are)
        found = share_estimate(self.wrong, blocks, own, level=subject.level)
        return Finding(measure=measure, estimate=found, said=f"{said}: a model that has not seen them expects another")

    def shown(self) -> Iterator[dict[str, Any]]:
        """The suspected rows, as a person looks at them."""
        for place in np.flatnonzero(self.wrong):
            yield {
                "row": str(self.ids[place]),
                "part": self.part,
                "given": self.names[self.given[place]],
                "suggested": self.names[self.likely[place]],
                "probability": round(float(self.probability[place]), 6),
            }


def _suspects(task: Task, rows: TrainingData, scores: Floats, ids: npt.NDArray[np.object_], part: str) -> _Suspects:
    found = probabilities_of(scores, task.labels(rows.outcomes))
    if found is None:
        raise ProjectError("its outcome is no class", where="LabelErrors")
    given, probabilities = found
    wrong, likely = suggested(given, probabilities)
    own = probabilities[np.arange(len(given)), given]
    return _Suspects(part, ids, task.plain.names or ("no", "yes"), wrong, given, likely, own)


def _without(subject: Subject, kept: Booleans, once: Booleans) -> Iterator[Finding]:
    """What the goal's metric and the headline metrics would be without the suspected rows."""
    if kept.all() or not kept.any():
        return
    for metric in (each for each in subject.task.metrics if each.name in ("value", *subject.task.headlines)):
        rows, blocks = subject.rows.once, subject.blocks[once]
        before = estimate(metric, rows, blocks, level=subject.level)
        after = estimate(metric, rows.where(kept), blocks[kept], level=subject.level)
        said = f"without them {metric.name} would be {number(after.value)}; with them it is {number(before.value)}"
        detail = {"metric": metric.name, "with": before.value}
        yield Finding(measure="metric_without_label_errors", estimate=after, said=said, detail=detail)
