"""How a raw output becomes a decision: data in a package, the same in evaluation, service, canary and monitoring."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any, ClassVar, Self, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from kreis.arrays import Booleans, Codes, Floats
from kreis.errors import ProjectError
from kreis.tasks.outcomes import class_number

__all__ = [
    "Above",
    "AnswerFrom",
    "Cheapest",
    "Cut",
    "Decision",
    "Identity",
    "Level",
    "Nearest",
    "Placed",
    "Rank",
    "Raw",
    "Scores",
    "Shift",
    "decision_of",
    "places_within",
]

Scores: TypeAlias = npt.NDArray[np.floating[Any]]
"""Raw outputs of rows: shape (n,), or (n, k) where a model gives several numbers for each."""
Raw: TypeAlias = float | list[float]
"""The raw output of one row."""


class _Rule(msgspec.Struct, frozen=True):
    """A rule for raw outputs of one number each, unless it says otherwise."""

    names: ClassVar[tuple[str, ...]] = ()
    """What each number of a raw output is about, where there are several."""

    def kept(self, scores: Scores) -> Scores:
        """What monitoring keeps of raw outputs, shape (n,)."""
        return scores


class _Alone(_Rule, frozen=True):
    """A rule that decides each row by itself."""

    within: ClassVar[str | None] = None
    """What names the rows among which each is decided; None where each is decided by itself."""

    def among(self, groups: Codes | None) -> Self:
        """The same rule for rows that belong to groups, shape (n,)."""
        return self


class Cut(_Alone, frozen=True, forbid_unknown_fields=True, tag_field="rule", tag="cut"):
    """Yes from a score on."""

    at: float
    """Yes where score >= at."""

    def __post_init__(self) -> None:
        _check_number("the threshold", self.at, endless=True)

    def one(self, score: float) -> bool:
        """The decision on one row."""
        return score >= self.at

    def many(self, scores: Scores) -> Booleans:
        """The decisions on rows, shape (n,); compared as the service does: a float64 threshold."""
        decided: Booleans = scores.astype(np.float64) >= self.at
        return decided

    def said(self, outcome: str = "") -> str:
        """In words, after "decides"; `outcome` names what is predicted."""
        return f"yes{f' ({outcome})' if outcome else ''} from a score of {self.at:.4g}"

    def schema(self, outcome: str) -> dict[str, Any]:
        """Of a decision in an answer, as JSON Schema."""
        return {"type": "boolean", "description": f"true says: {outcome}"}


class Identity(_Alone, frozen=True, forbid_unknown_fields=True, tag_field="rule", tag="identity"):
    """The score itself."""

    def one(self, score: float) -> float:
        """The decision on one row."""
        return score

    def many(self, scores: Scores) -> Floats:
        """The decisions on rows, shape (n,)."""
        return scores.astype(np.float64)

    def said(self, outcome: str = "") -> str:
        """In words, after "decides"; `outcome` names what is predicted."""
        return f"{outcome}: the score itself" if outcome else "the score itself"

    def schema(self, outcome: str) -> dict[str, Any]:
        """Of a decision in an answer, as JSON Schema."""
        return {"type": "number", "description": f"{outcome}, as predicted"}


class Shift(_Alone, frozen=True, forbid_unknown_fields=True, tag_field="rule", tag="shift"):
    """The score and something more, or less: where errors to one side cost more than errors to the other."""

    by: float

    def __post_init__(self) -> None:
        _check_number("the shift", self.by)

    def one(self, score: float) -> float:
        """The decision on one row."""
        return score + self.by

    def many(self, scores: Scores) -> Floats:
        """The decisions on rows, shape (n,)."""
        shifted: Floats = scores.astype(np.float64) + self.by
        return shifted

    def said(self, outcome: str = "") -> str:
        """In words, after "decides"; `outcome` names what is predicted."""
        shifted = f"the score {'-' if self.by < 0 else '+'} {abs(self.by):.4g}"
        return f"{outcome}: {shifted}" if outcome else shifted

    def schema(self, outcome: str) -> dict[str, Any]:
        """Of a decision in an answer, as JSON Schema."""
        return {"type": "number", "description": f"{outcome}: what is best for the goal, given the prediction in score"}


class Cheapest(
    _Alone,
    frozen=True,
    dict=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="rule",
    tag="cheapest",
):
    """The class that costs least on average, by the probability of each class.

    Of equal costs the class that stands first is taken.
    """

    classes: tuple[str, ...]
    """What raw outputs are the probabilities of, in order."""
    costs: tuple[tuple[float, ...], ...]
    """By the class that is chosen, then by the one that it is."""

    def __post_init__(self) -> None:
        count = len(self.classes)
        if count < 2 or [len(row) for row in self.costs] != [count] * count:
            raise ProjectError("the costs are not one for each two classes", where="decision")
        for row in self.costs:
            for cost in row:
                _check_number("a cost", cost)

    @property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]
        """What each number of a raw output is about."""
        return self.classes

    @cached_property
    def _costs(self) -> Floats:
        return np.array(self.costs, dtype=np.float64)

    @cached_property
    def _numbers(self) -> Floats:
        return np.array([class_number(each) for each in self.classes])

    def one(self, score: list[float]) -> float:
        """The decision on one row: the class's number."""
        return float(self.many(np.array([score], dtype=np.float64))[0])

    def many(self, scores: Scores) -> Floats:
        """The decisions on rows, shape (n,): each a class's number."""
        chosen = np.empty(len(scores), dtype=np.intp)
        at_once = max(_CELLS // self._costs.size, 1)
        for start in range(0, len(scores), at_once):
            given = scores[start : start + at_once].astype(np.float64)
            # Summed row by row in one order: a row alone costs, to the last digit, what it costs among others.
            chosen[start : start + at_once] = (given[:, None, :] * self._costs).sum(axis=2).argmin(axis=1)
        return self._numbers[chosen]

    def kept(self, scores: Scores) -> Scores:
        """What monitoring keeps of raw outputs, shape (n,): the largest probability."""
        largest: Scores = scores.max(axis=1)
        return largest

    def said(self, outcome: str = "") -> str:
        """In words, after "decides"; `outcome` names what is predicted."""
        return f"{f'{outcome}: ' if outcome else ''}the class that costs least on average"

    def schema(self, outcome: str) -> dict[str, Any]:
        """Of a decision in an answer, as JSON Schema."""
        return {
            "type": "string",
            "enum": list(self.classes),
            "description": f"{outcome}: the class that costs least, given the scores",
        }


class Level(_Alone, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="rule", tag="level"):
    """One of several quantiles."""

    levels: tuple[float, ...]
    """Of the raw outputs, ascending."""
    at: float
    """The one that is decided by."""

    def __post_init__(self) -> None:
        if self.at not in self.levels:
            raise ProjectError(f"the quantile {self.at} is none of {self.levels}", where="decision")

    @property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]
        """What each number of a raw output is about."""
        return tuple(f"{each:.6g}" for each in self.levels)

    def one(self, score: list[float]) -> float:
        """The decision on one row."""
        return score[self.levels.index(self.at)]

    def many(self, scores: Scores) -> Floats:
        """The decisions on rows, shape (n,)."""
        shifted: Floats = self.kept(scores).astype(np.float64)
        return shifted

    def kept(self, scores: Scores) -> Scores:
        """What monitoring keeps of raw outputs, shape (n,): the quantile that is decided by."""
        kept: Scores = scores if scores.ndim == 1 else scores[:, self.levels.index(self.at)]
        return kept

    def said(self, outcome: str = "") -> str:
        """In words, after "decides"; `outcome` names what is predicted."""
        return f"{f'{outcome}: ' if outcome else ''}what is enough in {self.at:.4g} of all cases"

    def schema(self, outcome: str) -> dict[str, Any]:
        """Of a decision in an answer, as JSON Schema."""
        return {"type": "number", "description": f"{outcome}: what is best for the goal; scores holds the quantiles"}


class Above(_Alone, frozen=True, forbid_unknown_fields=True, tag_field="rule", tag="above"):
    """Each label from its own probability on; the decision is the number that stands for the set of them."""

    labels: tuple[str, ...]
    """What raw outputs are the probabilities of; the first stands for 1, the second for 2, the third for 4 …"""
    at: tuple[float, ...]
    """Of each label: given where probability >= at."""

    def __post_init__(self) -> None:
        if len(self.at) != len(self.labels):
            raise ProjectError("the thresholds are not one for each label", where="decision")
        for each in self.at:
            _check_number("a threshold", each, endless=True)

    @property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]
        """What each number of a raw output is about."""
        return self.labels

    def one(self, score: list[float]) -> float:
        """The decision on one row: the number of its labels."""
        return float(sum(1 << i for i, (p, at) in enumerate(zip(score, self.at, strict=True)) if p >= at))

    def many(self, scores: Scores) -> Floats:
        """The decisions on rows, shape (n,)."""
        decided: Floats = (scores.astype(np.float64) >= np.array(self.at)) @ 2.0 ** np.arange(len(self.at))
        return decided

    def kept(self, scores: Scores) -> Scores:
        """What monitoring keeps of raw outputs, shape (n,): the largest probability."""
        largest: Scores = scores.max(axis=1)
        return largest

    def said(self, outcome: str = "") -> str:
        """In words, after "decides"; `outcome` names what is predicted."""
        shown = ", ".join(f"{name} from {at:.3g}" for name, at in zip(self.labels[:_SHOWN], self.at, strict=False))
        more = f" and {len(self.labels) - _SHOWN} more" if len(self.labels) > _SHOWN else ""
        return f"{f'{outcome}: ' if outcome else ''}each label from its own probability on ({shown}{more})"

    def schema(self, outcome: str) -> dict[str, Any]:
        """Of a decision in an answer, as JSON Schema."""
        items = {"type": "string", "enum": list(self.labels)}
        return {"type": "array", "items": items, "uniqueItems": True, "description": f"{outcome}: the labels that pay"}


_SHOWN = 5


class Placed(_Alone, frozen=True, dict=True, forbid_unknown_fields=True, tag_field="rule", tag="placed"):
    """The class whose place among the classes a rule gives."""

    classes: tuple[str, ...]

    @cached_property
    def _numbers(self) -> Floats:
        return np.array([class_number(each) for each in self.classes])

    def one(self, score: float) -> float:
        """The decision on one row: the class's number."""
        return float(self.many(np.array([score]))[0])

    def many(self, scores: Scores) -> Floats:
        """The decisions on rows, shape (n,): each a class's number."""
        places = np.rint(scores).clip(0, len(self.classes) - 1)
        return self._numbers[places.astype(np.intp)]

    def said(self, outcome: str = "") -> str:
        """In words, after "decides"; `outcome` names what is predicted."""
        return f"{f'{outcome}: ' if outcome else ''}the class whose place the rule gives"

    def schema(self, outcome: str) -> dict[str, Any]:
        """Of a decision in an answer, as JSON Schema."""
        return {
            "type": "string",
            "enum": list(self.classes),
            "description": f"{outcome}: the class that the rule names",
        }


_CELLS = 1_000_000
"""Costs that are summed at once, so that memory stays flat."""


class Nearest(_Alone, frozen=True, forbid_unknown_fields=True, tag_field="rule", tag="nearest"):
    """The nearest of some centres, by the distance to each: 1, 2, 3 …"""

    clusters: int

    def __post_init__(self) -> None:
        if self.clusters < 1:
            raise ProjectError(f"there are {self.clusters} clusters", where="decision")

    @property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]
        """What each number of a raw output is about."""
        return tuple(f"cluster {each}" for each in range(1, self.clusters + 1)) if self.clusters > 1 else ()

    def one(self, score: Raw) -> float:
        """The decision on one row: the cluster's number."""
        return float(score.index(min(score)) + 1) if isinstance(score, list) else 1.0

    def many(self, scores: Scores) -> Floats:
        """The decisions on rows, shape (n,): each a cluster's number."""
        return np.ones(len(scores)) if scores.ndim == 1 else scores.argmin(axis=1).astype(np.float64) + 1

    def kept(self, scores: Scores) -> Scores:
        """What monitoring keeps of raw outputs, shape (n,): the distance to the nearest centre."""
        nearest: Scores = scores if scores.ndim == 1 else scores.min(axis=1)
        return nearest

    def said(self, outcome: str = "") -> str:
        """In words, after "decides"; `outcome` names what is predicted."""
        return f"the nearest of {self.clusters:,} clusters"

    def schema(self, outcome: str) -> dict[str, Any]:
        """Of a decision in an answer, as JSON Schema."""
        said = "the number of the nearest cluster; scores holds the distances"
        return {"type": "integer", "minimum": 1, "maximum": self.clusters, "description": said}


class Rank(_Rule, frozen=True, dict=True, forbid_unknown_fields=True, tag_field="rule", tag="rank"):
    """The place among the rows of the same group that are asked together: 1, 2, 3 …, the highest score first."""

    within: str
    """The key or field of a request, and the spine's column, that names the group."""

    def among(self, groups: Codes | None) -> Rank:
        """The same rule for rows of these groups, shape (n,)."""
        ranked = Rank(self.within)
        ranked.__dict__["groups"] = groups
        return ranked

    @property
    def groups(self) -> Codes | None:
        """The groups that rows belong to, where they were said."""
        groups: Codes | None = self.__dict__.get("groups")
        return groups

    def one(self, score: float) -> float:
        """The decision on a row that is asked alone."""
        return 1.0

    def many(self, scores: Scores) -> Floats:
        """The decisions on rows, shape (n,); all are of one group where no groups were said."""
        groups = np.zeros(len(scores), dtype=np.int64) if self.groups is None else self.groups
        return places_within(scores.astype(np.float64), groups)

    def said(self, outcome: str = "") -> str:
        """In words, after "decides"; `outcome` names what is predicted."""
        return f"{f'{outcome}: ' if outcome else ''}the place among the rows of one {self.within!r}, by the score"

    def schema(self, outcome: str) -> dict[str, Any]:
        """Of a decision in an answer, as JSON Schema."""
        said = f"the place among the rows of one {self.within!r} that are asked together, by {outcome}"
        return {"type": "integer", "minimum": 1, "description": said}


def places_within(scores: Floats, groups: Codes) -> Floats:
    """Each row's place among the rows of its group, 1, 2, 3 …, the highest score first, shape (n,).

    Of equal scores the row that stands first comes first.
    """
    order = np.lexsort((np.arange(len(scores)), -scores, groups))
    ranked = groups[order]
    begins = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]])) if len(ranked) else np.zeros(0, int)
    sizes = np.diff(np.append(begins, len(ranked)))
    places = np.empty(len(scores))
    places[order] = np.arange(len(scores)) - np.repeat(begins, sizes) + 1
    return places


class AnswerFrom(_Alone, frozen=True, forbid_unknown_fields=True, tag_field="rule", tag="answer_from"):
    """An answer is given from a confidence on; else the question is passed on to a person.

    The decision is a number: 1 and the tokens that were used, below 0 where the question is passed on. A confidence of
    0 says that there is no answer: it is never given.
    """

    names: ClassVar[tuple[str, ...]] = ("confidence", "tokens")
    at: float
    """Given where confidence >= at."""

    def __post_init__(self) -> None:
        _check_number("the confidence", self.at)

    def one(self, score: Raw) -> float:
        """The decision on one answer."""
        sure, tokens = (score[0], score[1]) if isinstance(score, list) else (score, 0.0)
        return 1 + tokens if sure >= self.at and sure > 0 else -(1 + tokens)

    def many(self, scores: Scores) -> Floats:
        """The decisions on answers, shape (n,)."""
        sure = self.kept(scores).astype(np.float64)
        tokens = scores[:, 1].astype(np.float64) if scores.ndim == 2 else np.zeros(len(scores))
        return np.where((sure >= self.at) & (sure > 0), 1 + tokens, -(1 + tokens))

    def kept(self, scores: Scores) -> Scores:
        """What monitoring keeps of raw outputs, shape (n,): the confidence."""
        kept: Scores = scores if scores.ndim == 1 else scores[:, 0]
        return kept

    def said(self, outcome: str = "") -> str:
        """In words, after "decides"; `outcome` names what is predicted."""
        return f"to answer{f' ({outcome})' if outcome else ''} from a confidence of {self.at:.4g}"

    def schema(self, outcome: str) -> dict[str, Any]:
        """Of a decision in an answer, as JSON Schema."""
        said = "1 and the tokens that were used; below 0 where the question is passed on to a person"
        return {"type": "number", "description": f"{outcome}: {said}"}


Decision: TypeAlias = AnswerFrom | Cut | Identity | Shift | Cheapest | Placed | Level | Above | Nearest | Rank


def decision_of(document: Any) -> Decision:
    """The inverse of `msgspec.to_builtins`; a bare number is a threshold, as versions before 0.2 wrote it."""
    if isinstance(document, int | float):
        return Cut(float(document))
    found: Decision = msgspec.convert(document, type=Decision)
    return found


def _check_number(what: str, value: float, *, endless: bool = False) -> None:
    if math.isnan(value) or not (endless or math.isfinite(value)):
        raise ProjectError(f"{what} is not a number", where="decision")
