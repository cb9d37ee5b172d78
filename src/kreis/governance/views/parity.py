"""Parity: served predictions against the same ones recomputed from the data."""

from __future__ import annotations

import msgspec

from kreis.monitoring.parity import BeforeCorrection, FeatureDifference
from kreis.ways.tabular.parity_run import Parity

__all__ = ["ModelParity", "ParityView", "parity_view"]


class ModelParity(msgspec.Struct, frozen=True, kw_only=True):
    """What the replay found for one model. See `kreis.monitoring.parity.ParityReport`."""

    ok: bool
    rows: int
    features: int
    differing: list[FeatureDifference]
    unmatched: list[str]
    unmatched_rows: int
    scores_checked: int
    scores_differing: int
    worst_score: float
    covered_checked: int
    covered_differing: int
    corrected: list[BeforeCorrection]


class ParityView(msgspec.Struct, frozen=True, kw_only=True):
    """What the replay found."""

    rows: int
    ok: bool
    differences: int
    corrected: int
    models: dict[str, ModelParity]
    """By version: "v3"."""


def parity_view(found: Parity) -> ParityView:
    """What a replay found, for every face."""
    return ParityView(
        rows=found.rows,
        ok=found.ok,
        differences=found.differences,
        corrected=found.corrected,
        models={
            f"v{version}": ModelParity(ok=report.ok, **msgspec.structs.asdict(report))
            for version, report in found.models.items()
        },
    )
