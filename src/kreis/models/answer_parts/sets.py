"""The set of classes that holds the right one in a stated share of all cases: a split conformal prediction set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec
import numpy as np
import numpy.typing as npt

from kreis.models.answer_parts.grouped import Grouped
from kreis.models.answer_parts.levels import Levels
from kreis.models.answer_parts.part import Asking, Get, Raw, Scores
from kreis.models.scoring import Matrix

__all__ = ["CoverageSet", "group_said", "strangeness", "with_group"]


class CoverageSet(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="part", tag="coverage_set"
):
    """All classes that are no stranger than the stated share of what happened. The likeliest one is always among them.

    Strangeness is 1 less the class's probability (LAC: Sadinle, Lei and Wasserman 2019), or what all likelier classes
    have together (APS: Romano, Sesia and Candès 2020, without chance). The likeliest class has none: no set is empty.
    """

    name: ClassVar[str] = "coverage"
    files: ClassVar[Sequence[str]] = ()
    level: float
    classes: list[str] = []
    """What raw outputs are the probabilities of, in order; empty where a score is the probability of yes."""
    cumulative: bool = False
    """Whether strangeness is that of APS."""
    quantile: Grouped
    """What strangeness is at most."""
    rows: int
    """That the quantiles were found on."""

    @property
    def _values(self) -> list[Any]:
        return list(self.classes) or [False, True]

    def at_levels(self, levels: Levels) -> CoverageSet:
        """The same, said at other levels."""
        return msgspec.structs.replace(self, quantile=self.quantile.at_levels(levels))

    def beyond(self, scores: Scores, happened: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """How strange it was what happened, in the unit of the quantiles, shape (n,).

        Args:
            scores: Raw outputs, shape (n,) or (n, k).
            happened: As the task labels outcomes: yes and no, or places of classes, shape (n,).
        """
        found: npt.NDArray[np.float64] = strangeness(scores, cumulative=self.cumulative)[
            np.arange(len(scores)), happened.astype(np.intp)
        ]
        return found

    def held(self, value: Any, happened: Any) -> bool:
        """Whether a value of its own held what happened, a label of the task."""
        return self._values[int(happened)] in value["set"]

    def included(self, scores: Scores, groups: Sequence[str | None] | None) -> npt.NDArray[np.bool_]:
        """Which classes are in the set of each row, shape (n, k); of yes and no the first column is no.

        Args:
            scores: Raw outputs, shape (n,) or (n, k).
            groups: The group of each row; None where there are none.
        """
        limit = self.quantile.numbers(groups, len(scores))
        within: npt.NDArray[np.bool_] = strangeness(scores, cumulative=self.cumulative) <= limit[:, None]
        return within

    def schema(self) -> dict[str, Any]:
        """Of its value, as JSON Schema."""
        kind = {"type": "string", "enum": self.classes} if self.classes else {"type": "boolean"}
        said = f"holds what happens in at least {self.level:.4g} of all cases"
        properties = {"level": {"type": "number"}, "set": {"type": "array", "items": kind, "description": said}}
        return with_group(properties, self.quantile)

    def said(self, value: Any) -> str:
        """A value of its own in words, for a person who asks why."""
        words = [{True: "yes", False: "no"}[each] if isinstance(each, bool) else str(each) for each in value["set"]]
        return f"{' or '.join(words)} in {value['level']:.4g} of all cases{group_said(value, self.quantile)}"

    def open(self, get: Get, features: Sequence[str]) -> CoverageSet:
        """Ready to answer: it is as it stands."""
        return self

    def one(self, values: npt.NDArray[np.float32], score: Raw, asked: Asking) -> Any:
        """The set of one row."""
        group = self.quantile.group_of(asked)
        if isinstance(score, list):
            return self._told(self.included(np.array([score]), [group])[0], group)
        yes = score >= 0.5
        found = [yes] if max(score, 1.0 - score) > self.quantile.at(group) else [False, True]
        return {"level": self.level, "set": found, **self.quantile.told(group)}

    def many(self, matrix: Matrix, scores: Scores, asked: Sequence[Asking]) -> list[Any]:
        """The sets of some rows."""
        groups = [self.quantile.group_of(each) for each in asked]
        return [self._told(row, group) for row, group in zip(self.included(scores, groups), groups, strict=True)]

    def _told(self, included: npt.NDArray[np.bool_], group: str | None) -> dict[str, Any]:
        found = [value for value, within in zip(self._values, included.tolist(), strict=True) if within]
        return {"level": self.level, "set": found, **self.quantile.told(group)}


def strangeness(scores: Scores, *, cumulative: bool = False) -> npt.NDArray[np.float64]:
    """How strange each class would be, shape (n, k): 0 for the likeliest one.

    Args:
        scores: The probability of yes, shape (n,), for the two columns no and yes; or probabilities, shape (n, k).
        cumulative: Whether to take what all likelier classes have together.

    >>> import numpy as np
    >>> strangeness(np.array([0.25])).tolist()
    [[0.0, 0.75]]
    >>> strangeness(np.array([[0.5, 0.25, 0.25]]), cumulative=True).tolist()
    [[0.0, 0.5, 0.75]]
    """
    given = scores.astype(np.float64)
    if given.ndim == 1:
        given = np.column_stack([1.0 - given, given])
        top = (given[:, 1] >= 0.5).astype(np.intp)
        cumulative = False  # of two classes both are alike
    else:
        top = given.argmax(axis=1)
    if cumulative:
        order = np.argsort(-given, axis=1, kind="stable")
        likelier = np.take_along_axis(given, order, axis=1).cumsum(axis=1)[:, :-1]
        found = np.zeros_like(given)
        np.put_along_axis(found, order[:, 1:], likelier, axis=1)
        return found
    found = 1.0 - given
    found[np.arange(len(given)), top] = 0.0
    return found


def group_said(value: Any, quantile: Grouped) -> str:
    """At which level it was said and whose rows a value rests on, in words."""
    level = f", said at a level of {value['adapted_level']:.4f}" if "adapted_level" in value else ""
    if quantile.by is None:
        return level
    group = value.get("group")
    of = ", as of all rows: its group has too few" if group is None else f", as of {quantile.by} {group}"
    return level + of


def with_group(properties: dict[str, Any], quantile: Grouped) -> dict[str, Any]:
    """The schema of an object that may say its level and its group."""
    if quantile.levels is not None:
        said = "at which it was fitted to rows of before, so that it holds for the share of cases now"
        properties = {**properties, "adapted_level": {"type": "number", "description": said}}
    required = list(properties)
    if quantile.by is not None:
        said = f"by whose rows: of {quantile.by}; null where it has too few, and all rows are taken"
        properties = {**properties, "group": {"type": ["string", "null"], "description": said}}
        required.append("group")
    return {"type": ["object", "null"], "properties": properties, "required": required, "additionalProperties": False}
