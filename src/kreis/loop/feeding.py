"""From the project's definitions to the rows that the online store holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import polars as pl

from kreis.clock import microseconds
from kreis.collection.collecting import latest_versions
from kreis.collection.sources import SUPERSEDED_AT, Window
from kreis.deployment.packages import read_manifest
from kreis.errors import StoreError
from kreis.ledger import models, releases
from kreis.loop.state import Circle
from kreis.loop.workspace import Workspace
from kreis.preparation.expressions.tree import columns
from kreis.preparation.online.feed import OnlineFeed
from kreis.preparation.online.layout import Layout
from kreis.preparation.online.lmdb_store import LmdbStore
from kreis.preparation.tables import build
from kreis.preparation.views import FeatureView
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
        rows = source.rows(Window(after=None, until=until))
        known = source.contract.check(rows, at=until, known_at=source.known_at).good.filter(
            pl.col(source.known_at) <= until
        )
        frames[source.name] = latest_versions(known.lazy(), source).collect()
    for table in project.ordered_tables():
        frames[table.name] = build(table, {name: frames[name].lazy() for name in table.inputs})
    return frames


def open_feed(project: Project, store: LmdbStore, frames: Mapping[str, pl.DataFrame]) -> OnlineFeed:
    """A feed of the project's views from their tables."""
    return OnlineFeed(store, [(view, frames[view.table]) for view in project.views.values()])


def feed_from_lake(circle: Circle) -> int | None:
    """Bring the online store up to the run's moment: the project's views, and those of the models in service where
    the project defines them otherwise by now.

    Returns:
        How many rows were added; None where another process feeds the store already.

    Raises:
        SignatureError: a model in service is not what was signed.
        StoreError: the store cannot be written.
    """
    workspace = circle.workspace
    frames = _Frames(circle)
    views = [*circle.project.views.values(), *_views_in_service(circle, frames)]
    if _is_fed(circle, views):
        return 0
    try:
        store = LmdbStore(workspace.online_folder)
    except StoreError:
        if not _is_readable(workspace):
            raise
        return None
    try:
        return OnlineFeed(store, [(view, frames[view.table]) for view in views]).advance(circle.as_of)
    finally:
        store.close()


class _Frames(dict[str, pl.DataFrame]):
    """The tables of a run, read when asked for."""

    def __init__(self, circle: Circle) -> None:
        super().__init__()
        self._circle = circle

    def __missing__(self, name: str) -> pl.DataFrame:
        outputs = self._circle.tables[name].outputs
        rows = self._circle.workspace.lake.scan(outputs["table"], outputs["version"])
        if SUPERSEDED_AT in rows.collect_schema():  # no request from now on sees a row that was corrected by now
            rows = rows.filter(pl.col(SUPERSEDED_AT).is_null())
        frame = self[name] = rows.collect()
        return frame


def _views_in_service(circle: Circle, frames: _Frames) -> list[FeatureView]:
    """Views of models that may answer, other than the project's, as far as the tables can still provide them."""
    workspace, project = circle.workspace, circle.project
    with workspace.ledger.read() as connection:
        current = releases.current_release(connection, project.name)
        if current is None:
            return []
        digests = {route.model for route in current.routes} | ({current.fallback} if current.fallback else set())
        known = [models.get_model(connection, digest) for digest in sorted(digests)]
    trusted = workspace.keys.trusted()
    found: list[FeatureView] = []
    for model in known:
        for view in read_manifest(model.digest, model.signature, trusted).views:
            if view in found or project.views.get(view.name) == view or view.table not in circle.tables:
                continue
            read = {view.entity, view.event_time, view.known_at}.union(*map(columns, view.features.values()))
            if read <= set(frames[view.table].columns):
                found.append(view)
    return found


def _is_fed(circle: Circle, views: Sequence[FeatureView]) -> bool:
    """Whether every view stands at the run's moment or later already; then no table need be read."""
    try:
        store = LmdbStore(circle.workspace.online_folder, readonly=True)
    except StoreError:
        return False
    try:
        until = microseconds(circle.as_of)
        positions = [store.position(Layout(view)) for view in views]
        return all(position is not None and position >= until for position in positions)
    finally:
        store.close()


def _is_readable(workspace: Workspace) -> bool:
    try:
        LmdbStore(workspace.online_folder, readonly=True).close()
    except StoreError:
        return False
    return True
