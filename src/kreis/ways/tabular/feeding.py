"""From the project's definitions to the rows that the online store holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import polars as pl

from kreis.clock import microseconds, moment
from kreis.collection.collecting import latest_versions
from kreis.collection.sources import SUPERSEDED_AT, Window
from kreis.deployment.packages import read_manifest
from kreis.durations import parse_duration
from kreis.errors import CorruptionError, StoreError
from kreis.expressions.tree import columns
from kreis.ledger import models, releases
from kreis.preparation.online.feed import OnlineFeed, mark_of
from kreis.preparation.online.layout import Layout
from kreis.preparation.online.store import OnlineStore
from kreis.preparation.tables import build
from kreis.preparation.views import FeatureView
from kreis.project import Project
from kreis.ways.tabular.state import TabularState
from kreis.workspace import Workspace

__all__ = ["feed_from_lake", "frames_from_sources", "open_feed", "stale_features"]


def frames_from_sources(project: Project, until: datetime) -> dict[str, pl.DataFrame]:
    """All tables as they would be at `until`, straight from the sources, without the lake.

    Contracts hold here as they do in collection: bad rows are left out. Used to replay traffic, where rows are
    needed before a run collects them.

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


def open_feed(project: Project, store: OnlineStore, frames: Mapping[str, pl.DataFrame]) -> OnlineFeed:
    """A feed of the project's views from their tables."""
    return OnlineFeed(store, [(view, frames[view.table]) for view in project.views.values()])


def feed_from_lake(state: TabularState) -> list[str]:
    """Bring the online store up to the run's moment: the project's views, and those of the models in service where
    the project defines them otherwise by now. Rows that came late or were corrected are put right; a damaged store is
    fed anew.

    Returns:
        What a person should know of it; nothing where all went as usual, or another process feeds the store.

    Raises:
        SignatureError: a model in service is not what was signed.
        StoreError: the store cannot be written.
    """
    workspace = state.workspace
    frames = _Frames(state)
    views = [*state.project.views.values(), *_views_in_service(state, frames)]
    told: list[str] = []
    try:
        if not _is_fed(state, views):
            told += _feed(state, views, frames)
    except CorruptionError as error:
        workspace.online.discard()
        told.append(f"{error.message}; it was thrown away and fed again from the tables")
        told += _feed(state, views, frames)
    except StoreError:
        if not _is_readable(workspace):
            raise
    return told


def _feed(state: TabularState, views: Sequence[FeatureView], frames: _Frames) -> list[str]:
    store = state.workspace.online.open()
    try:
        marks = [state.version_of(view.table) for view in views]
        feed = OnlineFeed(store, [(view, frames[view.table]) for view in views], marks=marks)
        told = [
            f"view {name!r}: rows that the online store holds were corrected or came late; it now holds the new ones"
            for name in feed.corrected
        ]
        feed.advance(state.as_of)
        return told
    finally:
        store.close()


class _Frames(dict[str, pl.DataFrame]):
    """The tables of a run, read when asked for."""

    def __init__(self, state: TabularState) -> None:
        super().__init__()
        self._state = state

    def __missing__(self, name: str) -> pl.DataFrame:
        table = self._state.table(name)
        rows = self._state.workspace.lake.scan(table.table, table.version)
        if SUPERSEDED_AT in rows.collect_schema():  # no request from now on sees a row that was corrected by now
            rows = rows.filter(pl.col(SUPERSEDED_AT).is_null())
        frame = self[name] = rows.collect()
        return frame


def _views_in_service(state: TabularState, frames: _Frames) -> list[FeatureView]:
    """Views of models that may answer, other than the project's, as far as the tables can still provide them."""
    workspace, project = state.workspace, state.project
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
            if view in found or project.views.get(view.name) == view or view.table not in state.tables:
                continue
            read = {view.entity, view.event_time, view.known_at}.union(*map(columns, view.features.values()))
            if read <= set(frames[view.table].columns):
                found.append(view)
    return found


def _is_fed(state: TabularState, views: Sequence[FeatureView]) -> bool:
    """Whether every view stands at a later moment than the run's, or at the same one with the same tables."""
    try:
        store = state.workspace.online.open(readonly=True)
    except CorruptionError:
        raise
    except StoreError:
        return False
    try:
        until = microseconds(state.as_of)
        for view in views:
            position, source = store.position(Layout(view)), store.source(Layout(view))
            same = position == until and source.mark == mark_of(state.version_of(view.table))
            if position is None or position < until or (position == until and not same):
                return False
        return True
    finally:
        store.close()


def stale_features(project: Project, workspace: Workspace, now: datetime) -> str | None:
    """What to say where the online store was fed so long ago that a view's shortest window holds no new row any more.

    Every answer then lacks features or has old ones, and nothing else says so. None where there is no store.

    Raises:
        StoreError: the store cannot be read.
    """
    if not workspace.online.exists():
        return None
    store = workspace.online.open(readonly=True)
    try:
        for view in project.views.values():
            spans = [*view.windows, *([view.ttl] if view.ttl else [])]
            position = store.position(Layout(view))
            if not spans or position is None:
                continue
            shortest = min(map(parse_duration, spans))
            if now - moment(position) > shortest:
                fixed = workspace.settings.clock.as_of
                next_step = f"remove as_of = {fixed!r} from kreis.toml" if fixed else "kreis run --until preparation"
                return (
                    f"the service knows features of view {view.name!r} until {moment(position):%Y-%m-%d %H:%M} UTC"
                    f" only; its shortest window is over, so answers lack what came since: {next_step}, or let kreis"
                    " watch look (and collect) more often"
                )
        return None
    finally:
        store.close()


def _is_readable(workspace: Workspace) -> bool:
    try:
        workspace.online.open(readonly=True).close()
    except StoreError:
        return False
    return True
