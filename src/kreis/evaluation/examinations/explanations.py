"""What does a model rest on, and how does its answer move with each feature?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from kreis.arrays import Floats
from kreis.evaluation.accumulated import bins_of, effects, ends_of
from kreis.evaluation.changed import SomeRows, loses, lost
from kreis.evaluation.examinations.examination import Examined, FeatureRows, Finding, Subject, Tell
from kreis.evaluation.intervals import Estimate
from kreis.models.scoring import Matrix, Texts
from kreis.tasks.task import metric_named

__all__ = ["Explanations"]

_AT_ONCE = 64_000
"""Rows that are scored at once."""
_NUMBERS = 6
"""Of a model that gives several numbers, the effects on so many are drawn."""


@dataclass(frozen=True, kw_only=True)
class Explanations:
    """What is lost when one feature's values are shuffled among the rows that judge (permutation importance, Breiman
    2001), with an interval; and how the score moves with the most important ones (accumulated local effects, Apley and
    Zhu 2020), with a band. Of correlated features both say what the model makes of one where the other stays; shuffling
    makes rows that never were, effects look only at near ones.

    Args:
        features: Of how many features the loss is told, and the effect drawn of half as many.
        bins: A feature's values are cut into at most so many bins.
        most: On how many rows at most.

    Example:

    >>> Explanations(features=20).bins
    10
    """

    features: int = 10
    bins: int = 10
    most: int = 1_000

    name: ClassVar[str] = "explanations"
    asks: ClassVar[str] = "What does it rest on, and how does its answer move with each feature?"
    by_default: ClassVar[bool] = True
    measures: ClassVar[tuple[str, ...]] = ("permutation_loss",)

    def lacks(self, subject: Subject) -> str | None:
        """It needs features."""
        if subject.features is None or not subject.features.trained.features:
            return "it reads no features"
        return None

    def examine(self, subject: Subject, tell: Tell) -> Examined:
        """The losses of all features, the largest told; the effects of the most important ones."""
        features = subject.behind
        some = SomeRows(subject, features, self.most)
        if not len(some.places):
            return Examined(examination=self.name, notes=["no row judges"])
        losses = _losses(subject, some, features)
        order = sorted(losses, key=lambda name: -losses[name].value if losses[name].defined else np.inf)
        findings = [_told(subject, name, losses[name]) for name in order[: self.features]]
        tables = {"importance": [_row(features, name, losses[name]) for name in order]}
        drawn, notes = self._drawn(some, features, order)
        if drawn:
            tables["effects"] = []
            for found in self._effects(subject, some, drawn):
                tables["effects"] += found
        return Examined(examination=self.name, findings=findings, tables=tables, notes=[*some.note, *notes])

    def _drawn(self, some: SomeRows, features: FeatureRows, order: list[str]) -> tuple[dict[str, Floats], list[str]]:
        """The most important features that are numbers, with the edges of their bins."""
        most = (self.features + 1) // 2
        found: dict[str, Floats] = {}
        left_out: list[str] = []
        for name in order[:most]:
            if name in features.test.categories or name in features.test.text_fields:
                left_out.append(name)
                continue
            edges = bins_of(some.matrix[:, features.test.features.index(name)].astype(np.float64), self.bins)
            if len(edges) > 1:
                found[name] = edges
        notes = [f"no effect is drawn of categories and texts: {', '.join(left_out)}"] if left_out else []
        return found, notes

    def _effects(self, subject: Subject, some: SomeRows, drawn: dict[str, Floats]) -> Iterator[list[dict[str, Any]]]:
        """Of each feature its rows of the table."""
        names = some.features.test.features
        parts = [ends_of(some.matrix, names.index(name), edges) for name, edges in drawn.items()]
        scores = _scores(some, [each for lower, upper, _ in parts for each in (lower, upper)])
        called = subject.decision.names[:_NUMBERS] or ("",)
        for place, (name, edges) in enumerate(drawn.items()):
            moved = scores[2 * place + 1] - scores[2 * place]
            rows: list[dict[str, Any]] = []
            for at, of in enumerate(called):
                one = moved if moved.ndim == 1 else moved[:, at]
                found = effects(one, parts[place][2], edges, some.blocks, level=subject.level)
                told = zip(found.edges, found.effect, found.low, found.high, found.rows, strict=True)
                rows += [
                    {"feature": name, **({"of": of} if of else {})}
                    | {"value": float(v), "effect": float(e), "low": float(lo), "high": float(hi), "rows": int(n)}
                    for v, e, lo, hi, n in told
                ]
            yield rows


def _losses(subject: Subject, some: SomeRows, features: FeatureRows) -> dict[str, Estimate]:
    """Of each feature what is lost when it is shuffled."""
    rng, value = np.random.default_rng(subject.seed), metric_named("value", subject.task)
    texts = list(features.test.text_fields)
    found: dict[str, Estimate] = {}
    names = list(features.test.features)
    at_once = max(1, _AT_ONCE // max(len(some.places), 1))
    for begin in range(0, len(names), at_once):
        part = names[begin : begin + at_once]
        matrices: list[Matrix] = []
        said: list[Texts | None] = []
        for place, name in enumerate(part, begin):
            order, matrix, words = rng.permutation(len(some.places)), some.matrix, some.texts
            matrix[:, place] = matrix[order, place]
            if words is not None and name in texts:
                words[:, texts.index(name)] = words[order, texts.index(name)]
            matrices.append(matrix)
            said.append(words)
        for name, rows in zip(part, some.changed(matrices, said), strict=True):
            found[name] = lost(value, some, rows, level=subject.level)
    return found


def _scores(some: SomeRows, matrices: list[Matrix]) -> list[Floats]:
    """Of each changed matrix; a few at once, so that memory stays flat."""
    at_once, found = max(1, _AT_ONCE // len(some.places)), []
    for begin in range(0, len(matrices), at_once):
        part = matrices[begin : begin + at_once]
        found += [rows.scores for rows in some.changed(part, [some.texts] * len(part))]
    return found


def _told(subject: Subject, name: str, loss: Estimate) -> Finding:
    said = f"with {name!r} shuffled among the rows the model {loses(loss, subject.goal.metric.unit)}"
    return Finding(measure="permutation_loss", estimate=loss, said=said, column=name)


def _row(features: FeatureRows, name: str, loss: Estimate) -> dict[str, Any]:
    before = next((each for each in features.trained.importance if each.feature == name), None)
    gain = {} if before is None or before.gain is None else {"gain": before.gain}
    ends = {"loss": loss.value, "low": loss.low, "high": loss.high}
    return {"feature": name, **{each: at if np.isfinite(at) else None for each, at in ends.items()}, **gain}
