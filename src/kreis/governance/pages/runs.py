"""Runs side by side, a line each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kreis.governance.pages.candidate import OUTCOMES, parameters_of
from kreis.governance.pages.page import Cell, Grid, Number, Page
from kreis.governance.views.runs import value_of
from kreis.texts import counted, short_id

if TYPE_CHECKING:
    from kreis.governance.views.runs import RunRow, RunsView

__all__ = ["runs_page"]

_SHOWN = {"run", "status", "as_of", "started", "seconds", "candidate", "gates", "value"}
"""What has a column of its own."""


def runs_page(view: RunsView) -> Page:
    """The page of a list of runs."""
    headlines = list(dict.fromkeys(name for row in view.runs for name in row.headlines))
    more = [name for name in view.asked if name.removeprefix("metrics.") not in {*_SHOWN, *headlines}]
    unit = next((row.unit for row in view.runs if row.unit), "value")
    columns = ("run", "started (UTC)", "as of", "status", "chosen", "gates", unit, *map(_spoken, headlines))
    rows = [_row(row, [*headlines, *more]) for row in view.runs]
    left = view.found - len(view.runs)
    return Page(
        title=counted(view.found, "run"),
        grids=(Grid("", (*columns, *more, "took", "parameters"), rows),) if rows else (),
        end=f"{left} more: --limit" if left else "",
    )


def _row(row: RunRow, names: list[str]) -> tuple[Cell, ...]:
    return (
        short_id(row.run),
        row.started,
        row.as_of,
        row.status.replace("_", " "),
        row.candidate,
        None if row.gates is None else f"{OUTCOMES[row.gates]} {row.gates}",
        row.metrics.get("value"),
        *(_cell(value_of(row, name)) for name in names),
        None if row.seconds is None else Number(row.seconds, f"{row.seconds:.1f} s"),
        parameters_of({"parameters": row.params}),
    )


def _cell(value: Any) -> Cell:
    return value if value is None or isinstance(value, int | float | str) else str(value)


def _spoken(name: str) -> str:
    return name.replace("_", " ")
