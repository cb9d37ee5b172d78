"""What if the inputs are a little other than usual? Noise, gaps, other units, new categories, old values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from kreis.arrays import Booleans, Codes
from kreis.evaluation.changed import SomeRows, loses, lost
from kreis.evaluation.examinations.examination import Examined, FeatureRows, Finding, Subject, Tell
from kreis.evaluation.intervals import share_estimate
from kreis.models.scoring import Matrix
from kreis.tasks.metrics.metric import Rows
from kreis.tasks.task import metric_named

__all__ = ["Robustness"]

_UNSEEN = np.float32(2**24 - 7)
"""The number of a category that no model knows (a text has it with chance 6e-8)."""
_AT_ONCE = 64_000
"""Rows that are scored at once."""


class _Change(NamedTuple):
    """One change, of one feature or two."""

    kind: str
    column: str
    matrix: Matrix


@dataclass(frozen=True, kw_only=True)
class Robustness:
    """How much worse the decisions become where inputs are other than usual. One feature after another of the most
    important ones is changed in all rows, as happens to those who call a model:

    - *noise*: a tenth of its standard deviation is added or taken off by chance;
    - *missing*: it is not there;
    - *units*: it comes a hundred times as large (cents for euros);
    - *unseen*: a category that was never there before;
    - *swapped*: it and the next feature have changed places;
    - *stale*: a feature of an entity (a customer, a machine) has the value that it had when that one was asked about
      the last time.

    Of each kind the change that costs most is told, with an interval that holds for all features at once, since it is
    the worst of them; all are in its table.

    Args:
        features: How many features are changed, the most important ones.
        most: On how many rows at most.

    Example:

    >>> Robustness(features=10).most
    1000
    """

    features: int = 10
    most: int = 1_000

    name: ClassVar[str] = "robustness"
    asks: ClassVar[str] = "What if the inputs are a little other than usual?"
    by_default: ClassVar[bool] = True
    measures: ClassVar[tuple[str, ...]] = (
        *(f"loss_by_{kind}" for kind in ("noise", "missing", "units", "unseen", "swapped", "stale")),
        "decisions_changed_by_noise",
    )

    def lacks(self, subject: Subject) -> str | None:
        """It needs features."""
        if subject.features is None or not subject.features.trained.features:
            return "it reads no features"
        return None

    def examine(self, subject: Subject, tell: Tell) -> Examined:
        """Of each kind of change the one that costs most."""
        features = subject.behind
        some = SomeRows(subject, features, self.most)
        texts = some.texts
        changes = list(_changes(some, _important(features, self.features), subject.seed))
        if not changes:
            return Examined(
                examination=self.name, notes=["it reads texts alone, and none of these changes is one of texts"]
            )
        value, found = metric_named("value", subject.task), []
        at_once = max(1, _AT_ONCE // max(len(some.places), 1))
        for begin in range(0, len(changes), at_once):
            part = changes[begin : begin + at_once]
            judged = some.changed([each.matrix for each in part], [texts] * len(part))
            found += [(each.kind, each.column, rows) for each, rows in zip(part, judged, strict=True)]
        usual = value.value(some.rows)
        losses = [usual - value.value(rows) for *_, rows in found]
        findings: list[Finding] = []
        for kind in dict.fromkeys(kind for kind, *_ in found):
            alike = [n for n, each in enumerate(found) if each[0] == kind]
            place, level = max(alike, key=lambda n: losses[n]), 1 - (1 - subject.level) / len(alike)
            findings += _told(subject, some, *found[place], level)
        table = [
            {
                "kind": kind,
                "feature": column,
                "loss": loss,
                "changed": float(_otherwise(subject, some.rows, rows).mean()),
            }
            for (kind, column, rows), loss in zip(found, losses, strict=True)
            if np.isfinite(loss)
        ]
        return Examined(examination=self.name, findings=findings, tables={"changes": table}, notes=some.note)


_SAID = {
    "noise": "with noise on {column!r} (a tenth of its spread)",
    "missing": "without {column!r}",
    "units": "with {column!r} a hundred times as large",
    "unseen": "with a new category in {column!r}",
    "swapped": "with {both} swapped",
    "stale": "with an old value of {column!r}",
}


def _told(subject: Subject, some: SomeRows, kind: str, column: str, rows: Rows, level: float) -> Iterator[Finding]:
    value = metric_named("value", subject.task)
    loss = lost(value, some, rows, level=level)
    share = share_estimate(_otherwise(subject, some.rows, rows), some.blocks, some.rows, level=level)
    far = " by more than a tenth of their spread" if _are_amounts(subject, rows) else ""
    both = " and ".join(repr(each) for each in column.split(" and "))
    begin, costs = _SAID[kind].format(column=column, both=both), loses(loss, subject.goal.metric.unit)
    otherwise = f"decides otherwise{far} on {share.value:.1%} of the rows"
    said = f"{begin} the model {costs}" + ("" if kind == "noise" else f"; it {otherwise}")
    yield Finding(measure=f"loss_by_{kind}", estimate=loss, said=said, column=column)
    if kind == "noise":
        said = f"{begin} the model {otherwise}"
        yield Finding(measure="decisions_changed_by_noise", estimate=share, said=said, column=column)


def _share(subject: Subject, usual: Rows, rows: Rows) -> float:
    return float(_otherwise(subject, usual, rows).mean())


def _are_amounts(subject: Subject, rows: Rows) -> bool:
    """Whether decisions are amounts: hardly one stays as it is to the last bit. The number of a cluster is none."""
    return type(rows) is Rows and subject.task.needs_outcomes


def _otherwise(subject: Subject, usual: Rows, rows: Rows) -> Booleans:
    """Which rows are decided otherwise; amounts, by more than a tenth of their spread."""
    if not _are_amounts(subject, usual):
        found: Booleans = rows.decisions != usual.decisions
        return found
    decided = usual.decisions.astype(np.float64)
    moved: Booleans = np.abs(rows.decisions - decided) > 0.1 * np.nanstd(decided)
    return moved


def _important(features: FeatureRows, most: int) -> list[int]:
    """The places of the features that matter most, of those that are no texts."""
    loss = {each.feature: each.loss for each in features.trained.importance}
    texts = set(features.test.text_fields)
    names = [name for name in features.test.features if name not in texts]
    chosen = sorted(names, key=lambda name: -loss.get(name, 0.0))[:most]
    return [features.test.features.index(name) for name in chosen]


def _changes(some: SomeRows, places: list[int], seed: int) -> Iterator[_Change]:
    """Each kind of change, of each feature that it can be made of."""
    test, names = some.features.test, some.features.test.features
    rng = np.random.default_rng(seed)
    for at, place in enumerate(places):
        name, column = names[place], test.matrix[some.kept, place]
        if name in test.categories:
            yield _Change("unseen", name, _with(some, {place: np.full_like(column, _UNSEEN)}))
        else:
            spread = np.float32(np.nanstd(column)) if np.isfinite(column).any() else np.float32(0)
            signs = rng.choice(np.array([-1, 1], dtype=np.float32), len(column))
            yield _Change("noise", name, _with(some, {place: column + np.float32(0.1) * spread * signs}))
            yield _Change("units", name, _with(some, {place: column * np.float32(100)}))
        yield _Change("missing", name, _with(some, {place: np.full_like(column, np.nan)}))
        if (entities := some.features.entity_of(name)) is not None:
            old = some.features.data.matrix[_before(some, entities), place]
            yield _Change("stale", name, _with(some, {place: old}))
        if len(places) > 1:
            other = places[(at + 1) % len(places)]
            swapped = {place: test.matrix[some.kept, other], other: column}
            yield _Change("swapped", f"{name} and {names[other]}", _with(some, swapped))


def _with(some: SomeRows, columns: dict[int, Any]) -> Matrix:
    matrix = some.matrix
    for place, values in columns.items():
        matrix[:, place] = values
    return matrix


def _before(some: SomeRows, entities: Codes) -> Codes:
    """For each row the place among all rows of the one before it of the same entity; its own where there is none."""
    data, own = some.features.data, some.features.split.judging[some.places]
    order = np.lexsort((data.time, entities))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    before = order[np.maximum(rank[own] - 1, 0)]
    return np.where(entities[before] == entities[own], before, own)
