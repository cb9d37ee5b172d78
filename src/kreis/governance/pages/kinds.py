"""The page of each kind of thing that `kreis show` shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kreis.governance.pages.alert import alert_page
from kreis.governance.pages.artefact import artefact_page
from kreis.governance.pages.candidate import candidate_page
from kreis.governance.pages.model import model_page
from kreis.governance.pages.page import Page
from kreis.governance.pages.prompt import prompt_page
from kreis.governance.pages.release import release_page
from kreis.governance.pages.run import run_page
from kreis.governance.pages.source import source_page
from kreis.governance.pages.table import table_page

__all__ = ["PAGES"]

PAGES: Mapping[str, Callable[[Any], Page]] = {
    "run": run_page,
    "candidate": candidate_page,
    "model": model_page,
    "table": table_page,
    "source": source_page,
    "release": release_page,
    "prompt": prompt_page,
    "artefact": artefact_page,
    "alert": alert_page,
}
"""By kind; each lays out the view that `kreis.governance.views.kinds.SHOW` gives of that kind."""
