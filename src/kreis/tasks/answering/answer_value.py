"""The business metric of answers: what a right one, a wrong one and one that is passed on to a person are worth."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt

from kreis.arrays import Booleans, Floats
from kreis.errors import ProjectError
from kreis.tasks.outcomes import Feedback

if TYPE_CHECKING:
    from kreis.tasks.task import Task

__all__ = ["AnswerValue"]


class AnswerValue(msgspec.Struct, frozen=True):
    """Money per question; averaged over `per` questions.

    A decision is a number: 1 and the tokens that were used, below 0 where the question is passed on to a person. What
    is passed on is worth `passed_on`, whatever would have come of the answer.

    Example:

    >>> metric = AnswerValue("EUR per 1,000 questions", right=4.0, wrong=-12.0, passed_on=-1.5)
    >>> metric.values([1.0, 0.0, 0.0], [1.0, 1.0, -1.0])
    array([  4. , -12. ,  -1.5])
    """

    unit: str
    """As shown: "EUR per 1,000 questions"."""
    right: float
    """What an answer is worth that solved the question."""
    wrong: float
    """What a wrong one is worth."""
    passed_on: float
    """What a question is worth that a person has to answer, whether or not an answer was given before."""
    per_1000_tokens: float = 0.0
    """What 1,000 tokens are worth: a cost is negative."""
    per: int = 1000

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ProjectError: a value is not finite, `per` is below 1, or tokens bring money.
        """
        where = f"AnswerValue({self.unit!r})"
        if not all(map(math.isfinite, (*self._cases, self.per_1000_tokens))):
            raise ProjectError("a value of an answer is not finite", where=where, hint="say what it is worth in money")
        if self.per_1000_tokens > 0:
            message = f"per_1000_tokens is {self.per_1000_tokens:g}: tokens bring money"
            raise ProjectError(message, where=where, hint="a cost is negative: per_1000_tokens=-0.002")
        if self.per < 1:
            raise ProjectError(f"per is {self.per}", where=where, hint="per=1000 for money per 1,000 questions")

    @property
    def _cases(self) -> tuple[float, float, float]:
        return self.right, self.wrong, self.passed_on

    @property
    def task(self) -> Task:
        """Answering."""
        from kreis.tasks.answering.task import Answering

        return Answering(self)

    def values(self, outcomes: npt.ArrayLike, decisions: npt.ArrayLike) -> Floats:
        """What each answer was worth, shape (n,), in units of money (not yet times `per`).

        NaN where an answer was given and nobody knows what came of it.
        """
        happened, decided = (np.asarray(each, dtype=np.float64) for each in (outcomes, decisions))
        of_answers = np.full(happened.shape, math.nan)
        for outcome, worth in zip((Feedback.SOLVED, Feedback.WRONG, Feedback.PASSED_ON), self._cases, strict=True):
            of_answers[happened == outcome] = worth
        given: Booleans = decided > 0
        values: Floats = np.where(given, of_answers, self.passed_on) + self._of_tokens(decided)
        return values

    def _of_tokens(self, decisions: Floats) -> Floats:
        return (np.abs(decisions) - 1).clip(min=0.0) * (self.per_1000_tokens / 1000)

    @property
    def break_even(self) -> float:
        """How sure an answer must be of being right for it to pay to give it; within [0, 1]."""
        if self.right <= self.wrong:
            return 1.0
        return min(max((self.passed_on - self.wrong) / (self.right - self.wrong), 0.0), 1.0)

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the most that one answer can be worth: nothing bounds what tokens cost."""
        return -math.inf if self.per_1000_tokens else min(self._cases), max(self._cases)

    @property
    def most_at_stake(self) -> float:
        """The most that two answers to the same question can differ by."""
        return math.inf if self.per_1000_tokens else max(self._cases) - min(self._cases)

    def most_apart(self, first: npt.ArrayLike, second: npt.ArrayLike) -> float:
        """The same of the decisions of two models: one answer may be right where the other is wrong."""
        one, other = (self._of_tokens(np.asarray(each, dtype=np.float64)) for each in (first, second))
        return max(self._cases) - min(self._cases) + float(np.abs(one - other).max(initial=0.0))

    def check(self) -> None:
        """See that a right answer is worth more than passing the question on, and that more than a wrong one.

        Raises:
            ProjectError: it is not.
        """
        if self.right > self.passed_on > self.wrong:
            return
        raise ProjectError(
            "by its metric, one answers always or never: right > passed_on > wrong does not hold",
            where="Goal",
            hint="a cost is negative: right=4.0, wrong=-12.0, passed_on=-1.5",
        )

    def to_document(self) -> dict[str, Any]:
        """As a plain JSON document."""
        return {"kind": "answer_value", **msgspec.to_builtins(self)}
