"""Training: each candidate a remembered step of its own, left behind as data."""

from __future__ import annotations

from typing import Any

import polars as pl

from kreis.clock import microseconds
from kreis.loop.steps import StepResult
from kreis.loop.verdicts import Advance, Verdict
from kreis.preparation.spine import teaches
from kreis.training.data import TrainingData
from kreis.training.declare import CandidateDeclaration
from kreis.training.splits import Split
from kreis.training.threshold import FEWEST
from kreis.training.train import TrainedCandidate, train
from kreis.ways.tabular.preparation import read_features, read_spine, spine_of
from kreis.ways.tabular.state import Circle

__all__ = ["features_of", "perform", "read_rows", "rows_with", "split_rows", "trained_of"]


def perform(circle: Circle) -> Verdict:
    """Train what has changed. Data are read only if something has."""
    for declared in circle.project.candidates.values():
        circle.candidates[declared.name] = _train(circle, declared)
    validation = {name: step.outputs["validation"] for name, step in circle.candidates.items()}
    values = {name: each["value"] for name, each in validation.items()}
    best = max(values, key=lambda name: values[name])
    rows, positive = int(validation[best]["rows"]), int(validation[best]["positives"])
    return Advance(
        summary=f"{len(values)} candidates; on the validation tail ({rows:,} rows, {positive:,} positive) {best}"
        f" is worth most: {values[best]:,.0f} {circle.project.goal.metric.unit}",
        detail={"validation": values, "rows": rows, "positive": positive, "warnings": _warnings(rows, positive)},
    )


def _warnings(rows: int, positive: int) -> list[str]:
    rarer = min(positive, rows - positive)
    if rarer >= FEWEST:
        return []
    what = "positive" if positive == rarer else "negative"
    return [
        f"only {rarer:,} of the {rows:,} rows of the validation tail are {what}: which candidate is best, and its"
        " threshold, is decided by chance below about 50; collect more rows, or let validation be a larger share"
    ]


def features_of(circle: Circle, declared: CandidateDeclaration) -> list[str]:
    """The features that a candidate uses: as declared, or those that a rule reads, or all."""
    return declared.uses(circle.project.feature_names)


def read_rows(circle: Circle, features: list[str]) -> TrainingData:
    """The rows that may teach and judge, with some features."""
    return rows_with(circle, read_features(circle, features))


def rows_with(circle: Circle, features: pl.DataFrame) -> TrainingData:
    """The rows that may teach and judge, with features that are aligned with the spine."""
    spine = spine_of(circle)
    frame = read_spine(circle, spine.time, spine.outcome, spine.outcome_known_at)
    return TrainingData.from_frame(
        frame.hstack(features).filter(teaches(spine, circle.as_of)),
        features=features.columns,
        outcome=spine.outcome,
        time=spine.time,
        known_at=spine.outcome_known_at,
    )


def split_rows(circle: Circle, rows: TrainingData) -> Split:
    """Split rows by time, the test part ending where rows are too young at the run's moment."""
    return circle.project.split_declaration.split(
        rows.time,
        rows.known_at,
        rows.outcomes,
        until=microseconds(circle.as_of),
        horizon=spine_of(circle).horizon,
    )


def trained_of(circle: Circle, name: str) -> TrainedCandidate:
    """A candidate of this run, read back from the artifacts."""
    document = dict(circle.candidates[name].outputs)
    onnx = document.pop("onnx")
    return TrainedCandidate.from_document(document, None if onnx is None else circle.workspace.artifacts.get(onnx))


def _train(circle: Circle, declared: CandidateDeclaration) -> StepResult:
    project, settings = circle.project, circle.workspace.settings.training
    spine = spine_of(circle)
    features = features_of(circle, declared)

    def compute(key: str) -> dict[str, Any]:
        rows = read_rows(circle, features)
        trained = train(
            declared.candidate,
            rows,
            name=declared.name,
            split=split_rows(circle, rows),
            metric=project.goal.metric,
            seed=settings.seed,
            threads=settings.threads,
            search=declared.search,
            on_progress=circle.memory.progress(declared.name),
        )
        onnx = None if trained.onnx is None else circle.workspace.artifacts.put(trained.onnx)
        return {**trained.to_document(), "onnx": onnx}

    return circle.memory.step(
        "training",
        declared.name,
        parameters={
            "candidate": declared.candidate.parameters(),
            "search": None if declared.search is None else declared.search.parameters(),
            "features": features,
            "split": project.split_declaration.parameters(),
            "outcome_within": spine.outcome_within,
            "metric": project.goal.metric.to_document(),
            "seed": settings.seed,
            "threads": settings.threads,
            "as_of": circle.moment,
        },
        inputs={
            spine.table.name: circle.version_of(spine.table.name),
            **{
                f"features {view.name}": circle.features[view.name].outputs["fingerprint"]
                for view in project.all_views
                if set(view.feature_names) & set(features)
            },
        },
        compute=compute,
    )
