"""The gates of a run in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kreis.governance.pages.candidate import OUTCOMES
from kreis.governance.pages.page import Grid, Page
from kreis.texts import date, short_id

if TYPE_CHECKING:
    from kreis.governance.views.gates import GatesView

__all__ = ["gates_page"]


def gates_page(view: GatesView) -> Page:
    """Each gate with what was asked, what was found, and what would change the outcome; then what was overruled."""
    grids = [
        Grid(
            f"{OUTCOMES[each.outcome]} {each.name}: {each.outcome}",
            ("", "in words"),
            [("asks for", each.asks), ("found", each.why), ("on", each.rows), ("would change it", each.would_change)],
        )
        for each in view.gates
    ]
    if view.overruled:
        rows = [(each.what, each.by, each.because) for each in view.overruled]
        grids.append(Grid("Overruled", ("what", "by", "because"), rows))
    return Page(
        title=f"Gates of run {short_id(view.run)}: {view.outcome}",
        facts=(
            ("candidate", view.candidate),
            ("as of", f"{date(view.as_of)} UTC"),
            ("judged on", view.judged_on),
            ("then", view.ended),
            ("overruled", "" if view.overruled else "nothing"),
        ),
        grids=grids,
    )
