"""A source: what its last collection found; or the list of all sources."""

from __future__ import annotations

from datetime import datetime

import msgspec

from kreis.errors import ProjectError
from kreis.ledger import steps
from kreis.ways.results import CollectedSource
from kreis.workspace import Workspace

__all__ = ["CollectedView", "SourceView", "SourcesView", "source_view"]


class CollectedView(CollectedSource, frozen=True, kw_only=True, omit_defaults=False):
    """What the last collection of a source found, whole: the record leaves out what is as by default."""


class SourceView(CollectedView, frozen=True, kw_only=True):
    """A source."""

    source: str
    at: datetime
    """When it was collected."""


class SourcesView(msgspec.Struct, frozen=True, kw_only=True):
    """The sources, by name."""

    sources: dict[str, CollectedView]


def source_view(workspace: Workspace, name: str) -> SourceView | SourcesView:
    """A source by name; the list of all without one.

    Raises:
        ProjectError: no such source, or none was collected yet.
    """
    with workspace.ledger.read() as connection:
        found = steps.last_steps(connection, "collection")
    if not found:
        raise ProjectError("nothing has been collected yet", where=str(workspace.folder), hint="kreis run")
    collected = {each: CollectedView.from_document(step.outputs) for each, step in found.items()}
    if not name:
        return SourcesView(sources=collected)
    if name not in found:
        raise ProjectError.unknown_name("source", name, found, where=str(workspace.folder))
    return SourceView(source=name, **msgspec.structs.asdict(collected[name]), at=found[name].finished_at)
