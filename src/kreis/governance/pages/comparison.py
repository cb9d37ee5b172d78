"""Two candidates on one HTML page: what differs, with plots."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from kreis.governance.pages.candidate import comparison_page
from kreis.governance.pages.differences import compared_page, difference_grids
from kreis.governance.pages.html import html_page, patch_html
from kreis.governance.pages.page import Page
from kreis.governance.papers.plots import Dot, dots, figure, lines
from kreis.texts import number

if TYPE_CHECKING:
    from kreis.governance.views.comparison import CandidatesView
    from kreis.governance.views.differences import DifferencesView

__all__ = ["comparison_html", "image_html"]

_FEATURES = 12


def comparison_html(view: CandidatesView, images: dict[str, bytes]) -> str:
    """The page, as one file.

    Args:
        view: Candidates; of two, with what differs.
        images: Plots that their steps kept, by name.
    """
    found = view.differences
    if found is None:
        names = ", ".join(each.name for each in view.candidates)
        return html_page(f"Candidates side by side: {names}", [comparison_page(view.candidates)._repr_html_()])
    side_by_side = comparison_page(view.candidates)
    facts = compared_page(view).facts
    return html_page(
        f"{found.first} and {found.second}",
        [
            Page(title="What differs", facts=facts, grids=list(difference_grids(found)))._repr_html_(),
            "<h4>Plots</h4><div class='plots'>" + "".join(_plots(view, found)) + "</div>",
            side_by_side._repr_html_(),
            "<h4>The difference of the code</h4>" + patch_html(found.patch) if found.patch else "",
            *(image_html(name, data) for name, data in images.items()),
        ],
    )


def image_html(name: str, data: bytes) -> str:
    """A plot as an image: what an SVG would run does not run in it; empty where it is neither SVG nor PNG."""
    kinds = {".svg": "image/svg+xml", ".png": "image/png"}
    kind = next((each for ending, each in kinds.items() if name.endswith(ending)), None)
    if kind is None:
        return ""
    title = Page(title=name)._repr_html_()
    return f'{title}<img alt="" src="data:{kind};base64,{base64.b64encode(data).decode()}">'


def _plots(view: CandidatesView, found: DifferencesView) -> Iterator[str]:
    names = [found.first, found.second]
    judged = [each.evaluation for each in view.candidates]
    metrics = dict.fromkeys(name for each in judged if each is not None for name in each.metrics)
    for metric in sorted(metrics, key=lambda name: name != "value"):
        rows = [
            (name, estimate.value, estimate.low, estimate.high)
            for name, each in zip(names, judged, strict=True)
            if each is not None and (estimate := each.metrics.get(metric)) is not None and estimate.value is not None
        ]
        unit = next((each.unit for each in judged if each is not None), "value")
        yield _intervals(unit if metric == "value" else metric.replace("_", " "), rows)
    if found.paired is not None:
        value = [each.difference for each in found.paired.metrics if each.name == "value"]
        rows = [("second less first", each.value, each.low, each.high) for each in value if each.value is not None]
        if rows:
            yield _intervals(f"{found.paired.unit}, row by row", rows, zero=True)
    yield from _curves(found)
    for name, each in zip(names, view.candidates, strict=True):
        most = sorted(each.importance, key=lambda one: -one.loss)[:_FEATURES]
        bars = [(one.feature, one.loss, one.loss - 1.96 * one.error, one.loss + 1.96 * one.error) for one in most]
        yield _intervals(f"{name}: lost without a feature", bars)


def _intervals(title: str, rows: Sequence[Dot], *, zero: bool = False) -> str:
    """Numbers with their intervals, and a line at 0 where they lie on both sides of it, or `zero` is asked for."""
    ends = [each for _, *values in rows for each in values if each is not None and math.isfinite(each)]
    line = 0.0 if zero or (ends and min(ends) < 0 < max(ends)) else None
    said = ", ".join(f"{name} {number(value)}" for name, value, _, _ in rows)
    return figure(dots(rows, title=title, line=line), title, f"{title}: {said}")


def _curves(found: DifferencesView) -> Iterator[str]:
    names = {"first": found.first, "second": found.second}
    sides = {"first": found.curves.first, "second": found.curves.second}
    places = dict.fromkeys((each.part, each.name) for side in sides.values() for each in side)
    for part, series in [place for place in places if "trial" not in place[0]]:
        drawn = [
            (
                names[side],
                [point for each in logged if (each.part, each.name) == (part, series) for point in each.points],
            )
            for side, logged in sides.items()
        ]
        title = f"{series.replace('_', ' ')}{f', {part}' if part else ''}"
        yield figure(lines(drawn, title=title), title, f"{title}, as it went: {', '.join(name for name, _ in drawn)}")
