"""Logged requests as two models decide them: what each decision was worth, whoever answered."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np
import polars as pl

from kreis.arrays import Booleans, Codes, Floats
from kreis.deployment.packages import Package
from kreis.evaluation.blocks import as_blocks
from kreis.evaluation.overlap import overlap_of
from kreis.models.scoring import Texts
from kreis.monitoring.traffic import (
    asked_together,
    columns_of_groups,
    feature_matrix,
    logged_texts,
    read_traffic,
)
from kreis.project import Project
from kreis.ways.paired_traffic import PairedTraffic
from kreis.workspace import Workspace

__all__ = ["read_paired"]

_NEEDED = ("model", "features", "extra", "latency_us")


def read_paired(
    project: Project, workspace: Workspace, models: tuple[Package, Package], since: datetime, now: datetime
) -> PairedTraffic:
    """Read the log, and let both models decide on every mature request.

    Args:
        project: Has the goal, and says how long outcomes take.
        workspace: Where the log is.
        models: Champion and challenger.
        since: First moment.
        now: The present; later outcomes are not seen.
    """
    within = models[0].manifest.decision.within
    needed = [
        *_NEEDED,
        *(["fields"] if any(each.manifest.text_fields for each in models) else []),
        *columns_of_groups(within),
    ]
    rows = read_traffic(workspace.lake, since, now, known_by=now, columns=needed)
    layouts = {each.digest: each.manifest.features for each in models}
    rows = rows.filter(pl.col("model").is_in(list(layouts)))
    mature = rows.filter(pl.col("at") <= now - project.horizon)
    matrices = [feature_matrix(mature, each.manifest.features, layouts) for each in models]
    whole: Booleans = matrices[0][1] & matrices[1][1]
    agreement = getattr(project.goal.task, "agreement", None)
    known: Booleans = whole & (mature["outcome"].is_not_null().to_numpy() | (agreement is not None))
    happened = mature["outcome"].cast(pl.Float64).to_numpy()[known]
    metric = project.goal.metric
    shown = mature.filter(pl.Series(whole))
    groups = asked_together(shown, within)
    champion, challenger = (
        _decisions(each, matrix[whole], logged_texts(shown, each.manifest.text_fields), groups)
        for each, (matrix, _) in zip(models, matrices, strict=True)
    )
    ripe = known[whole]
    if agreement is None:
        differences = metric.values(happened, challenger[ripe]) - metric.values(happened, champion[ripe])
    else:
        differences = agreement(champion, challenger)
    days = mature["at"].dt.epoch("d").to_numpy()[known].astype(np.int64)
    spans = mature.select(pl.col("at", "known_at").dt.epoch("us")).to_numpy()[known]
    overlaps = project.spine_declaration is not None and project.spine_declaration.overlapping
    found = PairedTraffic(
        rows=rows.select("at", "model", "latency_us"),
        mature=len(mature),
        whole=int(whole.sum()),
        differences=differences,
        most=metric.most_apart(champion, challenger),
        days=days,
        by_agreement=agreement is not None,
        overlap=overlap_of(spans.astype(np.float64), as_blocks(days)).factor if overlaps else 1.0,
    )
    return found if groups is None else _by_group(found, groups, ripe)


def _by_group(found: PairedTraffic, groups: Codes, ripe: Booleans) -> PairedTraffic:
    """One observation a group, so scaled that the mean stays that of the rows; whole where all its rows are.

    Args:
        found: By row.
        groups: Of the whole rows, shape (whole,).
        ripe: Which of these have a known outcome, shape (whole,).
    """
    _, first, codes = np.unique(groups[ripe], return_index=True, return_inverse=True)
    sizes = np.bincount(codes)
    usual = float(sizes.mean()) if len(sizes) else 1.0
    return replace(
        found,
        whole=len(np.unique(groups)),
        differences=np.bincount(codes, weights=found.differences) / usual,
        most=found.most * float(sizes.max(initial=1)) / usual,
        days=found.days[first],
    )


def _decisions(model: Package, matrix: Floats, texts: Texts | None, groups: Codes | None) -> Floats:
    """What `model` would have decided, as numbers."""
    scores = model.scorer().score(np.ascontiguousarray(matrix, dtype=np.float32), texts)
    return model.manifest.decision.among(groups).many(scores).astype(np.float64)
