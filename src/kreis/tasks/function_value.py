"""The business metric of whatever a user writes: a function of outcome and decision, checked when it is declared."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from kreis.arrays import Floats
from kreis.code import code_of
from kreis.declarations import users_line
from kreis.errors import ProjectError
from kreis.expressions.tree import Expression, aggregates, columns, encode

if TYPE_CHECKING:
    import polars as pl

    from kreis.tasks.task import Task

__all__ = ["FunctionValue"]

Written: TypeAlias = "Callable[[Floats, Floats], Any] | pl.Expr"
_TRIED = 9
"""Numbers between the ends of `tried`, of which every pair is tried."""
_NAMES = ("outcome", "decision")


class FunctionValue:
    """What a decision was worth, by a function of outcome and decision that you write in NumPy or Polars.

    It gets whole arrays of numbers (yes is 1, no is 0) and gives one number a row, more where the decision was better;
    it sees only rows whose outcome is known. When it is declared, it is tried: whether it takes whole arrays, values a
    row alone as among others, gives finite numbers, and more for right decisions than for wrong ones. A Python
    function's code, with all that it reaches in your project, is part of the goal's digest; neither the service nor a
    package holds it. A Polars expression over the columns `outcome` and `decision` is kept as data.

    Example:

    >>> import numpy as np
    >>> def saved(outcome, decision):
    ...     return np.where(np.abs(outcome - decision) <= 5, 2.0, -1.0)
    >>> metric = FunctionValue("EUR per 1,000 orders", saved, task="regression", bounds=(-1.0, 2.0))
    >>> metric.values([10.0, 10.0], [12.0, 30.0])
    array([ 2., -1.])
    """

    level: float | None = None
    """The quantile that is worth most: of a function it is not known."""
    levels: tuple[float, ...] = ()
    """Quantiles that answers say: none."""

    def __init__(
        self,
        unit: str,
        function: Written,
        *,
        task: str = "regression",
        per: int = 1000,
        bounds: tuple[float, float] | None = None,
        tried: tuple[float, float] = (0.0, 100.0),
    ) -> None:
        """Declare it, and try it.

        Args:
            unit: As shown: "EUR per 1,000 orders".
            function: Of arrays `(outcome, decision)`, or a Polars expression over columns of these names.
            task: The kind of question: "regression", "forecasting", "binary classification" or "anomaly detection".
            per: How many decisions the unit is about.
            bounds: The least and the most that one decision can be worth. Where outcomes are yes and no they follow
                from the four cases; else they must be given: a canary has to know what is at stake.
            tried: Two numbers between which it is tried, where outcomes are numbers.

        Raises:
            ProjectError: it cannot be used; says what was tried and what came of it.
        """
        self.unit, self.per = unit, per
        self._where = f"{users_line()}, FunctionValue({unit!r})"
        self._folder = Path(self._where.partition(":")[0]).resolve().parent
        self._function = function
        self._tree = self._read_expression(function)
        makers, yes_no_tasks = _makers(), _yes_no_tasks()
        if task not in makers:
            raise ProjectError.unknown_name("task", task, list(makers), where=self._where)
        if per < 1:
            raise ProjectError(f"per is {per}", where=self._where, hint="per=1000 for money per 1,000 decisions")
        self._kind, self._make, self._bounds = task, makers[task], (-math.inf, math.inf)
        yes_no = task in yes_no_tasks
        self._try(*_four_cases() if yes_no else self._pairs(tried))
        self._bounds = self._checked_bounds(bounds, yes_no=yes_no)
        self._code = self._described_code()
        if not yes_no:
            self._value(*self._pairs(tried))  # within the bounds

    @property
    def task(self) -> Task:
        """The one that it was declared for."""
        return self._make(self)

    def values(self, outcomes: npt.ArrayLike, decisions: npt.ArrayLike) -> Floats:
        """What the function gives, shape (n,); NaN where the outcome is not known.

        Raises:
            ProjectError: it raises, or gives what is not finite or beyond the bounds.
        """
        happened, decided = np.asarray(outcomes, dtype=np.float64), np.asarray(decisions, dtype=np.float64)
        known = ~np.isnan(happened)
        values = np.full(happened.shape, math.nan)
        if known.any():
            values[known] = self._value(happened[known], decided[known])
        return values

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the most that one decision can be worth."""
        return self._bounds

    @property
    def most_at_stake(self) -> float:
        """The most that two decisions on the same case can differ by."""
        low, high = self._bounds
        return high - low

    def most_apart(self, first: npt.ArrayLike, second: npt.ArrayLike) -> float:
        """`most_at_stake`, whichever decisions they are."""
        return self.most_at_stake

    def check(self) -> None:
        """Nothing is left to see: it was tried when it was declared."""

    def to_document(self) -> dict[str, Any]:
        """As a plain JSON document: an expression as it is, a Python function as its name and its code's digest."""
        bounds = list(self._bounds)
        return {
            "kind": "function_value",
            "unit": self.unit,
            "per": self.per,
            "task": self._kind,
            "bounds": bounds,
            **self._code,
        }

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FunctionValue) and self.to_document() == other.to_document()

    def __hash__(self) -> int:
        return hash((self.unit, self._kind, str(self._code)))

    def __repr__(self) -> str:
        return f"FunctionValue({self.unit!r}, task={self._kind!r})"

    def _read_expression(self, function: Written) -> Expression | None:
        if callable(function):
            return None
        from kreis.expressions.from_polars import from_polars

        tree = from_polars(function, where=self._where)
        if unknown := sorted(columns(tree) - set(_NAMES)):
            raise ProjectError.unknown_name("column", unknown[0], list(_NAMES), where=self._where)
        if aggregates(tree):
            hint = "it values each row by itself: leave the mean or the sum out, kreis takes it"
            raise ProjectError("the expression aggregates over rows", where=self._where, hint=hint)
        return tree

    def _call(self, outcome: Floats, decision: Floats) -> Any:
        if self._tree is None:
            return self._function(outcome, decision)  # type: ignore[operator]
        import polars as pl

        from kreis.expressions.to_polars import to_polars

        frame = pl.DataFrame(dict(zip(_NAMES, (outcome, decision), strict=True)))
        return frame.select(to_polars(self._tree).cast(pl.Float64).alias("value"))["value"].to_numpy()

    def _value(self, outcome: Floats, decision: Floats) -> Floats:
        """What it gives for whole arrays, checked.

        Raises:
            ProjectError: it raises, or gives no numbers, other ones than asked for, or such as are beyond the bounds.
        """
        given = [each.copy() for each in (outcome, decision)]
        for each in given:
            each.flags.writeable = False
        try:
            with np.errstate(all="ignore"):  # what comes of it is looked at below
                found = np.asarray(self._call(*given))
        except Exception as error:  # the user's code may raise anything
            said = f"the function raised {type(error).__name__} on arrays of {len(outcome)} rows: {error}"
            raise ProjectError(said, where=self._where, hint=_HINTS.get(type(error).__name__, _WHOLE)) from error
        if found.shape != outcome.shape:
            said = f"the function gives the shape {found.shape} for arrays of shape {outcome.shape}"
            raise ProjectError(said, where=self._where, hint="it gives one number a row: no mean, no sum")
        if found.dtype.kind not in "fiub":
            raise ProjectError(f"the function gives {found.dtype}, not numbers", where=self._where, hint=_WHOLE)
        values: Floats = found.astype(np.float64)
        low, high = self._bounds
        slack = 1e-9 * max(1.0, abs(low) if math.isfinite(low) else 1.0, abs(high) if math.isfinite(high) else 1.0)
        for bad, what, hint in (
            (~np.isfinite(values), "is not finite", "say what each pair is worth, also of 0"),
            ((values < low - slack) | (values > high + slack), f"is beyond the bounds {low:g} to {high:g}", _BOUNDS),
        ):
            if bad.any():
                row = int(np.flatnonzero(bad)[0])
                said = f"the value {values[row]:g} of outcome {outcome[row]:g} and decision {decision[row]:g} {what}"
                raise ProjectError(said, where=self._where, hint=hint)
        return values

    def _try(self, outcome: Floats, decision: Floats) -> None:
        """See that it values rows one by one, always alike, and right decisions higher."""
        values = self._value(outcome, decision)
        if not np.array_equal(self._value(outcome, decision), values):
            hint = "it must depend on outcome and decision alone: no random number, no clock"
            raise ProjectError("the function gives other values when it is asked again", where=self._where, hint=hint)
        mixed = np.random.default_rng(0).permutation(len(values))
        alone = np.concatenate([self._value(outcome[row : row + 1], decision[row : row + 1]) for row in mixed])
        together = self._value(outcome[mixed], decision[mixed])
        for other in (alone, together):
            if not np.allclose(other, values[mixed], rtol=1e-12, atol=0.0):
                said = "the function values a row otherwise alone than among others"
                hint = "it must look at each row by itself: no mean, no rank, no sum over rows"
                raise ProjectError(said, where=self._where, hint=hint)
        right = outcome == decision
        if not values[right].mean() > values[~right].mean():
            said = (
                f"right decisions are worth {values[right].mean():g} on average, wrong ones {values[~right].mean():g}"
            )
            hint = "more is better: a cost is negative (return -cost); its arguments are (outcome, decision)"
            raise ProjectError(said, where=self._where, hint=hint)

    def _pairs(self, tried: tuple[float, float]) -> tuple[Floats, Floats]:
        low, high = tried
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ProjectError(f"tried is {tried}", where=self._where, hint="two numbers: tried=(0.0, 100.0)")
        steps = np.linspace(low, high, _TRIED)
        outcome, decision = (each.ravel() for each in np.meshgrid(steps, steps, indexing="ij"))
        return outcome, decision

    def _checked_bounds(self, bounds: tuple[float, float] | None, *, yes_no: bool) -> tuple[float, float]:
        if bounds is None and yes_no:
            cases = self._value(*_four_cases())
            return float(cases.min()), float(cases.max())
        if bounds is None:
            raise ProjectError("it has no bounds", where=self._where, hint=_BOUNDS)
        low, high = (float(each) for each in bounds)
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ProjectError(f"its bounds are {low:g} and {high:g}", where=self._where, hint=_BOUNDS)
        return low, high

    def _described_code(self) -> dict[str, Any]:
        if self._tree is not None:
            return {"expression": encode(self._tree)}
        code = code_of(self._function, self._folder)  # type: ignore[arg-type]
        if code.unknown:
            hint = "make what it needs a constant or a function of your project"
            raise ProjectError(f"its code cannot be followed: {code.unknown[0]}", where=self._where, hint=hint)
        files = {"files": dict(sorted(code.files.items()))} if code.files else {}
        return {"function": getattr(self._function, "__name__", "function"), "code": code.digest, **files}


_WHOLE = "write it for whole arrays: np.where(decision > outcome, …, …), not if"
_BOUNDS = "bounds=(least, most): what one decision can be worth; clip what lies beyond: np.clip(value, least, most)"
_HINTS = {"TypeError": "its arguments are (outcome, decision), two arrays of float64"}


def _four_cases() -> tuple[Floats, Floats]:
    """Outcomes and decisions, of yes and no."""
    return np.array([1.0, 0.0, 0.0, 1.0]), np.array([1.0, 1.0, 0.0, 0.0])


def _makers() -> dict[str, Callable[[FunctionValue], Task]]:
    """How each task is made that such a metric fits, by the task's name."""
    from kreis.tasks.forecasting.task import Forecasting
    from kreis.tasks.regression.task import Regression

    makers: dict[str, Callable[[FunctionValue], Task]] = {each.name: each for each in (Regression, Forecasting)}
    return makers | {name: _of_four_cases(name) for name in _yes_no_tasks()}


def _yes_no_tasks() -> list[str]:
    from kreis.tasks.binary.decision_value import DecisionValue

    return [each.name for each in DecisionValue("", true_positive=1.0, false_positive=-1.0).tasks]


def _of_four_cases(name: str) -> Callable[[FunctionValue], Task]:
    """Of yes and no, a function says four numbers: with them, all that the task can do holds."""

    def make(metric: FunctionValue) -> Task:
        from kreis.tasks.binary.decision_value import DecisionValue
        from kreis.tasks.goal_metric import task_of

        one, two, three, four = (float(each) for each in metric.values(*_four_cases()))
        return task_of(DecisionValue(metric.unit, one, two, three, four, per=metric.per), name)

    return make
