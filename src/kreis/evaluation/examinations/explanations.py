"""What does a model rest on, and how does its answer move with each feature?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from kreis.arrays import Floats
from kreis.evaluation.accumulated import AccumulatedEffects, bins_of, effects, ends_of
from kreis.evaluation.changed import SomeRows, loses, lost
from kreis.evaluation.examinations.examination import Examined, FeatureRows, Finding, Subject, Tell
from kreis.evaluation.intervals import Estimate
from kreis.evaluation.levels import levels_of, stepped
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
        bins: A feature's values are cut into at most so many bins; of a category so many levels are drawn, the most
            frequent ones, neighbours alike.
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
        most = order[: (self.features + 1) // 2]
        tables |= {"effects": self._effects(subject, some, most)}
        tables |= {"effects_of_categories": self._effects_of_categories(subject, some, most)}
        texts = [name for name in most if name in features.test.text_fields]
        notes = [f"no effect is drawn of texts: {', '.join(texts)}"] if texts else []
        tables = {name: rows for name, rows in tables.items() if rows}
        return Examined(examination=self.name, findings=findings, tables=tables, notes=[*some.note, *notes])

    def _effects(self, subject: Subject, some: SomeRows, most: list[str]) -> list[dict[str, Any]]:
        """Of the most important features that are numbers, at the edges of their bins."""
        test, drawn = some.features.test, dict[str, Floats]()
        for name in most:
            if name not in test.categories and name not in test.text_fields:
                edges = bins_of(some.matrix[:, test.features.index(name)].astype(np.float64), self.bins)
                drawn |= {name: edges} if len(edges) > 1 else {}
        parts = [ends_of(some.matrix, test.features.index(name), edges) for name, edges in drawn.items()]
        scores = _scores(some, [each for lower, upper, _ in parts for each in (lower, upper)])
        rows: list[dict[str, Any]] = []
        for place, (name, edges) in enumerate(drawn.items()):
            moved = scores[2 * place + 1] - scores[2 * place]
            for of, one in _by_number(subject, moved):
                found = effects(one, parts[place][2], edges, some.blocks, level=subject.level)
                rows += _points({"feature": name} | of, [{"value": float(each)} for each in found.edges], found)
        return rows

    def _effects_of_categories(self, subject: Subject, some: SomeRows, most: list[str]) -> list[dict[str, Any]]:
        """Of the most important features that are categories, at their most frequent levels: what the score moves by
        from each to the next, of the rows at both.
        """
        test, rows = some.features.test, list[dict[str, Any]]()
        known = np.array([name in test.categories for name in test.features])
        for name in (each for each in most if each in test.categories and each not in test.text_fields):
            place, names = test.features.index(name), test.categories[name]
            others = [at for at, each in enumerate(test.features) if at != place and each not in test.text_fields]
            levels = levels_of(some.matrix, place, names, others, known, most=self.bins)
            if len(levels) < 2:
                continue
            above, below, level = stepped(some.matrix, place, levels)
            upper, lower = _scores(some, [above, below])
            moved = np.concatenate([upper - some.rows.scores, some.rows.scores - lower])
            bins = np.concatenate([np.where(level < len(levels) - 1, level, -1), np.where(level > 0, level - 1, -1)])
            at = np.bincount(level[level >= 0], minlength=len(levels)).astype(np.int64)
            blocks = np.tile(some.blocks, 2)
            called = [{"category": names.get(float(each), f"{each:g}")} for each in levels]
            for of, one in _by_number(subject, moved):
                found = effects(one, bins, levels, blocks, level=subject.level, at=at)
                rows += _points({"feature": name} | of, called, found)
        return rows


def _by_number(subject: Subject, moved: Floats) -> Iterator[tuple[dict[str, Any], Floats]]:
    """What each of the first numbers of a score moved by, with what it is about."""
    for at, of in enumerate(subject.decision.names[:_NUMBERS] or ("",)):
        yield {"of": of} if of else {}, moved if moved.ndim == 1 else moved[:, at]


def _points(
    named: dict[str, Any], places: Sequence[dict[str, Any]], found: AccumulatedEffects
) -> Iterator[dict[str, Any]]:
    """Rows of a table."""
    for place, effect, low, high, count in zip(places, found.effect, found.low, found.high, found.rows, strict=True):
        yield {**named, **place, "effect": float(effect), "low": float(low), "high": float(high), "rows": int(count)}


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
