"""What examinations found, and which there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from kreis.governance.pages.page import Grid, Page
from kreis.texts import short_id

if TYPE_CHECKING:
    from kreis.governance.views.examined import CandidateExaminedView, ExaminationsView, ExaminedView

__all__ = ["examinations_page", "examined_grids", "examined_page"]

_SERIOUS, _NOTE = "!", "–"


def examinations_page(view: ExaminationsView) -> Page:
    """All examinations, and which of them a candidate was asked."""
    of = "" if view.run is None else f" of {view.candidate} in run {short_id(view.run)}"
    rows = [
        (
            each.name,
            "each run" if each.each_run else "on demand",
            (each.asked or "not yet") + (f", {each.serious} to look at" if each.serious else ""),
            each.asks,
        )
        for each in view.examinations
    ]
    return Page(
        title=f"What else is asked{of}",
        grids=[Grid("", ("examination", "asked by", "asked", "question"), rows)],
        end="kreis examine NAME asks one; project.gates(Gate(…)) holds a model to what one measures.",
    )


def examined_page(view: CandidateExaminedView) -> Page:
    """What some examinations found of a candidate."""
    title = f"What {view.candidate} of run {short_id(view.run)} was asked"
    return Page(title=title, grids=list(examined_grids(view.examined)))


def examined_grids(examined: Sequence[ExaminedView]) -> Iterator[Grid]:
    """A table for each examination: what it found in sentences, what a person should look at marked."""
    for each in examined:
        rows = [(_SERIOUS if one.serious else "", one.said) for one in each.findings]
        rows += [(_NOTE, note) for note in ([f"not asked: {each.lacks}"] if each.lacks else each.notes)]
        later = ", asked later" if each.later else ""
        yield Grid(f"{each.examination.replace('_', ' ').capitalize()}{later}: {each.asks}", ("", "finding"), rows)
