"""Does it behave as those who know the matter expect? Tests of behaviour that a project writes down as code."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import numpy as np
import numpy.typing as npt

from kreis.arrays import Booleans, Codes, Floats
from kreis.code import code_of
from kreis.declarations import place_of
from kreis.errors import ProjectError
from kreis.evaluation.changed import SomeRows
from kreis.evaluation.crossfit import on_its_own
from kreis.evaluation.examinations.examination import Examined, FeatureRows, Finding, Subject, Tell
from kreis.evaluation.intervals import share_estimate
from kreis.models.scoring import Matrix, Texts
from kreis.tasks.metrics.metric import Rows

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Behaviour", "Expectation", "Expects"]

Expects = Literal["same", "not lower", "not higher", "expected"]
"""What comes of changed rows: the same decision, or a score that is not lower, or not higher. Or of rows of its own:
the decision in their column `expected`."""
EXPECTED = "expected"
_OTHERWISE = {"same": "decided otherwise", "not lower": "lower", "not higher": "higher", EXPECTED: "not as expected"}
_SHOWN = 5


@dataclass(frozen=True)
class Expectation:
    """One test of behaviour: how rows are changed, and what is expected then."""

    function: Callable[..., Any]
    """From the rows' features, as a Polars frame, to the same rows with other features; or from nothing to rows with a
    column `expected`."""
    expects: Expects
    tolerance: float
    """By how much a score may move the other way."""

    def __post_init__(self) -> None:
        if self.expects not in get_args(Expects):
            raise ProjectError.unknown_name("value of expects", self.expects, get_args(Expects), where=self.where)
        own, takes = self.expects == EXPECTED, len(inspect.signature(self.function).parameters)
        if takes != (0 if own else 1):
            hint = "rows of its own take no parameter" if own else "one parameter: the rows that judge, as a frame"
            raise ProjectError(f"{self.name} takes {takes} parameters", where=self.where, hint=hint)
        if not self.tolerance >= 0:
            raise ProjectError(f"tolerance is {self.tolerance}", where=self.where, hint="0, or a bit more")

    @property
    def name(self) -> str:
        """The function's."""
        return self.function.__name__

    @property
    def where(self) -> str:
        """Where it is written."""
        return place_of(self.function)


@dataclass(frozen=True)
class Behaviour:
    """What `@project.behaviour` declares (CheckList: Ribeiro et al. 2020, section 2): invariance and directional
    expectation on the rows that judge, whatever happened there, and minimum functionality on rows of its own.
    """

    expectations: tuple[Expectation, ...] = ()
    folder: Path = Path()
    most: int = 2_000
    """On how many rows at most."""

    name: ClassVar[str] = "behaviour"
    asks: ClassVar[str] = "Does it behave as those who know the matter expect?"
    by_default: ClassVar[bool] = False
    measures: ClassVar[tuple[str, ...]] = ("behaviour_failures",)

    def parameters(self) -> dict[str, Any]:
        """The tests' code, and what they expect."""
        found = {}
        for each in self.expectations:
            code = code_of(each.function, self.folder)
            found[each.name] = [code.digest, code.files, list(code.unknown), each.expects, each.tolerance]
        return {"expectations": found, "most": self.most}

    def lacks(self, subject: Subject) -> str | None:
        """It needs features, and tests."""
        if subject.features is None:
            return "it reads no features"
        return None if self.expectations else "the project declares no @project.behaviour"

    def examine(self, subject: Subject, tell: Tell) -> Examined:
        """How often each test fails."""
        features = subject.behind
        some, findings, table = SomeRows(subject, features, self.most), [], []
        frame = _frame(some)
        for number, each in enumerate(self.expectations):
            tell(f"behaviour {each.name}", number, len(self.expectations))
            tried = _on_own_rows(each, subject, features) if each.expects == EXPECTED else _on_these(each, frame, some)
            failed, count = int(tried.failed.sum()), len(tried.failed)
            rate = share_estimate(tried.failed, tried.blocks, tried.rows, level=subject.level)
            said = f"{each.name}: {failed:,} of {count:,} rows are {_OTHERWISE[each.expects]}"
            findings.append(Finding(measure="behaviour_failures", column=each.name, estimate=rate, said=said))
            table += tried.examples(each.name)
        return Examined(examination=self.name, findings=findings, tables={"failures": table}, notes=some.note)


def _frame(some: SomeRows) -> pl.DataFrame:
    """The rows' features as a person knows them: numbers (null where missing), categories and texts by name."""
    import polars as pl

    test, matrix, texts = some.features.test, some.matrix, some.texts
    columns: dict[str, pl.Series] = {}
    for place, name in enumerate(test.features):
        values = matrix[:, place]
        if name in test.categories:
            names: Mapping[float, str] = test.categories[name]
            columns[name] = pl.Series(name, [names.get(float(each)) for each in values], dtype=pl.String)
        elif name not in test.text_fields:
            columns[name] = pl.Series(name, values.astype(np.float64)).fill_nan(None)
    for place, name in enumerate(test.text_fields):
        if texts is not None:
            columns[name] = pl.Series(name, texts[:, place].tolist(), dtype=pl.String)
    return pl.DataFrame(columns)


def _made(test: Expectation, frame: pl.DataFrame | None) -> pl.DataFrame:
    """The rows that a test makes.

    Raises:
        ProjectError: it raises an error, or gives no frame.
    """
    import polars as pl

    try:
        made = test.function() if frame is None else test.function(frame)
    except Exception as error:  # it is the user's code
        raise ProjectError(f"{test.name} raised {type(error).__name__}: {error}", where=test.where) from error
    made = made.collect() if isinstance(made, pl.LazyFrame) else made
    if not isinstance(made, pl.DataFrame):
        message = f"{test.name} gives {type(made).__name__}, not a Polars frame"
        raise ProjectError(message, where=test.where, hint="return rows.with_columns(…)")
    return made


def _as_features(made: pl.DataFrame, features: FeatureRows) -> tuple[Matrix, Texts | None]:
    """Rows as the model takes them."""
    import polars as pl

    from kreis.expressions.scalars import category
    from kreis.training.data import text_matrix

    data = features.test
    matrix = np.full((made.height, len(data.features)), np.nan, dtype=np.float32)
    for place, name in enumerate(data.features):
        if name in data.categories:
            known = {text: number for number, text in data.categories[name].items()}
            numbers = [np.nan if each is None else known.get(each, category(str(each))) for each in made[name]]
            matrix[:, place] = np.array(numbers, dtype=np.float32)
        elif name not in data.text_fields:
            matrix[:, place] = made[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return matrix, None if data.texts is None else text_matrix(made, list(data.text_fields))


@dataclass(frozen=True, eq=False, kw_only=True)
class _Tried:
    """What came of a test; all arrays have shape (n,)."""

    failed: Booleans
    blocks: Codes
    rows: Rows
    """What is known of them, for intervals."""
    before: Floats
    """What was expected, or the score before the change."""
    after: Floats
    ids: npt.NDArray[np.object_]

    def examples(self, test: str) -> list[dict[str, Any]]:
        """The first rows on which it fails."""
        return [
            {
                "test": test,
                "row": str(self.ids[place]),
                "before": float(self.before[place]),
                "after": float(self.after[place]),
            }
            for place in np.flatnonzero(self.failed)[:_SHOWN]
        ]


def _on_these(test: Expectation, frame: pl.DataFrame, some: SomeRows) -> _Tried:
    """Changed rows, beside what they were."""
    made = _made(test, frame)
    if made.height != frame.height or set(made.columns) != set(frame.columns):
        hint = "return rows.with_columns(…): the same rows and columns with other values"
        raise ProjectError(f"{test.name} gives other rows or columns than it got", where=test.where, hint=hint)
    matrix, texts = _as_features(made, some.features)
    (changed,) = some.changed([matrix], [texts])
    usual, decided = some.rows, test.expects == "same"
    before, after = (_decisions(each) if decided else _direction(each) for each in (usual, changed))
    apart = np.abs(after - before) if decided else after - before if test.expects == "not higher" else before - after
    ids = some.features.ids()[some.features.split.judging[some.places]]
    return _Tried(failed=apart > test.tolerance, blocks=some.blocks, rows=usual, before=before, after=after, ids=ids)


def _on_own_rows(test: Expectation, subject: Subject, features: FeatureRows) -> _Tried:
    """Rows of the test's own, and the decisions that it expects."""
    made = _made(test, None)
    lacking = [name for name in (EXPECTED, *features.test.features) if name not in made.columns]
    if lacking or not made.height:
        said = f"{test.name} gives rows without {lacking[0]!r}" if lacking else f"{test.name} gives no rows"
        hint = f"a frame with the columns {', '.join([*features.test.features, EXPECTED])}"
        raise ProjectError(said, where=test.where, hint=hint)
    expected = subject.task.read_outcomes(made[EXPECTED], None, where=test.where).to_numpy().astype(np.float64)
    matrix, texts = _as_features(made, features)
    scores = subject.task.answers(features.scorer.score(matrix, texts))
    decided = subject.decision.among(np.zeros(made.height, dtype=np.int64)).many(scores).astype(np.float64)
    ids = np.array([f"row {place + 1} of {test.name}" for place in range(made.height)], dtype=object)
    failed = ~(np.abs(decided - expected) <= test.tolerance)
    rows = on_its_own(failed, "rows")
    return _Tried(failed=failed, blocks=np.arange(made.height), rows=rows, before=expected, after=decided, ids=ids)


def _decisions(rows: Rows) -> Floats:
    return rows.decisions.astype(np.float64)


def _direction(rows: Rows) -> Floats:
    """What may be higher or lower: the score; of several numbers the decision."""
    return rows.scores if rows.scores.ndim == 1 else rows.decisions.astype(np.float64)
