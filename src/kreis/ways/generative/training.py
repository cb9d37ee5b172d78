"""Training: each candidate becomes a pipeline, and a rule from which confidence on it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from kreis.clock import microseconds
from kreis.digests import digest_of_document
from kreis.generative.pipeline import Pipeline
from kreis.generative.questions import SIGNALS
from kreis.generative.retrieval.measures import Judged
from kreis.generative.tools.spec import ToolSpec
from kreis.knowledge.caching import read_pairs
from kreis.knowledge.candidates import AnswererDeclaration
from kreis.knowledge.questions import AskedQuestion, Part
from kreis.loop.steps import StepResult
from kreis.loop.verdicts import Advance, Verdict
from kreis.tasks.metrics.business_value import BusinessValue
from kreis.texts import amount, counted
from kreis.training.reference import histogram, reference_histograms
from kreis.training.train import TrainedCandidate
from kreis.ways.generative.asking import Asked, Files, ask
from kreis.ways.generative.learning import Learned, learn_search, with_cache
from kreis.ways.generative.state import GenerativeState
from kreis.ways.results import Trained

__all__ = ["files_of", "is_refresh", "perform", "questions_of"]

_TIMED = "model_ms"
"""A signal that is another one each time: it is in no package, so that the same inputs give the same one."""


def perform(state: GenerativeState) -> Verdict:
    """Fit what has changed. Questions are asked only if something has."""
    for declared in state.project.answerers.values():
        state.candidates[declared.name] = _train(state, declared)
    validation = {name: step.output.candidate.validation for name, step in state.candidates.items()}
    values = {name: each["value"] for name, each in validation.items()}
    task, unit, choice = state.project.goal.task, state.project.goal.metric.unit, state.choice
    chosen = choice.candidate
    rows = task.validation_said(validation[chosen])
    said = f"{chosen} goes on: {amount(values[chosen])} {unit} on the validation part ({rows})"
    return Advance(
        summary=f"{counted(len(values), 'candidate')}; {said}{'; ' + choice.said if choice.said else ''}",
        detail={"validation": values, **validation[chosen], "learned": _told(state), "warnings": []},
    )


def _told(state: GenerativeState) -> list[str]:
    """What the searches learned from the validation questions, or why nothing, in sentences."""
    found = {name: step.output.candidate.training.get("learned", {}) for name, step in state.candidates.items()}
    return [f"{name}, {what}: {said}" for name, each in found.items() for what, said in each.items()]


def is_refresh(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two models are the same answerer on other documents, by what their packages say of their training."""
    return bool(one.get("parameters")) and one["parameters"] == other.get("parameters")


def questions_of(
    state: GenerativeState, base: str, part: Part, most: int | None = None
) -> list[tuple[AskedQuestion, Judged]]:
    """The questions of a part, with the places of what is right in a knowledge base's documents."""
    asked = state.project.asked_questions.of(part, most)
    cited = {passage.document for each in asked for passage in each.passages}
    found = state.documents(state.project.knowledge_bases[base]) if cited else ()
    texts = {each.id: each.text for each in found if each.id in cited}
    return [(each, each.judged(texts)) for each in asked]


def files_of(state: GenerativeState) -> Files:
    """Where the files lie that pipelines name."""
    return Files(state.workspace.state / "files", state.workspace.artifacts)


def _train(state: GenerativeState, declared: AnswererDeclaration) -> StepResult[Trained]:
    project, candidate = state.project, declared.candidate
    base, tools = candidate.knowledge_base, _tools(state, declared)
    parameters = declared.parameters(project.prompts) | ({"tools": msgspec.to_builtins(tools)} if tools else {})
    index = state.indexes[base.name].output

    def compute(key: str) -> Trained:
        parts = candidate.parts(project.prompts)
        pipeline = Pipeline(index=index.file, index_version=index.index, tools=tools, **parts)
        questions = questions_of(state, base.name, "validation")
        learned = _learned(state, declared, pipeline, [judged for _, judged in questions])
        asked = learned.asked(
            lambda answers, places: ask(
                answers,
                files_of(state),
                [questions[place] for place in places],
                at=microseconds(state.as_of),
                progress=state.memory.progress(declared.name),
            ),
            len(questions[: candidate.judged_on]),
        )
        return Trained(candidate=_fitted(state, declared.name, learned, asked, parameters))

    return state.memory.step(
        "training",
        declared.name,
        parameters={
            "candidate": parameters,
            "metric": project.goal.metric.to_document(),
            "questions": project.asked_questions.digest("validation"),
        },
        inputs={"index": index.index, "file": index.file.sha256} | _pairs_digest(state, declared),
        result=Trained,
        compute=compute,
    )


def _tools(state: GenerativeState, declared: AnswererDeclaration) -> tuple[ToolSpec, ...]:
    """What the model of a candidate may ask for: all that the project declares; nothing where there is no model."""
    if "model" not in declared.candidate.parts(state.project.prompts):
        return ()
    return tuple(each.spec for each in state.project.declared_tools.values())


def _learned(
    state: GenerativeState, declared: AnswererDeclaration, pipeline: Pipeline, judged: Sequence[Judged]
) -> Learned:
    """With what the validation questions, and labelled pairs, show to be better."""
    settings, cache = state.workspace.settings.training, declared.candidate.cache
    learned = learn_search(
        pipeline,
        judged,
        reranks=declared.candidate.reranks,
        files=files_of(state),
        artifacts=state.workspace.artifacts,
        seed=settings.seed,
        threads=settings.threads,
    )
    return learned if cache is None else with_cache(learned, cache, read_pairs(state.project.folder / cache.pairs))


def _pairs_digest(state: GenerativeState, declared: AnswererDeclaration) -> dict[str, str]:
    """Of the labelled pairs of its cache: with others it is fitted anew."""
    cache = declared.candidate.cache
    return {} if cache is None else {"pairs": digest_of_document(read_pairs(state.project.folder / cache.pairs))}


def _fitted(
    state: GenerativeState, name: str, learned: Learned, asked: Asked, parameters: dict[str, Any]
) -> TrainedCandidate:
    """With the decision rule that is best on the validation questions."""
    task, questions = state.project.goal.task, state.project.asked_questions
    raw = task.answers(asked.scores[:, :2])
    fitted = task.fit_decision(raw, asked.outcomes)
    rows = task.rows(asked.outcomes, task.answers(asked.scores), fitted.decision, where=name)
    values, _ = BusinessValue(state.project.goal.metric).terms(rows)
    told = [place for place, signal in enumerate(SIGNALS) if signal != _TIMED]
    return TrainedCandidate(
        name=name,
        form=learned.pipeline,
        features=SIGNALS,
        decision=fitted.decision,
        training={
            "questions": len(asked.outcomes),
            "of": questions.digest("validation"),
            "parameters": parameters,
            "decision": {"source": fitted.source, "gain": fitted.gain, "error": fitted.error},
            **({"learned": learned.said} if learned.said else {}),
        },
        reference=reference_histograms(asked.signals[:, told], [SIGNALS[place] for place in told]),
        score_reference=histogram(np.ascontiguousarray(raw[:, 0])),
        validation=task.validated(asked.scores, asked.outcomes, fitted.decision),
        validation_blocks=[(float(value), 1) for value in values],
    )
