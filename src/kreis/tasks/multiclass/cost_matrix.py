"""The business metric of classes: what it costs to choose one where it was another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from kreis.arrays import Booleans, Floats
from kreis.errors import ProjectError
from kreis.tasks.outcomes import class_number, class_text
from kreis.texts import counted

if TYPE_CHECKING:
    from kreis.tasks.task import Task

__all__ = ["CostMatrix"]

Costs: TypeAlias = Mapping[str, Mapping[str, float]] | Sequence[Sequence[float]]


class CostMatrix(msgspec.Struct, frozen=True, dict=True):
    """What each decision costs, by the class that was chosen and the class that it was; averaged over `per` decisions.

    Values are negative, and a cost below 0 is a gain. The best decision is the class that costs least on average, given
    the probability of each (Elkan 2001, equation 1).

    >>> mail = CostMatrix("EUR per 1,000 mails", ["question", "fault", "cancellation"], wrong=2.0,
    ...     costs={"question": {"cancellation": 80.0}})
    >>> mail.values(mail.numbers(["cancellation", "fault"]), mail.numbers(["question", "fault"])).tolist()
    [-80.0, 0.0]
    """

    unit: str
    """As shown: "EUR per 1,000 tickets"."""
    classes: Sequence[str | float | bool]
    """All classes that may be chosen or happen, as the outcome's column has them."""
    costs: Costs | None = None
    """By the class that was chosen, then by the one that it was: a dictionary of those that differ from `right` and
    `wrong`, or rows and columns in the order of `classes`."""
    right: float = 0.0
    """What it costs to choose the class that it was."""
    wrong: float = 1.0
    """What it costs to choose another."""
    per: int = 1000

    def __post_init__(self) -> None:
        """Check the classes and the numbers.

        Raises:
            ProjectError: a class occurs twice, is unknown, or there are fewer than two; a cost is missing or no number;
                or `per` is below 1.
        """
        names = tuple(class_text(each) for each in self.classes)
        where = f"CostMatrix({self.unit!r})"
        if isinstance(self.classes, str) or len(names) < 2:
            raise ProjectError(
                f"{counted(len(names), 'class', 'classes')}",
                where=where,
                hint='name two or more: classes=["a", "b", "c"]',
            )
        if twice := sorted({each for each in names if names.count(each) > 1}):
            raise ProjectError(f"the class {twice[0]!r} is named twice", where=where)
        if len(set(map(class_number, names))) < len(names):
            raise ProjectError("two classes have the same number", where=where, hint="call one of them otherwise")
        msgspec.structs.force_setattr(self, "classes", names)
        if self.per < 1:
            raise ProjectError(f"per is {self.per}", where=where, hint="per=1000 for money per 1,000 decisions")
        if not np.isfinite(self.matrix).all():
            raise ProjectError("a cost is not finite", where=where, hint="say what it costs in money")

    @cached_property
    def matrix(self) -> Floats:
        """Costs by the class that was chosen, then by the one that it was; shape (k, k)."""
        count, where = len(self.classes), f"CostMatrix({self.unit!r})"
        if self.costs is not None and not isinstance(self.costs, Mapping):
            found: Floats = np.array(
                [list(map(float, row)) for row in self.costs] if _square(self.costs, count) else 0.0
            )
            if found.shape != (count, count):
                message = f"the costs are not {counted(count, 'row')} of {count} numbers, one for each class"
                raise ProjectError(message, where=where, hint="rows: what was chosen; columns: what it was")
            return found
        costs = np.full((count, count), float(self.wrong))
        np.fill_diagonal(costs, self.right)
        for chosen, row in (self.costs or {}).items():
            for happened, cost in row.items():
                costs[self._place(chosen, where), self._place(happened, where)] = cost
        return costs

    def _place(self, name: str, where: str) -> int:
        texts = [str(each) for each in self.classes]
        if class_text(name) not in texts:
            raise ProjectError.unknown_name("class", class_text(name), texts, where=where)
        return texts.index(class_text(name))

    @property
    def names(self) -> tuple[str, ...]:
        """The classes as texts, in order."""
        return tuple(str(each) for each in self.classes)

    def numbers(self, names: Sequence[str | float | bool]) -> Floats:
        """The numbers that stand for classes in outcomes and decisions, shape (n,)."""
        return np.array([class_number(class_text(each)) for each in names])

    @cached_property
    def _ordered(self) -> tuple[Floats, npt.NDArray[np.intp]]:
        numbers = self.numbers(self.names)
        order = np.argsort(numbers)
        return numbers[order], order

    def places(self, numbers: npt.ArrayLike) -> tuple[npt.NDArray[np.intp], Booleans]:
        """Each number's place among the classes, shape (n,), and whether it is one of them at all."""
        given = np.asarray(numbers, dtype=np.float64)
        known, order = self._ordered
        at = np.minimum(np.searchsorted(known, given), len(known) - 1)
        return order[at], known[at] == given

    @property
    def task(self) -> Task:
        """Which of several classes."""
        from kreis.tasks.multiclass.task import Multiclass

        return Multiclass(self)

    def check(self) -> None:
        """See that choosing the right class costs less than choosing wrongly, on average over the classes.

        Raises:
            ProjectError: it does not.
        """
        right = float(np.trace(self.matrix)) / len(self.matrix)
        wrong = float(self.matrix.sum() - np.trace(self.matrix)) / (self.matrix.size - len(self.matrix))
        if right < wrong:
            return
        raise ProjectError(
            "by its metric, right decisions cost no less than wrong ones",
            where="Goal",
            hint="a cost is positive: wrong=5.0; a gain is a cost below 0: right=-2.0",
        )

    def values(self, outcomes: npt.ArrayLike, decisions: npt.ArrayLike) -> Floats:
        """Minus the cost of each decision, shape (n,), in units of money (not yet times `per`).

        NaN where the outcome, or the decision, is none of the classes.
        """
        (happened, known), (chosen, decided) = self.places(outcomes), self.places(decisions)
        values: Floats = np.where(known & decided, 0.0 - self.matrix[chosen, happened], np.nan)
        return values

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the most that one decision can be worth."""
        return -float(self.matrix.max()), -float(self.matrix.min())

    @property
    def most_at_stake(self) -> float:
        """The most that two decisions on the same case can differ by."""
        return float(np.ptp(self.matrix, axis=0).max())

    def most_apart(self, first: npt.ArrayLike, second: npt.ArrayLike) -> float:
        """`most_at_stake`, whichever decisions they are."""
        return self.most_at_stake

    def to_document(self) -> dict[str, Any]:
        """As a plain JSON document."""
        costs = self.costs if self.costs is None or isinstance(self.costs, Mapping) else self.matrix.tolist()
        said = {"unit": self.unit, "classes": list(self.names), "right": self.right, "wrong": self.wrong}
        document: dict[str, Any] = msgspec.to_builtins({"kind": "cost_matrix", **said, "costs": costs, "per": self.per})
        return document


def _square(costs: Sequence[Sequence[float]], count: int) -> bool:
    return [len(row) for row in costs] == [count] * count
