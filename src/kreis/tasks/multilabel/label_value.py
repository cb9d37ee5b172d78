"""The business metric of labels: what each one is worth that is found, missed, or given wrongly."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt

from kreis.arrays import Floats
from kreis.errors import ProjectError
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.tasks.metrics.labels import bits_of
from kreis.tasks.outcomes import class_text
from kreis.texts import counted

if TYPE_CHECKING:
    from kreis.tasks.task import Task

__all__ = ["LabelValue"]

MOST = 52
"""Labels of a row are one number, exact in float64."""


class LabelValue(msgspec.Struct, frozen=True, dict=True):
    """Money per decision about labels of which a row may carry any, summed over them; averaged over `per` decisions.

    Each label is given where its probability says that this pays (`DecisionValue.break_even`).

    >>> value = LabelValue("EUR per 1,000 tickets", ["billing", "urgent"], right=1.0,
    ...     missed={"billing": 0.0, "urgent": -20.0}, false_alarm=-2.0)
    >>> value.values(value.numbers([["billing", "urgent"], []]), value.numbers([["billing"], ["billing"]])).tolist()
    [-19.0, -2.0]
    """

    unit: str
    """As shown: "EUR per 1,000 tickets"."""
    labels: Sequence[str | float | bool]
    """All labels that a row may carry, as the outcome's column has them."""
    right: float | Mapping[str, float]
    """What a label is worth that is given and carried: one number for all, or one for each."""
    missed: float | Mapping[str, float] = 0.0
    """What it is worth where it is carried and not given; a cost is negative."""
    false_alarm: float | Mapping[str, float] = -1.0
    """What it is worth where it is given and not carried."""
    per: int = 1000
    separator: str = ","
    """Between the labels of a row, where the outcome's column holds texts."""

    def __post_init__(self) -> None:
        """Check the labels and the numbers.

        Raises:
            ProjectError: a label occurs twice, there is none, or there are more than 52; a number is missing or not
                finite; or `per` is below 1.
        """
        names = tuple(class_text(each) for each in self.labels)
        if isinstance(self.labels, str) or not 1 <= len(names) <= MOST:
            hint = f'name 1 to {MOST}: labels=["billing", "urgent"]'
            raise ProjectError(f"{counted(len(names), 'label')}", where=self._where, hint=hint)
        if twice := sorted({each for each in names if names.count(each) > 1}):
            raise ProjectError(f"the label {twice[0]!r} is named twice", where=self._where)
        msgspec.structs.force_setattr(self, "labels", names)
        if self.per < 1:
            raise ProjectError(f"per is {self.per}", where=self._where, hint="per=1000 for money per 1,000 decisions")
        if not self.separator or any(self.separator in each for each in names):
            message = f"the separator {self.separator!r} is empty, or part of a label"
            raise ProjectError(message, where=self._where, hint='separator="|"')
        _ = self.by_label

    @property
    def _where(self) -> str:
        return f"LabelValue({self.unit!r})"

    @property
    def names(self) -> tuple[str, ...]:
        """The labels as texts, in order."""
        return tuple(str(each) for each in self.labels)

    @cached_property
    def by_label(self) -> tuple[DecisionValue, ...]:
        """What each label's decision is worth by itself: it is one of yes and no."""
        sides = (self._numbers("right"), self._numbers("false_alarm"), self._numbers("missed"))
        return tuple(
            DecisionValue(self.unit, right, wrong, false_negative=missed, per=self.per)
            for right, wrong, missed in zip(*sides, strict=True)
        )

    def _numbers(self, side: str) -> list[float]:
        given: float | Mapping[str, float] = getattr(self, side)
        if not isinstance(given, Mapping):
            return [float(given)] * len(self.names)
        for name in given:
            if name not in self.names:
                raise ProjectError.unknown_name("label", name, self.names, where=f"{self._where}.{side}")
        if lacking := [name for name in self.names if name not in given]:
            hint = "say one number for all, or one for each label"
            raise ProjectError(f"{side} does not name {lacking[0]!r}", where=self._where, hint=hint)
        return [float(given[name]) for name in self.names]

    def numbers(self, rows: Sequence[Sequence[str]]) -> Floats:
        """The numbers that stand for the labels of rows in outcomes and decisions, shape (n,)."""
        places = {name: place for place, name in enumerate(self.names)}
        return np.array([float(sum(2 ** places[class_text(each)] for each in set(row))) for row in rows])

    @property
    def task(self) -> Task:
        """Which of several labels."""
        from kreis.tasks.multilabel.task import Multilabel

        return Multilabel(self)

    def check(self) -> None:
        """See that giving each label rightly is worth more than giving it wrongly.

        Raises:
            ProjectError: it is not.
        """
        for each in self.by_label:
            each.check()

    def values(self, outcomes: npt.ArrayLike, decisions: npt.ArrayLike) -> Floats:
        """What each row's labels were worth together, shape (n,), not yet times `per`; NaN where the outcome is."""
        known = np.asarray(outcomes, dtype=np.float64)
        carried, given = (bits_of(each, len(self.names)) for each in (known, np.asarray(decisions, dtype=np.float64)))
        worth = [metric.values(carried[:, i], given[:, i]) for i, metric in enumerate(self.by_label)]
        values: Floats = np.sum(worth, axis=0)
        values[np.isnan(known)] = np.nan
        return values

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the most that one row's labels can be worth."""
        least, most = np.array([each.bounds for each in self.by_label]).sum(axis=0).tolist()
        return least, most

    @property
    def most_at_stake(self) -> float:
        """The most that two decisions on the same case can differ by."""
        return math.fsum(each.most_at_stake for each in self.by_label)

    def most_apart(self, first: npt.ArrayLike, second: npt.ArrayLike) -> float:
        """`most_at_stake`, whichever decisions they are."""
        return self.most_at_stake

    def to_document(self) -> dict[str, Any]:
        """As a plain JSON document."""
        said: dict[str, Any] = msgspec.to_builtins(self)
        return {"kind": "label_value", **said, "labels": list(self.names)}
