"""Is it fast and small enough? Its size, what it takes of an answer, and what smaller weights would cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any, ClassVar

import numpy as np

from kreis.arrays import Codes, Floats
from kreis.evaluation.changed import SomeRows, loses
from kreis.evaluation.examinations.examination import Examined, FeatureRows, Finding, Subject, Tell
from kreis.evaluation.intervals import Estimate, paired_difference
from kreis.models.form import Formula, Onnx
from kreis.models.scoring import Scores
from kreis.tasks.task import metric_named
from kreis.texts import number, size

__all__ = ["Packaging", "Speed", "Variants"]

_WARM, _CALLS = 10, 200


@dataclass(frozen=True, kw_only=True)
class Packaging:
    """The size of what is packaged, and the proof that it answers as the candidate did when it was judged: it scores
    rows again, one by one as the service does, and the row on which the two differ most is told.

    Args:
        calls: How many single rows are asked.

    Example:

    >>> Packaging(calls=100).calls
    100
    """

    calls: int = _CALLS

    name: ClassVar[str] = "package"
    asks: ClassVar[str] = "Is it small enough, and does it answer as it was judged?"
    by_default: ClassVar[bool] = True
    measures: ClassVar[tuple[str, ...]] = ("model_mb", "largest_difference")

    def lacks(self, subject: Subject) -> str | None:
        """It needs a model of features, and rows."""
        if subject.features is None:
            return "it reads no features"
        return None if len(subject.rows) else "no rows judge"

    def examine(self, subject: Subject, tell: Tell) -> Examined:
        """Its size, and the worst of the rows that are scored again."""
        features = subject.behind
        form, findings = features.trained.form, []
        places, scores, _ = _one_by_one(features, self.calls)
        if isinstance(form, Onnx):
            exact = _exact(form.size / 1e6, len(places))
            findings.append(Finding(measure="model_mb", estimate=exact, said=f"the model takes {size(form.size)}"))
        if not features.split.folds:
            judged = subject.task.answers(scores)
            apart = np.abs(judged - subject.rows.scores[places]).reshape(len(places), -1).max(axis=1)
            worst = int(np.argmax(apart))
            row = features.ids()[features.split.judging[places[worst]]]
            said = f"asked one by one, it differs from how it was judged by {apart[worst]:.1e} at most, in row {row}"
            said = said if apart[worst] > 0 else "asked one by one, it answers exactly as it was judged"
            found = _exact(float(apart[worst]), len(places))
            findings.append(
                Finding(measure="largest_difference", estimate=found, said=said, serious=bool(apart[worst] > 1e-3))
            )
        return Examined(examination=self.name, findings=findings)


@dataclass(frozen=True, kw_only=True)
class Speed:
    """The time that the model takes of an answer on this machine, and the memory that a process needs to hold and run
    it, against the service levels. What is measured is another number each time, so a run asks this only where it is
    declared, or a gate needs it.

    Args:
        calls: How many single rows are asked.

    Example:

    >>> Speed(calls=100).calls
    100
    """

    calls: int = _CALLS

    name: ClassVar[str] = "speed"
    asks: ClassVar[str] = "Is it fast enough, and does it fit into memory?"
    by_default: ClassVar[bool] = False
    measures: ClassVar[tuple[str, ...]] = ("model_ms_p99", "model_memory_mb")

    def lacks(self, subject: Subject) -> str | None:
        """As `Packaging` does."""
        return Packaging().lacks(subject)

    def examine(self, subject: Subject, tell: Tell) -> Examined:
        """The time of single answers, and the memory of another process that gives them."""
        features = subject.behind
        places, _, times = _one_by_one(features, self.calls)
        spent, allowed = _p99(times, subject.level), subject.goal.service.p99_ms
        said = f"in 99% of answers the model takes at most {number(spent.value)} ms; the goal allows"
        finding = Finding(
            measure="model_ms_p99",
            estimate=spent,
            timed=True,
            serious=spent.low > allowed,
            said=f"{said} {number(allowed)} ms for the whole answer",
        )
        tell("memory", 0, 1)
        memory = _memory(subject, features, places)
        notes = [] if memory else ["how much memory a process needs is told on Linux alone"]
        return Examined(examination=self.name, findings=[finding, *memory], notes=notes)


@dataclass(frozen=True, kw_only=True)
class Variants:
    """What the model would lose, and how much smaller it would be, with weights of fewer bits; a candidate takes one by
    `project.candidate(…, precision="int8")`.

    Example:

    >>> Variants().most
    20000
    """

    most: int = 20_000
    """On how many rows at most."""

    name: ClassVar[str] = "variants"
    asks: ClassVar[str] = "What would a smaller form of it lose?"
    by_default: ClassVar[bool] = False
    measures: ClassVar[tuple[str, ...]] = ("loss_by_smaller", "size_of_smaller")

    def lacks(self, subject: Subject) -> str | None:
        """It needs large arrays of weights: networks have them, and models of words, but trees have none."""
        from kreis.training.precision import FEWEST, with_weights

        if subject.features is None:
            return "it reads no features"
        if subject.features.split.folds:
            return "each row is judged by the model of its fold"
        form = subject.features.trained.form
        if not isinstance(form, Onnx) or form.content is None or with_weights(form.content, "int8") is None:
            return f"it has no array of {FEWEST:,} weights or more (trees have none): it would not become smaller"
        return None

    def examine(self, subject: Subject, tell: Tell) -> Examined:
        """Each form: what it loses on the rows that judge, and its size."""
        from kreis.training.precision import with_weights

        features, form = subject.behind, subject.behind.trained.form
        assert isinstance(form, Onnx)
        assert form.content is not None
        some, value = SomeRows(subject, features, self.most), metric_named("value", subject.task)
        findings = []
        table: list[dict[str, Any]] = []
        for kind in ("float16", "int8"):
            tell(f"with weights of {kind}", len(table), 2)
            content = with_weights(form.content, kind)
            if content is None:
                continue
            scorer = Onnx.of(content).scorer(features.trained.features, threads=2)
            scores = subject.task.answers(scorer.score(some.matrix, some.texts))
            rows = some.judged(scores)
            loss = paired_difference(value, some.rows, rows, some.blocks, level=subject.level)
            share = len(content) / form.size
            lost = loses(loss, subject.goal.metric.unit)
            said = f"with weights of {kind} the model {lost}; it has {share:.0%} of the size"
            findings += [
                Finding(measure="loss_by_smaller", column=kind, estimate=loss, said=said),
                Finding(measure="size_of_smaller", column=kind, estimate=_exact(share, len(some.rows)), said=said),
            ]
            apart = float(np.abs(scores - some.rows.scores).max())
            table.append({"weights": kind, "bytes": len(content), "share": share, "largest difference": apart})
        return Examined(examination=self.name, findings=findings, tables={"variants": table}, notes=some.note)


def _one_by_one(features: FeatureRows, calls: int) -> tuple[Codes, Scores, Floats]:
    """The places of some rows, evenly spread, the score of each asked for alone, and the milliseconds that it took."""
    test = features.test
    places = np.linspace(0, len(test) - 1, min(len(test), calls)).astype(np.int64)
    scorer = features.trained.form.scorer(features.trained.features, threads=1)
    times, scores = [], []
    for place in (*places[:_WARM], *places):
        row = np.ascontiguousarray(test.matrix[place : place + 1])
        said = None if test.texts is None else test.texts[place : place + 1]
        begin = perf_counter_ns()
        scores.append(scorer.score(row, said))
        times.append((perf_counter_ns() - begin) / 1e6)
    return places, np.concatenate(scores[-len(places) :]), np.array(times[-len(places) :])


def _memory(subject: Subject, features: FeatureRows, places: Codes) -> list[Finding]:
    """What a process needs to hold the model, and what it is explained by, and to answer some rows one by one."""
    from kreis.evaluation.model_memory import memory_of

    trained, test, form = features.trained, features.test, features.trained.form
    if not isinstance(form, Onnx | Formula):
        return []
    kept = None if trained.explanation is None else trained.explanation.content
    texts = None if test.texts is None else test.texts[places]
    found = memory_of(form, trained.features, test.matrix[places], texts, held=[] if kept is None else [kept])
    if found is None:
        return []
    count, value, allowed = len(found), float(np.median(found)), subject.goal.service.memory_mb
    estimate = Estimate(
        value=value,
        low=min(found),
        high=max(found),
        level=1 - 0.5 ** (count - 1),
        n=count,
        blocks=count,
        method="order statistics",
    )
    limit = "sets no limit" if allowed is None else f"allows {number(allowed)} MB"
    said = f"a process needs {number(value)} MB to hold the model and to answer by it; the goal {limit}"
    serious = allowed is not None and estimate.low > allowed
    return [Finding(measure="model_memory_mb", estimate=estimate, said=said, serious=serious, timed=True)]


def _p99(times: Floats, level: float) -> Estimate:
    """The 99th percentile; its ends are the times at the ends of the exact interval of such a share (Hahn and Meeker
    1991, section 5.2).
    """
    from kreis.evaluation.distributions import share_interval

    ordered, count = np.sort(times), len(times)
    at = math.ceil(0.99 * count)
    low, high = share_interval(at, count, 1 - level)
    ends = float(ordered[max(math.floor(low * count), 1) - 1]), float(ordered[min(math.ceil(high * count), count) - 1])
    value = float(ordered[at - 1])
    return Estimate(
        value=value, low=ends[0], high=ends[1], level=level, n=count, blocks=count, method="order statistics"
    )


def _exact(value: float, count: int) -> Estimate:
    """What is no sample: it is what it is."""
    return Estimate(value=value, low=value, high=value, n=count, blocks=count, method="exact")
