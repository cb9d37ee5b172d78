"""The view of each kind of thing that `kreis show` shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from kreis.governance.views.alert import alert_view
from kreis.governance.views.artefact import artefact_view
from kreis.governance.views.candidate import candidate_view
from kreis.governance.views.datasheet import datasheet_view
from kreis.governance.views.model import card_view, model_view
from kreis.governance.views.prompt import prompt_view
from kreis.governance.views.record import record_view
from kreis.governance.views.release import release_view
from kreis.governance.views.run import run_view
from kreis.governance.views.source import source_view
from kreis.governance.views.table import table_view
from kreis.workspace import Workspace

__all__ = ["SHOW"]

SHOW: Mapping[str, Callable[[Workspace, str, int | None], msgspec.Struct]] = {
    "run": lambda workspace, name, _: run_view(workspace, name),
    "candidate": lambda workspace, name, _: candidate_view(workspace, name),
    "model": lambda workspace, name, _: model_view(workspace, name),
    "card": lambda workspace, name, _: card_view(workspace, name),
    "table": table_view,
    "source": lambda workspace, name, _: source_view(workspace, name),
    "datasheet": lambda workspace, name, _: datasheet_view(workspace, name),
    "release": lambda workspace, name, _: release_view(workspace, name),
    "prompt": lambda workspace, name, _: prompt_view(workspace, name),
    "record": lambda workspace, name, _: record_view(workspace, name),
    "artefact": lambda workspace, name, _: artefact_view(workspace, name),
    "alert": lambda workspace, name, _: alert_view(workspace, name),
}
"""By kind; each takes a name, empty for the last one or the list, and a table's version."""
