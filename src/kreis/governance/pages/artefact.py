"""The files that a run kept, or what is known of one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kreis.governance.pages.logged import artefacts_grid
from kreis.governance.pages.page import Page
from kreis.texts import short_id

if TYPE_CHECKING:
    from kreis.governance.views.artefact import ArtefactsView, ArtefactView

__all__ = ["artefact_page"]


def artefact_page(view: ArtefactView | ArtefactsView) -> Page:
    """The page of a file, or of all that a run kept."""
    kept = view.artefacts if hasattr(view, "artefacts") else [view.artefact]
    title = f"What run {short_id(view.run)} kept." if kept else "The last run kept no file."
    return Page(title=title, grids=[artefacts_grid(kept)] if kept else [])
