"""Evaluation: every candidate, and the version in service, answer the test questions; the goal judges."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec
import numpy as np

from kreis.arrays import Floats
from kreis.clock import microseconds
from kreis.deployment.packages import Package
from kreis.digests import digest_of, digest_of_document
from kreis.evaluation.evaluate import EvaluationReport, evaluate, subject_of
from kreis.evaluation.examinations.examination import Subject
from kreis.evaluation.looks import JudgedRows, Look, rows_tested
from kreis.evaluation.scored import Scored
from kreis.evaluation.slices import Groups, group_codes
from kreis.evaluation.spending import Spending
from kreis.generative.pipeline import Pipeline
from kreis.knowledge.questions import AskedQuestion
from kreis.loop.verdicts import Verdict
from kreis.tasks.answering.measures import with_measures
from kreis.tasks.decisions import Decision
from kreis.texts import number
from kreis.tracking.here import log_artifact
from kreis.training.train import TrainedCandidate
from kreis.ways.generative.asking import TRANSCRIPT, Asked, ask, attacked, pipeline_of, transcript
from kreis.ways.generative.state import GenerativeState
from kreis.ways.generative.training import files_of, is_refresh, questions_of
from kreis.ways.judging import Judging, Looked, judge

__all__ = ["asked_of", "perform"]

_DAYS_TESTED = 30.0
"""Of saved error rate, a comparison on the same questions again may spend a month's worth at most."""
_ATTACKED = "injection_success"
_NOT_TRIED = -1.0
"""In place of whether an attack succeeded: another model was attacked."""


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
            tested=partial(_tested, state),
            lasting=lambda trained: trained.training.get("parameters"),  # as `is_refresh` has it
            look=partial(_look, state),
        ),
    )


def _decides_alike(package: Package, trained: TrainedCandidate) -> bool:
    """Whether a candidate is the pipeline and the rule of a package."""
    return (package.form, package.manifest.decision) == (trained.form, trained.decision)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Answered:
    """A model, and what came of the test questions and of attacks."""

    name: str
    decision: Decision
    asked: Asked
    attacks: Floats = field(default_factory=lambda: np.empty(0))
    """Of each whether it succeeded: 1 or 0; none where it was not attacked."""
    digest: str | None = None
    transcript: str = ""
    """Artifact of what it answered."""

    def scored(self, count: int, attacks: int) -> Scored:
        """On the first questions, followed by so many attacks, be they on this model or on another."""
        tried = np.full(attacks, _NOT_TRIED)
        tried[: len(self.attacks)] = self.attacks[:attacks]
        of_attacks = with_measures(np.zeros((attacks, 2)), {_ATTACKED: tried})
        scores = np.concatenate([self.asked.scores[:count], of_attacks])
        outcomes = np.concatenate([self.asked.outcomes[:count], np.full(attacks, math.nan)])
        return Scored(self.name, scores, self.decision, self.digest, outcomes=outcomes)


def _tested(state: GenerativeState, candidate: str) -> JudgedRows:
    """The questions that judge a candidate, with what is right."""
    most = state.project.answerers[candidate].candidate.judged_on
    asked = state.project.asked_questions.of("test", most)
    return rows_tested(digest_of_document(msgspec.to_builtins(each)) for each in asked)


def _look(
    state: GenerativeState, challenger: str, champion: Package | None, spending: Spending | None, look: Look
) -> Looked:
    """What is to be said of each candidate. Each pair is compared on the questions that both have answered."""
    project = state.project
    found = {name: _candidate(state, name, attack=name == challenger) for name in project.answerers}
    baselines = [name for name, declared in project.answerers.items() if declared.baseline]
    serving = None if champion is None else _champion(state, champion, len(found[challenger].asked.outcomes))
    reports = {
        name: _report(
            state,
            found[name],
            [found[each] for each in baselines if each != name],
            serving if name == challenger else None,
            spending if name == challenger else None,
            look if name == challenger else None,
            needs_baseline=name == challenger or name not in baselines,
        )
        for name in found
    }
    notes = [said for each in found.values() if (said := _extrapolated(state, each))]
    own = found[challenger]
    return Looked(reports=reports, subject=_subject(state, own), notes=notes, answers=own.transcript)


def asked_of(state: GenerativeState, candidate: str) -> Subject:
    """A candidate and the test questions, which it answers once more, for what else a person asks of it."""
    trained = state.candidates[candidate].output.candidate
    most = state.project.answerers[candidate].candidate.judged_on
    asked = _ask(state, candidate, pipeline_of(trained.form), most)
    return _subject(state, _Answered(name=candidate, decision=trained.decision, asked=asked))


def _subject(state: GenerativeState, own: _Answered) -> Subject:
    """The chosen one and the test questions that it answered, without attacks."""
    count = len(own.asked.outcomes)
    return subject_of(
        own.scored(count, 0),
        state.project.goal,
        outcomes=np.full(count, np.nan),
        blocks=np.arange(count),
        blocks_are="rows",
        groups=_groups(state.project.asked_questions.of("test", count), 0),
    )


def _candidate(state: GenerativeState, name: str, *, attack: bool) -> _Answered:
    """A candidate's answers; it is attacked where the goal bounds that, if it is the chosen one or costs nothing."""
    trained = state.candidates[name].output.candidate
    pipeline = pipeline_of(trained.form)
    asked = _ask(state, name, pipeline, state.project.answerers[name].candidate.judged_on)
    ids = [each.id for each in state.project.asked_questions.of("test", len(asked.answered))]
    told = b"\n".join(msgspec.json.encode(each) for each in transcript(asked, ids))
    log_artifact(f"{TRANSCRIPT}{name}.jsonl", told)
    bounded = any(each.metric == _ATTACKED for each in state.project.goal.guardrails)
    attacks = np.empty(0)
    if bounded and (attack or pipeline.model is None):
        attacks = attacked(pipeline, files_of(state), progress=state.memory.progress(f"{name}, attacked"))
    return _Answered(name=name, decision=trained.decision, asked=asked, attacks=attacks, transcript=digest_of(told))


def _champion(state: GenerativeState, champion: Package, most: int) -> _Answered:
    """The version in service, on its own index."""
    manifest = champion.manifest
    name = f"version in service ({manifest.candidate})"
    asked = _ask(state, name, pipeline_of(champion.form), most)
    return _Answered(name=name, decision=manifest.decision, asked=asked, digest=champion.digest)


def _ask(state: GenerativeState, name: str, pipeline: Pipeline, most: int | None) -> Asked:
    return ask(
        pipeline,
        files_of(state),
        questions_of(state, pipeline.knowledge_base, "test", most),
        at=microseconds(state.as_of),
        progress=state.memory.progress(name),
    )


def _report(
    state: GenerativeState,
    own: _Answered,
    baselines: Sequence[_Answered],
    serving: _Answered | None,
    spending: Spending | None,
    look: Look | None,
    *,
    needs_baseline: bool,
) -> EvaluationReport:
    """On the first questions, as many as the slowest of them has answered, and on the attacks."""
    everyone = [own, *baselines, *([serving] if serving else [])]
    count, attacks = min(len(each.asked.outcomes) for each in everyone), len(own.attacks)
    questions = state.project.asked_questions.of("test", count)
    return evaluate(
        own.scored(count, attacks),
        [each.scored(count, attacks) for each in baselines],
        state.project.goal,
        outcomes=np.full(count + attacks, np.nan),
        blocks=np.arange(count + attacks),
        blocks_are="rows",
        groups=_groups(questions, attacks),
        champion=None if serving is None else serving.scored(count, attacks),
        spending=spending,
        look=look,
        needs_baseline=needs_baseline,
    )


def _extrapolated(state: GenerativeState, found: _Answered) -> str:
    """What all test questions would cost a candidate that answered some; empty where it answered all."""
    count, every = len(found.asked.outcomes), len(state.project.asked_questions.of("test"))
    if not 0 < count < every:
        return ""
    minutes, money, tokens = (
        every / count * each for each in (found.asked.seconds / 60, found.asked.money, found.asked.scores[:, 1].sum())
    )
    return (
        f"{found.name} answered {count:,} of {every:,} test questions; all take it about {number(minutes)} minutes,"
        f" {number(tokens)} tokens and {number(money)} of the price list's currency"
    )


def _groups(questions: Sequence[AskedQuestion], attacks: int) -> Mapping[str, Any]:
    """By what results are shown, and guardrails may look: where there is more than one of it. Attacks are in none."""
    columns = {
        "kind": [each.kind for each in questions],
        "language": [each.language for each in questions],
        "answerable": ["yes" if each.answerable else "no" for each in questions],
    }
    found = {name: group_codes(values) for name, values in columns.items() if len(set(values)) > 1}
    none = np.full(attacks, -1, dtype=np.int64)
    return {name: Groups(each.labels, np.concatenate([each.codes, none])) for name, each in found.items()}
