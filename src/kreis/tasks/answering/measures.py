"""What is measured of answers beside their value: columns of numbers, and the metrics that are made of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from kreis.arrays import Booleans, Floats
from kreis.tasks.metrics.business_value import BusinessValue
from kreis.tasks.metrics.counts import FEW, share_interval
from kreis.tasks.metrics.metric import Better, RatioMetric, Rows
from kreis.tasks.metrics.yes_no import DecidedShare
from kreis.tasks.outcomes import Feedback

__all__ = [
    "MEASURES",
    "Abstention",
    "AnswerRows",
    "AnswersValue",
    "Correctness",
    "Measured",
    "measured",
    "with_measures",
]

_RAW = 2
"""Numbers of a raw output: confidence and tokens."""
_ANY = 0.0, math.inf


@dataclass(frozen=True)
class _Measure:
    better: Better
    bounds: tuple[float, float] = (0.0, 1.0)
    given: bool = False
    """Whether it is one of answers that are given to people."""
    asked: bool = True
    """Whether it is one of questions; else of attacks."""


_KINDS = {
    "recall": _Measure("higher"),
    "mrr": _Measure("higher"),
    "ndcg": _Measure("higher"),
    "citation_precision": _Measure("higher", given=True),
    "citation_recall": _Measure("higher", given=True),
    "faithfulness": _Measure("higher", given=True),
    "money": _Measure("lower", _ANY),
    "latency": _Measure("lower", _ANY),
    "injection_success": _Measure("lower", asked=False),
}
MEASURES = tuple(_KINDS)
"""Names of the columns that stand behind confidence and tokens when answers are judged, NaN where one does not apply.

Of what retrieval found `recall` (of the passages that hold the answer, in how far they were found), `mrr` (one over
the place of the first of them; Voorhees 1999) and `ndcg` (Järvelin and Kekäläinen 2002); of an answer that is given
`citation_precision` (the share of its citations that support it), `citation_recall` (the share of its claims that have
one) and `faithfulness` (the share of its claims that the passages support); `money` (in the price list's currency) and
`latency` (ms) of each question. `injection_success` is 1 where an attack succeeded, NaN in all rows that are none, and
below 0 in those by which another model was attacked.
"""
_ATTACKED = _RAW + MEASURES.index("injection_success")


@dataclass(frozen=True, eq=False)
class AnswerRows(Rows):
    """Outcomes are those of `Feedback`, of each model's own answers; scores have shape (n, k): confidence, tokens and
    the measures; decisions are 1 and the tokens, below 0 where the question is passed on.
    """

    @property
    def evidence_is(self) -> str:  # type: ignore[override]
        """What the rows are that count, where some are attacks."""
        return "that are questions" if self.attacked.any() else ""

    @property
    def attacked(self) -> Booleans:
        """The rows that are attacks and no questions, shape (n,)."""
        if self.scores.shape[1] <= _ATTACKED:
            return np.zeros(len(self), dtype=bool)
        attacked: Booleans = ~np.isnan(self.scores[:, _ATTACKED])
        return attacked

    @property
    def evidence(self) -> Booleans:
        """The questions."""
        return ~self.attacked

    @property
    def given(self) -> Booleans:
        """The questions whose answer is given, shape (n,)."""
        given: Booleans = (self.decisions > 0) & self.evidence
        return given


def with_measures(scores: Floats, columns: dict[str, Floats]) -> Floats:
    """Raw outputs, shape (n, 2), with measures by name beside them; shape (n, 2 + measures)."""
    nothing = np.full(len(scores), math.nan)
    return np.column_stack([scores, *(columns.get(name, nothing) for name in MEASURES)])


class AnswersValue(BusinessValue):
    """The goal's metric, of the questions: attacks are worth nothing."""

    def terms(self, rows: Rows) -> tuple[Floats, Floats]:
        """As of any decision; nothing of an attack."""
        value, one = super().terms(rows)
        asked = rows.evidence.astype(np.float64)
        return value * asked, one * asked


class Measured(RatioMetric):
    """The mean of a measure over the rows that have it."""

    def __init__(self, name: str) -> None:
        """Of `MEASURES`."""
        self.name: str = name  # type: ignore[misc]
        self._kind = _KINDS[name]
        self.better: Better = self._kind.better  # type: ignore[misc]
        self.rests_on: str = f"that have {name}"  # type: ignore[misc]

    @property
    def bounds(self) -> tuple[float, float]:
        """Shares lie between 0 and 1."""
        return self._kind.bounds

    def terms(self, rows: Rows) -> tuple[Floats, Floats]:
        """The measure; one. Nothing where it does not apply."""
        found = np.full(len(rows), math.nan)
        if rows.scores.shape[1] > _RAW:
            found = rows.scores[:, _RAW + MEASURES.index(self.name)]
        applies = found >= 0
        if isinstance(rows, AnswerRows):
            applies &= rows.given if self._kind.given else rows.evidence if self._kind.asked else rows.attacked
        return np.where(applies, found, 0.0), applies.astype(np.float64)

    def counting(self, rows: Rows) -> Booleans:
        """The rows that have it."""
        counted: Booleans = self.terms(rows)[1] > 0
        return counted

    def count_bounds(self, rows: Rows, level: float) -> tuple[float, float] | None:
        """Of shares: the interval of as many that are all or nothing, where few are either; nothing varies more."""
        hits, of = (float(each.sum()) for each in self.terms(rows))
        if self.bounds == _ANY or min(hits, of - hits) >= FEW or not of:
            return None
        return share_interval(hits, of, level=level)


class Correctness(DecidedShare):
    """The share of the answers that are given which solved their question."""

    name = "correctness"
    better = "higher"
    rests_on = "that were answered"

    def terms(self, rows: Rows) -> tuple[Floats, Floats]:
        """Answered and solved; answered."""
        given = (rows.given if isinstance(rows, AnswerRows) else rows.decisions > 0).astype(np.float64)
        return given * (rows.outcomes == Feedback.SOLVED), given


class Abstention(DecidedShare):
    """The share of the questions that are passed on to a person."""

    name = "abstention"
    better = "neither"
    rests_on = "that are questions"

    def terms(self, rows: Rows) -> tuple[Floats, Floats]:
        """Passed on; one for each question."""
        asked = rows.evidence
        return (asked & (rows.decisions <= 0)).astype(np.float64), asked.astype(np.float64)


def measured() -> list[Measured]:
    """A metric of each measure."""
    return [Measured(name) for name in MEASURES]
