"""Evaluation: every candidate, and the version in service, answer the test questions; the goal judges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from kreis.clock import microseconds
from kreis.deployment.packages import Package
from kreis.evaluation.evaluate import EvaluationReport, evaluate
from kreis.evaluation.scored import Scored
from kreis.evaluation.spending import Spending
from kreis.generative.pipeline import Pipeline
from kreis.knowledge.questions import AskedQuestion
from kreis.loop.verdicts import Verdict
from kreis.training.train import TrainedCandidate
from kreis.ways.generative.asking import Asked, ask, pipeline_of
from kreis.ways.generative.state import GenerativeState
from kreis.ways.generative.training import files_of, is_refresh, questions_of
from kreis.ways.judging import Judging, judge

__all__ = ["perform"]

_DAYS_TESTED = 30.0
"""Of saved error rate, a comparison on the same questions again may spend a month's worth at most."""


def perform(state: GenerativeState) -> Verdict:
    """Judge the candidate that did best on the validation questions. The test questions choose nothing."""
    project = state.project
    return judge(
        state,
        Judging(
            parameters={"goal": project.goal.to_document(), "questions": project.asked_questions.digest("test")},
            inputs={"indexes": {name: step.output.index for name, step in state.indexes.items()}},
            holds_out=True,
            days_tested=_DAYS_TESTED,
            decides_alike=_decides_alike,
            refreshes=lambda package, trained: is_refresh(package.manifest.training, trained.training),
            reports=partial(_reports, state),
        ),
    )


def _decides_alike(package: Package, trained: TrainedCandidate) -> bool:
    """Whether a candidate is the pipeline and the rule of a package."""
    return (package.form, package.manifest.decision) == (trained.form, trained.decision)


def _reports(
    state: GenerativeState, challenger: str, champion: Package | None, spending: Spending | None
) -> dict[str, EvaluationReport]:
    """What is to be said of each candidate. Each pair is compared on the questions that both have answered."""
    project = state.project
    trained = {name: step.output.candidate for name, step in state.candidates.items()}
    scored = {}
    for name, declared in project.answerers.items():
        asked = _ask(state, name, pipeline_of(trained[name].form), declared.candidate.judged_on)
        scored[name] = Scored(name, asked.scores, trained[name].decision, outcomes=asked.outcomes)
    baselines = [name for name, declared in project.answerers.items() if declared.baseline]
    serving = None if champion is None else _champion(state, champion, len(scored[challenger].scores))
    return {
        name: _report(
            state,
            scored[name],
            [scored[each] for each in baselines if each != name],
            serving if name == challenger else None,
            spending if name == challenger else None,
            needs_baseline=name == challenger or name not in baselines,
        )
        for name in scored
    }


def _report(
    state: GenerativeState,
    own: Scored,
    baselines: Sequence[Scored],
    serving: Scored | None,
    spending: Spending | None,
    *,
    needs_baseline: bool,
) -> EvaluationReport:
    """On the first questions, as many as the slowest of them has answered."""
    everyone = [own, *baselines, *([serving] if serving else [])]
    count = min(len(each.scores) for each in everyone)
    questions = state.project.asked_questions.of("test", count)
    first = {id(each): _first(each, count) for each in everyone}
    return evaluate(
        first[id(own)],
        [first[id(each)] for each in baselines],
        state.project.goal,
        outcomes=np.full(count, np.nan),
        blocks=np.arange(count),
        blocks_are="rows",
        groups=_groups(questions),
        champion=None if serving is None else first[id(serving)],
        spending=spending,
        needs_baseline=needs_baseline,
    )


def _first(scored: Scored, count: int) -> Scored:
    outcomes = None if scored.outcomes is None else scored.outcomes[:count]
    return Scored(scored.name, scored.scores[:count], scored.decision, scored.digest, outcomes=outcomes)


def _ask(state: GenerativeState, name: str, pipeline: Pipeline, most: int | None) -> Asked:
    return ask(
        pipeline,
        files_of(state),
        questions_of(state, pipeline.knowledge_base, "test", most),
        at=microseconds(state.as_of),
        progress=state.memory.progress(name),
    )


def _champion(state: GenerativeState, champion: Package, most: int) -> Scored:
    """The version in service, on its own index."""
    manifest = champion.manifest
    pipeline = pipeline_of(champion.form)
    asked = _ask(state, f"version in service ({manifest.candidate})", pipeline, most)
    name = f"version in service ({manifest.candidate})"
    return Scored(name, asked.scores, manifest.decision, champion.digest, outcomes=asked.outcomes)


def _groups(questions: Sequence[AskedQuestion]) -> Mapping[str, list[str]]:
    """By what results are shown, and guardrails may look: where there is more than one of it."""
    columns = {
        "kind": [each.kind for each in questions],
        "language": [each.language for each in questions],
        "answerable": ["yes" if each.answerable else "no" for each in questions],
    }
    return {name: values for name, values in columns.items() if len(set(values)) > 1}
