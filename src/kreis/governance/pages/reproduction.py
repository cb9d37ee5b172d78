"""What came of a run when it was walked again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kreis.governance.pages.page import Cell, Grid, Number, Page
from kreis.texts import date, number

if TYPE_CHECKING:
    from kreis.actions.reproduce import Reproduction

__all__ = ["reproduction_page"]


def reproduction_page(found: Reproduction) -> Page:
    """The page of a reproduction."""
    title = f"Run {found.run}: every step came out the same"
    if found.first is not None:
        title = f"Run {found.run} did not come out the same: first in {found.first.discipline}/{found.first.name}"
    rows = [
        (
            "✓" if each.same else "✗",
            each.discipline,
            each.name,
            "the same" if each.same else "; ".join(each.differs),
            "" if each.same else "; ".join(each.why),
        )
        for each in found.steps
    ]
    grids = [Grid("Steps", ("", "discipline", "step", "left", "rests on another"), rows)]
    if found.predictions:
        apart: list[tuple[Cell, ...]] = [
            (each.candidate, each.rows, Number(each.most_apart, number(each.most_apart)), each.decided_otherwise)
            for each in found.predictions
        ]
        columns = ("candidate", "rows", "scores at most apart", "decided otherwise")
        grids.append(Grid("What they predict for the first run's test rows", columns, apart))
    return Page(
        title=title,
        facts=(
            ("because", "; ".join(found.causes)),
            ("as of", f"{date(found.as_of)} UTC, up to {found.until}"),
            ("code", found.code),
            ("folder", found.folder),
            *(("note", each) for each in found.notes),
        ),
        grids=grids,
    )
