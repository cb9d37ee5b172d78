"""Tables of the silver and gold layers: a Polars function whose parameters name what it reads."""

from __future__ import annotations

import inspect
import re
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from graphlib import CycleError, TopologicalSorter
from typing import Any, Literal

import polars as pl

from kreis.collection.sources import SUPERSEDED_AT
from kreis.declarations import place_of
from kreis.durations import parse_duration
from kreis.errors import ProjectError

__all__ = ["AT_ONCE", "NO_OUTCOME", "Spine", "Table", "build", "inputs_of", "order"]

NO_OUTCOME = "no_outcome"
"""What the outcome of a spine without one is called: a column without any value."""
AT_ONCE = "1m"
"""How long the rows of such a spine wait for one."""
TableFunction = Callable[..., pl.LazyFrame]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A derived table."""

    name: str
    layer: Literal["silver", "gold"]
    function: TableFunction
    inputs: tuple[str, ...]
    corrections: bool = False
    """Whether it gets every version of a row, with the column `superseded_at`, and hands that column on."""
    place: str = ""
    """Where it was declared, if not by its function."""

    @property
    def where(self) -> str:
        """Where it was declared, as "file:line"."""
        return self.place or place_of(self.function)


@dataclass(frozen=True, kw_only=True)
class Spine:
    """The rows to predict: who, when, and what really happened as far as it is known."""

    table: Table
    id: str
    """Column that names a row; the client's reference in the service."""
    time: str
    """Column with the moment of the decision: nothing known later may be used."""
    keys: tuple[str, ...]
    """Columns with the entities' keys."""
    outcome: str
    """Column with what really happened (true/false, 1/0, or two values of which `positive` means yes), null while
    unknown."""
    outcome_known_at: str
    """Column with the moment from which the outcome is known."""
    outcome_within: str = "36h"
    """How long after `time` an outcome is known at the latest: "14d". Training, test, canary and monitors leave out
    rows that are younger, known or not: otherwise the outcomes that arrive quickly would be over-represented."""
    positive: str | float | bool | None = None
    """The outcome's value that means yes, where the column holds two other values than true/false or 1/0."""
    timeless: bool = False
    """Whether its rows have no times: `time` then holds one fixed moment, which is nobody's date."""
    judge_by: tuple[str, ...] = ()
    """Columns by which results are shown and guardrails may look, beside keys with few values."""
    overlapping: bool = False
    """Whether what happens to one row also happens to others of its key that are asked about before it is over: then
    intervals reckon with it."""
    weight: str | None = None
    """Column that says what a row weighs in training."""
    group: str | None = None
    """Column that says which rows belong together: the candidates of one query, the visits of one patient."""

    @property
    def horizon(self) -> timedelta:
        """`outcome_within` as a duration."""
        return parse_duration(self.outcome_within)

    @property
    def means(self) -> str:
        """What is predicted, in words: "returned", or "status = 'returned'" where that means yes."""
        return self.outcome if self.positive is None else f"{self.outcome} = {self.positive!r}"

    def parameters(self) -> dict[str, Any]:
        """All that decides which rows there are, as a JSON document."""
        later = {each.name: each.default for each in fields(self) if each.name in _LATER}
        found = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in ("table", *_SHOWN)}
        return {name: value for name, value in found.items() if name not in later or value != later[name]}


_LATER = ("timeless",)
"""Fields that came later: said only where they differ from what was before, so that steps are remembered."""
_SHOWN = ("judge_by", "overlapping", "weight", "group")
"""Fields that change no row."""


def inputs_of(function: Callable[..., Any]) -> tuple[str, ...]:
    """The names of a function's parameters: what it reads.

    Raises:
        ProjectError: it takes no parameter, or one that cannot be a table's name.
    """
    names = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ProjectError(
                f"{function.__name__}() takes *{parameter.name}; every input must be named",
                where=place_of(function),
                hint="write one parameter per source or table that it reads",
            )
        names.append(parameter.name)
    if not names:
        raise ProjectError(
            f"{function.__name__}() reads nothing",
            where=place_of(function),
            hint="name its parameters like the sources or tables that it reads",
        )
    return tuple(names)


def order(tables: Mapping[str, Table], sources: Sequence[str]) -> list[Table]:
    """The tables, each after those that it reads.

    Raises:
        ProjectError: an input that nothing produces, or tables that read each other in a circle.
    """
    known = {*tables, *sources}
    for table in tables.values():
        for name in table.inputs:
            if name not in known:
                raise ProjectError.unknown_name("source or table", name, known, where=table.where)
    graph = {table.name: [name for name in table.inputs if name in tables] for table in tables.values()}
    try:
        return [tables[name] for name in TopologicalSorter(graph).static_order()]
    except CycleError as error:
        circle: list[str] = error.args[1]
        raise ProjectError(
            "tables read each other in a circle: " + " → ".join(reversed(circle)),
            where=tables[circle[0]].where,
            hint="break the circle: move what they share into a table of its own",
        ) from error


def build(
    table: Table, frames: Mapping[str, pl.LazyFrame], *, dropped: Mapping[str, str] | None = None
) -> pl.DataFrame:
    """Compute a table from its inputs.

    Args:
        table: What to compute.
        frames: Its inputs, by name.
        dropped: Columns that a source gives and its contract does not name, with a sentence that says so.

    Raises:
        ProjectError: the function failed or returned something other than a frame; names its line.
    """
    where = f"{table.where}, table {table.name!r}"
    try:
        result: Any = table.function(**{name: frames[name] for name in table.inputs})
        result = result.collect() if isinstance(result, pl.LazyFrame) else result
    except Exception as error:  # the user's code may raise anything
        said = str(error).partition("\n\nResolved plan")[0]  # Polars adds the whole plan
        message = f"{table.function.__name__}() raised {type(error).__name__}: {said}"
        missing = _missing_column(error)
        line = _line_in(table.function, error) or _line_with(table.function, missing)
        hint = (dropped or {}).get(missing or "")
        raise ProjectError(message, where=where + (f", line {line}" if line else ""), hint=hint) from error
    if not isinstance(result, pl.DataFrame):
        message = f"table {table.name!r} returned {type(result).__name__}"
        raise ProjectError(message, where=where, hint="return a polars LazyFrame")
    if table.corrections and SUPERSEDED_AT not in result.columns:
        message = f"table {table.name!r} gets corrections, but what it returns has no column {SUPERSEDED_AT!r}"
        hint = f"hand {SUPERSEDED_AT!r} on (one of its sources needs a primary key), or drop corrections=True"
        raise ProjectError(message, where=where, hint=hint)
    return result


def _missing_column(error: Exception) -> str | None:
    """The column that Polars did not find."""
    found = re.search('"([^"]+)"', str(error)) if isinstance(error, pl.exceptions.ColumnNotFoundError) else None
    return found[1] if found else None


def _line_with(function: Callable[..., Any], column: str | None) -> int | None:
    """The line of a function that names a column: a lazy frame fails after its function has returned."""
    try:
        lines, first = inspect.getsourcelines(inspect.unwrap(function))
    except OSError:
        return None
    body = next((place for place, line in enumerate(lines) if line.lstrip().startswith("def ")), 0)
    for place, line in enumerate(lines[body:], first + body):
        if column is not None and re.search(rf"\b{re.escape(column)}\b", line):
            return place
    return None


def _line_in(function: Callable[..., Any], error: Exception) -> int | None:
    """The line of a function's own body at which an error arose."""
    code = inspect.unwrap(function).__code__
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code is code]
    return lines[-1] if lines else None
