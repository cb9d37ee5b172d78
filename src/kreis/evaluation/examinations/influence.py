"""Do some of the rows that teach do harm? What the model would be worth without each group of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from kreis.arrays import Booleans
from kreis.evaluation.crossfit import blocks_of, scores_of
from kreis.evaluation.examinations.examination import Examined, FeatureRows, Finding, Subject, Tell
from kreis.evaluation.intervals import paired_difference
from kreis.tasks.metrics.metric import Rows
from kreis.tasks.task import metric_named
from kreis.texts import counted
from kreis.training.data import TrainingData

__all__ = ["Influence"]

_LEAST, _MOST = 0.01, 0.5
"""Groups that hold less or more of the rows are no suspects of their own."""


@dataclass(frozen=True, kw_only=True)
class Influence:
    """How much the goal's metric on the rows that judge would change without some of the rows that teach: without each
    stretch of time, each category of a feature, and all rows of which there are copies.

    The candidate is fitted, and its decision chosen, anew without each (leave-group-out, as in Koh et al. 2019, "On the
    Accuracy of Influence Functions for Measuring Group Effects"). Where the model is surely better without a group, its
    rows may be wrong, or planted.

    Args:
        groups: How many groups are tried at most; the largest first.
        times: Into how many stretches of time the rows are cut.

    Example:

    >>> Influence(groups=12).times
    5
    """

    groups: int = 20
    times: int = 5

    name: ClassVar[str] = "influence"
    asks: ClassVar[str] = "Do some of the rows that teach do harm?"
    by_default: ClassVar[bool] = False
    measures: ClassVar[tuple[str, ...]] = ("gain_without_group",)

    def lacks(self, subject: Subject) -> str | None:
        """It needs rows that taught it, and one model that judges."""
        if subject.features is None:
            return "it reads no features"
        return "each row is judged by the model of its fold" if subject.features.split.folds else None

    def examine(self, subject: Subject, tell: Tell) -> Examined:
        """What the model gains without each group; surely harmful ones are named."""
        features = subject.behind
        rows = features.train
        found = sorted(_groups(features, blocks_of(subject, rows), self.times), key=lambda each: -int(each[2].sum()))
        tried, value = found[: self.groups], metric_named("value", subject.task)
        level = 1 - (1 - subject.level) / max(len(tried), 1)
        with_all = _learned(subject, features, np.ones(len(rows), dtype=bool))
        findings = []
        for done, (column, group, mask) in enumerate(tried):
            tell("fit without a group of rows", done, len(tried))
            without = _learned(subject, features, ~mask)
            gain = paired_difference(value, without, with_all, subject.blocks, level=level)
            said = f"without the {counted(int(mask.sum()), 'row')} of {column} {group!r} the metric changes by {gain}"
            detail = {"rows": int(mask.sum())}
            harmful = gain.low > 0
            findings.append(
                Finding(
                    measure="gain_without_group",
                    said=said,
                    estimate=gain,
                    column=column,
                    group=group,
                    serious=harmful,
                    detail=detail,
                )
            )
        left = len(found) - len(tried)
        notes = [f"{left:,} smaller groups were not tried"] if left else []
        notes += [] if findings else ["there are no groups of rows to leave out"]
        return Examined(examination=self.name, findings=findings, notes=notes)


def _learned(subject: Subject, features: FeatureRows, kept: Booleans) -> Rows:
    """The rows that judge, by a candidate that has learned from some of the rows that teach, and decides by what is
    best on the validation rows among these.
    """
    split, test, task = features.split, features.test, subject.task
    learn, choose = (part[np.isin(part, split.train[kept])] for part in (split.fit, split.validation))
    scorer, validation = features.refit(features.data.take(learn)), features.data.take(choose)
    decision = task.fit_decision(scorer.score(validation.matrix, validation.texts), validation.outcomes).decision
    scores = scores_of(subject, scorer, test)
    judged = task.rows(test.outcomes, scores, decision.among(test.groups), where=subject.name)
    return replace(subject.rows, scores=judged.scores, decisions=judged.decisions)


def _groups(features: FeatureRows, blocks: npt.NDArray[np.int64], times: int) -> Iterator[tuple[str, str, Booleans]]:
    """Columns, groups, and the rows of each, of those that hold neither few nor most of the rows."""
    rows = features.train
    for column, group, mask in _all_groups(rows, blocks, times):
        if _LEAST <= mask.mean() <= _MOST:
            yield column, group, mask


def _all_groups(rows: TrainingData, blocks: npt.NDArray[np.int64], times: int) -> Iterator[tuple[str, str, Booleans]]:
    if len(np.unique(rows.time)) > 1:
        stretch = blocks * times // (int(blocks.max()) + 1)
        for place in range(times):
            yield "time", f"stretch {place + 1} of {times}", stretch == place
    for feature, names in rows.categories.items():
        values = rows.matrix[:, rows.features.index(feature)]
        for value, name in names.items():
            yield feature, name, values == np.float32(value)
    as_bytes = np.ascontiguousarray(rows.matrix).view(np.dtype((np.void, rows.matrix.itemsize * rows.matrix.shape[1])))
    _, alike, counts = np.unique(as_bytes.reshape(-1), return_inverse=True, return_counts=True)
    yield "copies", "rows of which there are several", counts[alike] > 1
