"""From the project's definitions to the rows that the online store holds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import polars as pl

from kreis.clock import microseconds
from kreis.collection.sources import Window
from kreis.errors import StoreError
from kreis.loop.state import Circle
from kreis.loop.workspace import Workspace
from kreis.preparation.online.feed import OnlineFeed
from kreis.preparation.online.layout import Layout
from kreis.preparation.online.lmdb_store import LmdbStore
from kreis.preparation.tables import build
from kreis.project import Project

__all__ = ["feed_from_lake", "frames_from_sources", "open_feed"]


def frames_from_sources(project: Project, until: datetime) -> dict[str, pl.DataFrame]:
    """All tables as they would be at `until`, straight from the sources, without the lake.

    Contracts hold here as they do in collection: bad rows are left out. Used to replay traffic, where rows are
    needed ahead of the circle.

    Returns:
        Source and table names to frames.
    """
    frames: dict[str, pl.DataFrame] = {}
    for source in project.sources.values():
        rows = source.read(Window(after=None, until=until))
        frames[source.name] = source.contract.check(rows).good
    for table in project.ordered_tables():
        frames[table.name] = build(table, {name: frames[name].lazy() for name in table.inputs})
    return frames


def open_feed(project: Project, store: LmdbStore, frames: Mapping[str, pl.DataFrame]) -> OnlineFeed:
    """A feed of the project's views from their tables."""
    return OnlineFeed(store, [(view, frames[view.table]) for view in project.views.values()])


def feed_from_lake(circle: Circle) -> int | None:
    """Bring the online store up to the run's moment.

    Returns:
        How many rows were added; None where another process feeds the store already.
    """
    workspace = circle.workspace
    if _is_fed(circle):
        return 0
    try:
        store = LmdbStore(workspace.online_folder)
    except StoreError:
        if not _is_readable(workspace):
            raise
        return None
    try:
        tables = {view.table for view in circle.project.views.values()}
        frames = {name: _read(circle, name) for name in tables}
        return open_feed(circle.project, store, frames).advance(circle.as_of)
    finally:
        store.close()


def _is_fed(circle: Circle) -> bool:
    """Whether every view stands at the run's moment or later already; then no table need be read."""
    try:
        store = LmdbStore(circle.workspace.online_folder, readonly=True)
    except StoreError:
        return False
    try:
        until = microseconds(circle.as_of)
        positions = [store.position(Layout(view)) for view in circle.project.views.values()]
        return all(position is not None and position >= until for position in positions)
    finally:
        store.close()


def _read(circle: Circle, name: str) -> pl.DataFrame:
    outputs = circle.tables[name].outputs
    return circle.workspace.lake.scan(outputs["table"], outputs["version"]).collect()


def _is_readable(workspace: Workspace) -> bool:
    try:
        LmdbStore(workspace.online_folder, readonly=True).close()
    except StoreError:
        return False
    return True
