"""Training: each candidate a remembered step of its own, left behind as data."""

from __future__ import annotations

import msgspec

from kreis.loop.steps import StepResult
from kreis.loop.verdicts import Advance, Verdict
from kreis.training.declare import CandidateDeclaration
from kreis.training.threshold import FEWEST
from kreis.training.train import train
from kreis.ways.tabular.results import Trained
from kreis.ways.tabular.rows import features_of, read_rows, spine_of, split_rows
from kreis.ways.tabular.state import TabularState

__all__ = ["perform"]


def perform(state: TabularState) -> Verdict:
    """Train what has changed. Data are read only if something has."""
    for declared in state.project.candidates.values():
        state.candidates[declared.name] = _train(state, declared)
    validation = {name: step.output.candidate.validation for name, step in state.candidates.items()}
    values = {name: each["value"] for name, each in validation.items()}
    chosen, best = state.chosen, max(values, key=lambda name: values[name])
    unit = state.project.goal.metric.unit
    if best == chosen:
        said = f"{best} is worth most: {values[best]:,.0f} {unit}"
    else:
        said = (
            f"the baseline {best} is worth most ({values[best]:,.0f} {unit}); {chosen} is judged: {values[chosen]:,.0f}"
        )
    rows, positive = int(validation[best]["rows"]), int(validation[best]["positives"])
    return Advance(
        summary=f"{len(values)} candidates; on the validation tail ({rows:,} rows, {positive:,} positive) {said}",
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


def _train(state: TabularState, declared: CandidateDeclaration) -> StepResult[Trained]:
    project, settings = state.project, state.workspace.settings.training
    spine = spine_of(state)
    features = features_of(state, declared)

    def compute(key: str) -> Trained:
        rows = read_rows(state, features)
        trained = train(
            declared.candidate,
            rows,
            name=declared.name,
            split=split_rows(state, rows),
            metric=project.goal.metric,
            seed=settings.seed,
            threads=settings.threads,
            search=declared.search,
            on_progress=state.memory.progress(declared.name),
        )
        onnx = None if trained.onnx is None else state.workspace.artifacts.put(trained.onnx)
        return Trained(candidate=msgspec.structs.replace(trained, onnx=None), onnx=onnx)

    return state.memory.step(
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
            "as_of": state.moment,
        },
        inputs={
            spine.table.name: state.version_of(spine.table.name),
            **{
                f"features {view.name}": state.features[view.name].output.fingerprint
                for view in project.all_views
                if set(view.feature_names) & set(features)
            },
        },
        result=Trained,
        compute=compute,
    )
