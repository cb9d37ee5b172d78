"""Cross-validation: every row judges once, by a model that has not seen it; for tables too small to set rows aside."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
import numpy as np

from kreis.arrays import Codes, Floats
from kreis.errors import ProjectError
from kreis.tasks.task import Task
from kreis.training.data import Microseconds
from kreis.training.splits.split import (
    BlocksAre,
    Labels,
    Split,
    UsualSplit,
    by_chance,
    check_part,
    check_share,
    groups_of,
    kinds_of,
    least_of_each,
    taken_to,
)

if TYPE_CHECKING:
    from kreis.preparation.tables import Spine

__all__ = ["CrossValidation"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class CrossValidation(UsualSplit):
    """The rows are parted into folds; each fold judges what was learned from all others, and the model that is released
    is then fitted on all of them.

    It is nested: in each fold parameters, decision rule and candidate are chosen by rows of that fold's own training
    part (Varma and Simon 2006), so what is reported is what the whole procedure is worth. It costs a fit more for each
    fold. A version in service has learned from the rows that judge, so a later one is compared with it by its canary
    alone. Folds share most of what they learn from: an interval of 95% holds in at least 90% (docs, simulations).

    Example:

    >>> CrossValidation(folds=10, repeats=3).validation
    0.2
    """

    folds: int = 5
    repeats: int = 1
    """How often all is done, each time with other folds: what depends on the draw of the folds is averaged out."""
    validation: float = 0.2
    """Share of the rows of each training part that chooses."""
    stratified: bool = True
    by: str | None = None
    """The column that says which rows belong together: none of them is parted from the others."""
    seed: int = 0

    kind: ClassVar[str] = "cross-validation"

    def __post_init__(self) -> None:
        check_share("validation", self.validation, "CrossValidation")
        for name, least in (("folds", 2), ("repeats", 1)):
            if getattr(self, name) < least:
                said = f"{name} must be at least {least}, not {getattr(self, name)}"
                raise ProjectError(said, where="CrossValidation", hint="write folds=5")

    @property
    def blocks_are(self) -> BlocksAre:
        """Each row stands for itself, or each group."""
        return "rows" if self.by is None else "groups"

    @property
    def holds_out(self) -> bool:
        """No: the model is fitted on all rows in the end."""
        return False

    def reads(self, spine: Spine) -> str | None:
        """The column `by`, or the rows' ids."""
        return spine.id if self.by is None else self.by

    def split(
        self,
        time: Microseconds,
        known_at: Microseconds,
        outcomes: Floats,
        *,
        task: Task,
        until: int | None = None,
        horizon: timedelta = timedelta(0),
        labels: Labels | None = None,
    ) -> Split:
        """See `SplitRule.split`; the folds of all repeats are in `Split.folds`."""
        rows = np.arange(len(outcomes))
        if labels is None:
            labels = rows.astype(str).astype(object)
        whole = self._part(rows, rows, outcomes, task, labels, self.seed)
        folds = []
        for repeat in range(self.repeats):
            seed = self.seed + repeat
            number = self._folds(outcomes, task, labels, seed)
            for fold in range(self.folds):
                test, train = np.flatnonzero(number == fold), np.flatnonzero(number != fold)
                folds.append(self._part(train, test, outcomes, task, labels, seed))
        return msgspec.structs.replace(whole, folds=tuple(folds))

    def blocks(self, time: Microseconds, labels: Labels | None) -> Codes:
        """Each row is one, or each group."""
        if self.by is None:
            return np.arange(len(time), dtype=np.int64)
        return groups_of(labels, self.by, "CrossValidation")[1]

    def _folds(self, outcomes: Floats, task: Task, labels: Labels, seed: int) -> Codes:
        """The fold of each row, shape (n,)."""
        if self.by is None:
            drawn = by_chance(labels, seed)
            kinds = kinds_of(outcomes, task) if self.stratified else np.zeros(len(outcomes), dtype=np.int64)
            number = np.empty(len(outcomes), dtype=np.int64)
            number[np.lexsort((drawn, kinds))] = np.arange(len(outcomes)) % self.folds
            return number
        names, codes = groups_of(labels, self.by, "CrossValidation")
        sizes, held = np.bincount(codes), np.zeros(self.folds)
        number = np.empty(len(names), dtype=np.int64)
        for group in np.argsort(by_chance(names, seed), kind="stable"):
            number[group] = int(held.argmin())
            held[number[group]] += sizes[group]
        return number[codes]

    def _part(self, train: Any, test: Any, outcomes: Floats, task: Task, labels: Labels, seed: int) -> Split:
        if self.by is None:
            kinds = kinds_of(outcomes[train], task) if self.stratified else np.zeros(len(train), dtype=np.int64)
            validates = least_of_each(~by_chance(labels[train], seed), kinds, self.validation)
        else:
            names, codes = groups_of(labels[train], self.by, "CrossValidation")
            validates = taken_to(~by_chance(names, seed), np.bincount(codes), self.validation)[codes]
        parts = {"test": test, "train": train, "fit": train[~validates], "validation": train[validates]}
        for name, rows in parts.items():
            check_part(task, name, outcomes[rows], "CrossValidation", "collect more rows, or take fewer folds")
        return Split(**parts)
