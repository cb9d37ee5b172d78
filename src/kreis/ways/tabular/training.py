"""Training: each candidate a remembered step of its own, left behind as data."""

from __future__ import annotations

from typing import Any

from kreis.loop.steps import StepResult
from kreis.loop.verdicts import Advance, Verdict
from kreis.texts import amount, counted
from kreis.training.declare import CandidateDeclaration
from kreis.training.searching import SearchPlace
from kreis.training.train import train
from kreis.ways.results import Trained
from kreis.ways.tabular.leaks import look_for_leaks
from kreis.ways.tabular.rows import inputs_of, named_task, read_rows, spine_of, split_rows
from kreis.ways.tabular.state import TabularState

__all__ = ["perform"]


def perform(state: TabularState) -> Verdict:
    """Train what has changed, unless something would let it look better than it is. Data are read only if something
    has changed.
    """
    leaks = look_for_leaks(state)
    if (refused := leaks.refusal()) is not None:
        return refused
    for declared in state.project.candidates.values():
        state.candidates[declared.name] = _train(state, declared)
    validation = {name: step.output.candidate.validation for name, step in state.candidates.items()}
    values = {name: each["value"] for name, each in validation.items()}
    unit, task, choice = state.project.goal.metric.unit, state.project.goal.task, state.choice
    chosen, best = choice.candidate, max(values, key=lambda name: values[name])
    if best == chosen:
        said = f"{best} is worth most: {amount(values[best])} {unit}"
    else:
        kind = "the baseline " if state.project.candidates[best].baseline else ""
        said = (
            f"{kind}{best} is worth most ({amount(values[best])} {unit}); {chosen} is judged: {amount(values[chosen])}"
        )
    if choice.said:
        said = f"{said}; {choice.said}"
    rows = task.validation_said(validation[best])
    return Advance(
        summary=f"{counted(len(values), 'candidate')}; on the validation part ({rows}) {said}",
        detail={
            "validation": values,
            **validation[best],
            "warnings": [*leaks.warnings, *task.validation_doubts(validation[best])],
            **({"overruled": leaks.overruled} if leaks.overruled else {}),
        },
    )


def _train(state: TabularState, declared: CandidateDeclaration) -> StepResult[Trained]:
    project, settings = state.project, state.workspace.settings.training
    features = declared.uses(project.feature_names)

    def compute(key: str) -> Trained:
        rows = read_rows(state, features)
        trained = train(
            declared.candidate,
            rows,
            name=declared.name,
            split=split_rows(state, rows),
            task=project.goal.task,
            seed=settings.seed,
            threads=settings.threads,
            search=declared.search,
            place=SearchPlace(pool=state.workspace.compute, notes=state.memory.notes(key, declared.name)),
            preprocessing=declared.preprocessing,
            on_progress=state.memory.progress(declared.name),
        )
        for content in trained.contents:
            state.workspace.artifacts.put(content)
        return Trained(candidate=trained.stored)

    def step(**more: Any) -> StepResult[Trained]:
        return state.memory.step(
            "training",
            declared.name,
            parameters={**_parameters(state, declared, features), **more},
            inputs=inputs_of(state, features),
            result=Trained,
            compute=compute,
        )

    found = step()
    if project.answer_parts and found.output.candidate.validation_scores is None:
        return step(keeps="validation scores")  # an earlier version trained it, and kept none
    return found


def _parameters(state: TabularState, declared: CandidateDeclaration, features: list[str]) -> dict[str, Any]:
    project, settings, spine = state.project, state.workspace.settings.training, spine_of(state)
    columns = {"weight": spine.weight, "group": spine.group}
    return {
        "candidate": declared.candidate.parameters(),
        "search": None if declared.search is None else declared.search.parameters(),
        "features": features,
        "split": project.split_declaration.parameters(),
        "outcome_within": spine.outcome_within,
        "metric": project.goal.metric.to_document(),
        "seed": settings.seed,
        "threads": settings.threads,
        "as_of": state.moment,
        **named_task(state),
        **declared.preprocessing.parameters,
        **{name: value for name, value in columns.items() if value is not None},
    }
