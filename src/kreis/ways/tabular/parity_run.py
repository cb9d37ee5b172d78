"""Parity: served predictions are replayed from the data, and compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial

import msgspec
import numpy as np
import polars as pl

from kreis.deployment.manifest import Manifest
from kreis.deployment.packages import Package
from kreis.deployment.predictions.shipping import PREDICTIONS
from kreis.errors import ProjectError
from kreis.ledger import models
from kreis.ledger.records import TableVersion
from kreis.ledger.tables import removals_of, versions_of
from kreis.models.answer_parts.intervals import CoverageInterval
from kreis.models.answer_parts.sets import CoverageSet
from kreis.monitoring.parity import BeforeCorrection, ParityReport, disagreeing, parity
from kreis.preparation.point_in_time import join
from kreis.preparation.request_features import request_features
from kreis.preparation.views import FeatureView, FieldType, RequestView
from kreis.project import Project
from kreis.workspace import Workspace

__all__ = ["Parity", "replay_parity"]

_ROUNDS = 20
"""So many states of the tables are looked at, back from the last prediction that differs."""
_TYPES: dict[FieldType, type[pl.DataType]] = {
    "string": pl.String,
    "integer": pl.Int64,
    "number": pl.Float64,
    "boolean": pl.Boolean,
    "datetime": pl.String,
}


class Parity(msgspec.Struct, frozen=True, kw_only=True):
    """What the replay found, model by model."""

    rows: int
    models: dict[int, ParityReport]
    """By version."""

    @property
    def ok(self) -> bool:
        """Whether everything agrees, and something was compared."""
        return self.rows > 0 and all(report.ok for report in self.models.values())

    @property
    def differences(self) -> int:
        """Features and scores that differ, and predictions without a counterpart, over all models."""
        return sum(
            sum(each.rows for each in report.differing)
            + report.scores_differing
            + report.covered_differing
            + report.unmatched_rows
            for report in self.models.values()
        )

    @property
    def corrected(self) -> int:
        """Predictions that were answered before their data were corrected; they count as no difference."""
        return sum(report.corrected_rows for report in self.models.values())


def replay_parity(project: Project, workspace: Workspace, *, rows: int, seed: int = 7) -> Parity:
    """Recompute served predictions by the point-in-time join over the tables as far as they reach.

    Rows known after a prediction do not count for it, so newer tables give the same features; the tables must
    reach up to the predictions, though (`kreis run --until preparation` brings them there). A table that a run as of
    an earlier day has written last is read as it was before. A prediction that differs is recomputed from the tables
    as they were when it was answered: where it agrees with those, rows were corrected or came late since, and it
    is counted as such.

    Args:
        project: Declares the views' tables.
        workspace: Holds the log, the tables and the packages.
        rows: How many predictions, drawn at random over the whole log.
        seed: Of the draw.

    Raises:
        ProjectError: nothing has been served yet, or a table that a model reads is gone.
    """
    if workspace.lake.latest(PREDICTIONS) is None:
        raise ProjectError(
            "no predictions are in the lake yet", hint="kreis watch --once moves the service's log there"
        )
    served = _drawn(workspace.lake.scan(PREDICTIONS), rows, seed).sort("at", "id")
    frames = _Frames(project, workspace)
    reports = {
        version: _compare(served.filter(pl.col("model") == package.digest), package, frames)
        for version, package in _packages(workspace, served["model"].unique().sort().to_list())
    }
    return Parity(rows=len(served), models=reports)


def _drawn(log: pl.LazyFrame, rows: int, seed: int) -> pl.DataFrame:
    """So many rows of the log, each as likely as any other, without holding the others."""
    total = log.select(pl.len()).collect().item()
    if total <= rows:
        return log.collect()
    places = np.sort(np.random.default_rng(seed).choice(total, rows, replace=False))
    chosen = pl.LazyFrame({"place": pl.Series(places, dtype=pl.UInt32)})
    return log.with_row_index("place").join(chosen, on="place", how="semi").drop("place").collect(engine="streaming")


class _Frames(dict[str, pl.DataFrame]):
    """Each table that a view reads, in the version that reaches farthest; loaded once."""

    def __init__(self, project: Project, workspace: Workspace) -> None:
        super().__init__()
        self._project = project
        self._workspace = workspace
        self._versions: dict[str, list[TableVersion]] = {}

    def __missing__(self, name: str) -> pl.DataFrame:
        table, lake = self._table(name), self._workspace.lake
        version = lake.farthest(table)
        frame = self[name] = lake.scan(table, None if version is None else version.version).collect()
        return frame

    def version_at(self, name: str, at: datetime) -> TableVersion:
        """The version that was current at a moment, of those that are there; before the first, that one."""
        table = self._table(name)
        if table not in self._versions:
            with self._workspace.ledger.read() as connection:
                gone = [span for removal in removals_of(connection, table) for span in removal.versions]
                self._versions[table] = [
                    each
                    for each in versions_of(connection, table)
                    if not any(first <= each.version <= last for first, last in gone)
                ]
        first, *_ = versions = self._versions[table]
        return max((each for each in versions if each.at <= at), key=_reach, default=first)

    def as_of(self, view: FeatureView, version: TableVersion) -> pl.DataFrame:
        """A table as it was in a version, with the rows that became known after it."""
        then = self._workspace.lake.scan(version.table, version.version).collect()
        if version.known_until is None:
            return then
        since = self[view.table].filter(pl.col(view.known_at) > version.known_until)
        then = then.filter(pl.col(view.known_at) <= version.known_until)
        return pl.concat([then, since], how="diagonal_relaxed")

    def _table(self, name: str) -> str:
        if name not in self._project.tables:
            raise ProjectError.unknown_name("table", name, self._project.tables, where="the package's feature views")
        return f"{self._project.tables[name].layer}/{name}"


def _reach(version: TableVersion) -> tuple[datetime, int]:
    return version.known_until or version.at, version.version


def _packages(workspace: Workspace, digests: list[str]) -> Iterator[tuple[int, Package]]:
    for digest in digests:
        with workspace.ledger.read() as connection:
            version = models.get_model(connection, digest).version
        yield version, workspace.open_model(digest)


def _compare(served: pl.DataFrame, package: Package, frames: _Frames) -> ParityReport:
    manifest = package.manifest
    recomputed = _recompute(served, manifest, {view.name: frames[view.table] for view in manifest.views})
    recomputed, corrected = _by_their_day(served, package, recomputed, frames)
    report = parity(
        served,
        recomputed,
        model=package.digest,
        features=manifest.features,
        scorer=package.scorer(),
        texts=manifest.text_fields,
        covers=next((each for each in manifest.parts if isinstance(each, CoverageInterval | CoverageSet)), None),
    )
    return msgspec.structs.replace(report, corrected=corrected)


def _recompute(served: pl.DataFrame, manifest: Manifest, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """A model's features for some predictions; `tables` by view."""
    keys = pl.Struct({view.entity: pl.String for view in manifest.views})
    spine = served.select("id", "at", pl.col("keys").str.json_decode(keys)).unnest("keys")
    recomputed = join(spine, [(view, tables[view.name]) for view in manifest.views], time="at")
    for view in manifest.request_views:
        recomputed = recomputed.hstack(request_features(_fields(served, view), view))
    return recomputed


def _by_their_day(
    served: pl.DataFrame, package: Package, recomputed: pl.DataFrame, frames: _Frames
) -> tuple[pl.DataFrame, list[BeforeCorrection]]:
    """Recompute what differs from the tables as they were then; what agrees with those was corrected since.

    The last of the predictions that differ gives the versions to look at, which hold for all answered under them.
    """
    manifest, found = package.manifest, list[BeforeCorrection]()
    differing = partial(disagreeing, model=package.digest, features=manifest.features)
    left = served.filter(pl.col("id").is_in(differing(served, recomputed).implode()))
    for _ in range(_ROUNDS):
        if left.is_empty():
            break
        last: datetime = left.select(pl.col("at").max()).item()
        versions = {view.name: frames.version_at(view.table, last) for view in manifest.views}
        tables = {view.name: frames.as_of(view, versions[view.name]) for view in manifest.views}
        then = _recompute(left, manifest, tables)
        differs = differing(left, then)
        agrees = left.filter(~pl.col("id").is_in(differs.implode()))["id"]
        if len(agrees):
            ids = pl.col("id").is_in(agrees.implode())
            recomputed = pl.concat([recomputed.filter(~ids), then.filter(ids)])
            current = {each.table: each.version for each in versions.values()}
            found.append(BeforeCorrection(rows=len(agrees), tables=current, examples=agrees.head(5).to_list()))
        begun = max((each.at for each in versions.values() if each.at <= last), default=None)
        earlier = pl.lit(False) if begun is None else pl.col("at") < begun
        left = left.filter(pl.col("id").is_in(differs.implode()) & earlier)
    return recomputed, found


def _fields(served: pl.DataFrame, view: RequestView) -> pl.DataFrame:
    """A view's fields of each logged request, as columns."""
    schema = pl.Struct({name: _TYPES[kind] for name, kind in view.fields.items()})
    frame = served.select(pl.col("fields").str.json_decode(schema)).unnest("fields")
    moments = [name for name, kind in view.fields.items() if kind == "datetime"]
    return frame.with_columns(
        pl.col(name).str.to_datetime(time_unit="us", time_zone="UTC", strict=False) for name in moments
    )
