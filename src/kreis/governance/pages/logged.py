"""What a run logged: each series as a small plot of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from kreis.governance.pages.page import Cell, Grid, Number
from kreis.texts import number, short, size

if TYPE_CHECKING:
    from kreis.governance.views.logged import LoggedArtefact, LoggedSeries, LoggedView

__all__ = ["artefacts_grid", "logged_grids", "text_plot"]

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 32
_MOST = 40
"""Series that a page shows."""


def logged_grids(logged: LoggedView) -> Iterator[Grid]:
    """The tables of what was logged; none where nothing was."""
    if logged.series:
        more = len(logged.series) - _MOST
        title = "Logged" + (f" ({more} more series: --json)" if more > 0 else "")
        rows = [_row(each) for each in logged.series[:_MOST]]
        yield Grid(title, ("step", "part", "series", "points", "first", "last", "lowest", "course"), rows)
    params = [(step, name, _said(value)) for step, each in logged.params.items() for name, value in each.items()]
    if params:
        yield Grid("Logged parameters", ("step", "parameter", "value"), params)
    if logged.artefacts:
        yield artefacts_grid(logged.artefacts)
    if logged.problems:
        yield Grid("Not all that was logged is here", ("",), [(each,) for each in logged.problems])


def artefacts_grid(artefacts: Sequence[LoggedArtefact]) -> Grid:
    """The files that a run kept; `kreis show artefact DIGEST` prints one."""
    kept: list[tuple[Cell, ...]] = [
        (f"{each.discipline}/{each.step}", each.name, Number(each.size, size(each.size)), short(each.digest))
        for each in artefacts
    ]
    return Grid("Artefacts", ("step", "name", "size", "digest"), kept)


def text_plot(values: Sequence[float | None], width: int = _WIDTH) -> str:
    """Numbers as bars of text, the lowest and the highest as high as there are; a blank where one is not finite."""
    finite = [each for each in values if each is not None]
    if not finite:
        return ""
    low, high = min(finite), max(finite)
    width = min(width, len(values))
    bars = []
    for column in range(width):
        part = values[column * len(values) // width : max(1, (column + 1) * len(values) // width)]
        known = [each for each in part if each is not None]
        if not known:
            bars.append(" ")
            continue
        share = (sum(known) / len(known) - low) / (high - low) if high > low else 0.5
        bars.append(_BARS[min(len(_BARS) - 1, int(share * len(_BARS)))])
    return "".join(bars)


def _row(series: LoggedSeries) -> tuple[Cell, ...]:
    return (
        f"{series.discipline}/{series.step}",
        series.part,
        series.name,
        series.count,
        *(None if each is None else Number(each, number(each)) for each in (series.first, series.last, series.lowest)),
        text_plot([value for _, value in series.points]),
    )


def _said(value: Any) -> str:
    return number(value) if isinstance(value, float) else str(value)
