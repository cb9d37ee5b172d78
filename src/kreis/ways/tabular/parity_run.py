"""Parity: served predictions are replayed from the data, and compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import numpy as np
import polars as pl

from kreis.deployment.packages import Package, open_package
from kreis.deployment.predictions.shipping import PREDICTIONS
from kreis.errors import ProjectError
from kreis.ledger import models
from kreis.monitoring.parity import ParityReport, parity
from kreis.preparation.point_in_time import join
from kreis.preparation.request_features import request_features
from kreis.preparation.views import FieldType, RequestView
from kreis.project import Project
from kreis.ways.tabular.evaluation import scorer_of
from kreis.workspace import Workspace

__all__ = ["Parity", "replay_parity"]

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
            sum(each.rows for each in report.differing) + report.scores_differing + report.unmatched_rows
            for report in self.models.values()
        )

    def to_document(self) -> dict[str, Any]:
        """As a plain JSON document."""
        return {
            "rows": self.rows,
            "ok": self.ok,
            "differences": self.differences,
            "models": {f"v{version}": report.to_document() for version, report in self.models.items()},
        }


def replay_parity(project: Project, workspace: Workspace, *, rows: int, seed: int = 7) -> Parity:
    """Recompute served predictions by the point-in-time join over the tables as far as they reach.

    Rows known after a prediction do not count for it, so newer tables give the same features; the tables must
    reach up to the predictions, though (`kreis run --until preparation` brings them there). A table that a run as of
    an earlier day has written last is read as it was before.

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

    def __missing__(self, name: str) -> pl.DataFrame:
        if name not in self._project.tables:
            raise ProjectError.unknown_name("table", name, self._project.tables, where="the package's feature views")
        table, lake = f"{self._project.tables[name].layer}/{name}", self._workspace.lake
        version = lake.farthest(table)
        frame = self[name] = lake.scan(table, None if version is None else version.version).collect()
        return frame


def _packages(workspace: Workspace, digests: list[str]) -> Iterator[tuple[int, Package]]:
    trusted = workspace.keys.trusted()
    for digest in digests:
        with workspace.ledger.read() as connection:
            model = models.get_model(connection, digest)
        yield model.version, open_package(digest, model.signature, workspace.artifacts, trusted)


def _compare(served: pl.DataFrame, package: Package, frames: Mapping[str, pl.DataFrame]) -> ParityReport:
    manifest = package.manifest
    keys = pl.Struct({view.entity: pl.String for view in manifest.views})
    spine = served.select("id", "at", pl.col("keys").str.json_decode(keys)).unnest("keys")
    recomputed = join(spine, [(view, frames[view.table]) for view in manifest.views], time="at")
    for view in manifest.request_views:
        recomputed = recomputed.hstack(request_features(_fields(served, view), view))
    return parity(served, recomputed, model=package.digest, features=manifest.features, scorer=scorer_of(package))


def _fields(served: pl.DataFrame, view: RequestView) -> pl.DataFrame:
    """A view's fields of each logged request, as columns."""
    schema = pl.Struct({name: _TYPES[kind] for name, kind in view.fields.items()})
    frame = served.select(pl.col("fields").str.json_decode(schema)).unnest("fields")
    moments = [name for name, kind in view.fields.items() if kind == "datetime"]
    return frame.with_columns(
        pl.col(name).str.to_datetime(time_unit="us", time_zone="UTC", strict=False) for name in moments
    )
