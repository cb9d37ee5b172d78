"""Evaluation: the best candidate against baselines and champion on untouched rows, judged by the goal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from kreis.arrays import Floats
from kreis.deployment.packages import Package
from kreis.deployment.releases import champion_of
from kreis.digests import digest_of_document
from kreis.disciplines import Discipline
from kreis.evaluation.blocks import climate_of
from kreis.evaluation.evaluate import EvaluationReport, evaluate
from kreis.evaluation.scored import Scored
from kreis.evaluation.spending import Spending, spend
from kreis.ledger import models, releases, runs, steps
from kreis.ledger.records import Route
from kreis.loop.steps import StepResult
from kreis.loop.verdicts import Advance, SendBack, Verdict
from kreis.models.scoring import Scorer, Texts
from kreis.preparation.spine import teaches
from kreis.project import Project
from kreis.tasks.task import Task
from kreis.texts import amount
from kreis.training.data import TrainingData
from kreis.training.splits.split import Split
from kreis.training.train import TrainedCandidate
from kreis.ways.tabular.results import Judged, Spent
from kreis.ways.tabular.rows import (
    features_of,
    packaged_features,
    read_rows,
    read_spine,
    rows_with,
    spans_of,
    spine_of,
    split_rows,
    used_views,
)
from kreis.ways.tabular.state import TabularState

__all__ = ["Scoring", "perform"]

_SPENT = "error spent"
_DAY = 86_400
_FEW = 12
"""A key column with at most so many values is sliced by."""


def perform(state: TabularState) -> Verdict:
    """Judge the candidate that did best on the validation part. The test rows choose nothing."""
    choice = state.choice
    challenger = choice.candidate
    step = _evaluate(state, challenger)
    state.evaluation = step
    report = step.output.report
    headlines = list(state.project.goal.task.headlines)
    detail = {"candidate": challenger, "outcome": report.outcome, "headlines": headlines}
    detail |= {"choice": choice.said} if choice.said else {}
    if report.outcome != "pass":
        to: Discipline = "training" if report.outcome == "fail" else "collection"
        return SendBack(to=to, reason="; ".join(report.refusals), detail=detail)
    value, task = report.value, state.project.goal.task
    headline = ", ".join(each.format(report.challenger.metrics[name].value) for name, each in task.headlines.items())
    counted = "" if report.rarer is None else f", {report.rarer:,} {report.rarer_are}"
    return Advance(
        summary=f"{challenger}: {amount(value.value)} {report.unit} ({amount(value.low)} to {amount(value.high)}),"
        f" {headline}, {len(report.gates)} gates passed on"
        f" {report.judged_on}{counted}{'; ' + choice.said if choice.said else ''}",
        detail={**detail, "warnings": [*task.doubts(report.challenger.metrics, challenger), *_not_compared(state)]},
    )


def _not_compared(state: TabularState) -> list[str]:
    if state.project.split_declaration.holds_out or not _live(state):
        return []
    canary = len(state.project.release_declaration.canary.steps) > 1
    how = "only its canary compares the two" if canary else "and no canary is declared: nothing compares the two"
    return [f"the version in service has learned from the rows that judge here; {how}"]


def _live(state: TabularState) -> list[Route]:
    with state.workspace.ledger.read() as connection:
        current = releases.current_release(connection, state.project.name)
    return [] if current is None else [route for route in current.routes if route.mode == "live"]


def _same_model(state: TabularState, candidate: str) -> str | None:
    """Digest of the live model that decides by the very same bytes as a candidate, if one does."""
    trained = state.candidates[candidate].output.opened(state.workspace.artifacts)
    live = (route.model for route in _live(state))
    opened = state.workspace.open_model
    return next((digest for digest in live if _is(opened(digest), trained, state.project)), None)


def _is(package: Package, trained: TrainedCandidate, project: Project) -> bool:
    """Whether a candidate decides by the very bytes, features and rule of a package."""
    manifest = package.manifest
    return (package.form, manifest.features, manifest.decision) == (
        trained.form,
        list(trained.features),
        trained.decision,
    ) and (manifest.views, manifest.request_views) == used_views(project, trained.features)


def _judged_when_released(state: TabularState, digest: str) -> tuple[str | None, Spending | None]:
    """Which model a live one had to beat to get there, and at which level."""
    with state.workspace.ledger.read() as connection:
        last = models.latest_evaluation(connection, digest)
        step = None if last is None else steps.find_step(connection, last.metrics.get("step", ""))
    judged = None if step is None else Judged.from_document(step.outputs)
    if judged is None or judged.champion is None:
        return None, None
    difference = judged.report.differences["champion"]
    return judged.champion, Spending(days=0.0, level=difference.level, why="as when it was released")


def _evaluate(state: TabularState, challenger: str) -> StepResult[Judged]:
    """Judge it against the champion or, where it is live itself already, against the one that it had to beat to get
    there, at the same level: a run that is repeated or resumed after its release concludes the same.
    """
    project = state.project
    inputs: dict[str, Any] = {
        name: digest_of_document({key: value for key, value in step.document.items() if key != "training"})
        for name, step in state.candidates.items()
    } | {"rows": _rows_read(state)}
    parameters = {
        "goal": project.goal.to_document(),
        "split": project.split_declaration.parameters(),
        "outcome_within": spine_of(state).outcome_within,
        "as_of": state.moment,
    } | ({"judge_by": list(spine_of(state).judge_by)} if spine_of(state).judge_by else {})
    same = _same_model(state, challenger)
    if same is not None:
        against, spending = _judged_when_released(state, same)
        comparison = [challenger, against, parameters, inputs]
        if against is not None and _is_spent(state, comparison):  # by the run that this one resumes
            spending = _spend(state, comparison)
    else:
        with state.workspace.ledger.read() as connection:
            current = releases.current_release(connection, project.name)
        against = None if current is None or not project.split_declaration.holds_out else champion_of(current)
        spending = None if against is None else _spend(state, [challenger, against, parameters, inputs])
    champion = None if against is None else state.workspace.open_model(against)

    def compute(key: str) -> Judged:
        reports = _reports(state, challenger, champion, spending)
        report = msgspec.structs.replace(reports.pop(challenger), choice=state.choice.said)
        return Judged(candidate=challenger, champion=against, report=report, others=reports)

    return state.memory.step(
        "evaluation",
        challenger,
        parameters={**parameters, "champion": against, "level": None if spending is None else spending.level},
        inputs=inputs,
        result=Judged,
        compute=compute,
    )


def _spend(state: TabularState, comparison: list[Any]) -> Spending:
    """The level of a comparison with the champion, from what passed and was spent on record; repeated, it is the same.

    The time that counts is that of the runs: from the one whose model was released first to this one.
    """
    project, identity = state.project, digest_of_document(comparison)

    def compute(key: str) -> Spent:
        with state.workspace.ledger.read() as connection:
            first = releases.list_releases(connection, project.name)[-1]
            since = first.at if first.run is None else runs.get_run(connection, first.run).as_of
            earlier = {each.comparison: each for each in _spent(connection, project.name)}
        if identity in earlier:
            return earlier[identity]
        passed = (state.as_of - since).total_seconds() / _DAY
        spending = spend(
            passed - sum(each.days for each in earlier.values()),
            yearly=project.goal.replaced_in_vain,
            at_most=project.split_declaration.days_tested,
        )
        if not spending.days and (fixed := state.workspace.settings.clock.as_of):
            why = f"kreis.toml fixes as_of = {fixed!r}, so no new days pass and no later comparison can pass: remove it"
            spending = spending._replace(why=f"{why}, or set a later day")
        return Spent(project=project.name, comparison=identity, **spending._asdict())

    inputs = {"comparison": identity}
    step = state.memory.step("deployment", _SPENT, parameters={}, inputs=inputs, result=Spent, compute=compute)
    return step.output.spending


def _is_spent(state: TabularState, comparison: list[Any]) -> bool:
    identity = digest_of_document(comparison)
    with state.workspace.ledger.read() as connection:
        return any(each.comparison == identity for each in _spent(connection, state.project.name))


def _spent(connection: Any, project: str) -> list[Spent]:
    found = [Spent.from_document(each.outputs) for each in steps.steps_called(connection, "deployment", _SPENT)]
    return [each for each in found if each.project == project]


def _rows_read(state: TabularState) -> list[str]:
    """Fingerprints of all that an evaluation may read: features, and the tables that a champion's own are made of."""
    tables = [state.tables[name].output for name in state.project.tables]
    return [each.fingerprint for each in (*tables, *(step.output for step in state.features.values()))]


def _reports(
    state: TabularState, challenger: str, champion: Package | None, spending: Spending | None
) -> dict[str, EvaluationReport]:
    """What is to be said of each candidate. Only the challenger's decides: the others were not chosen,
    and are judged on the test rows after the choice, to be shown beside it.
    """
    project = state.project
    used = {name: features_of(state, declared) for name, declared in project.candidates.items()}
    wanted = set().union(*used.values())
    features = [name for name in project.feature_names if name in wanted]
    rows = read_rows(state, features)
    parts = split_rows(state, rows)
    tested = parts.judging
    test = rows.take(tested)
    columns = {name: place for place, name in enumerate(features)}
    artifacts = state.workspace.artifacts
    trained = {name: state.candidates[name].output.opened(artifacts) for name in project.candidates}
    score = Scoring(project.goal.task, test, columns, parts)
    scored = {name: score.of(name, [each] * max(len(parts.folds), 1), each) for name, each in trained.items()}
    if parts.folds:
        scored[challenger] = score.of(
            challenger, [trained[each] for each in state.chosen_in_folds], trained[challenger]
        )
    serving = None
    if champion is not None:
        manifest = champion.manifest
        own = rows_with(state, packaged_features(state, manifest), texts=manifest.text_fields).take(tested)
        name = f"version in service ({manifest.candidate})"
        answers = score.by(champion.scorer(), own.matrix, own.texts)
        serving = Scored(name, answers, manifest.decision, champion.digest, groups=test.groups)
    groups = _groups(state, tested)
    split = project.split_declaration
    climate = climate_of(rows.outcomes, split.blocks(rows.time, None)) if split.blocks_are == "days" else None
    baselines = [name for name, declared in project.candidates.items() if declared.baseline]
    return {
        name: evaluate(
            scored[name],
            [scored[each] for each in baselines if each != name],
            project.goal,
            outcomes=test.outcomes,
            blocks=split.blocks(rows.time, rows.labels)[tested],
            blocks_are=split.blocks_are,
            repeats=len(tested) // len(rows) if parts.folds else 1,
            climate=climate,
            spans=spans_of(state, test),
            groups=groups,
            champion=serving if name == challenger else None,
            reference=scored[baselines[0]] if baselines else None,
            spending=spending if name == challenger else None,
            needs_baseline=name == challenger or name not in baselines,
        )
        for name in scored
    }


@dataclass(frozen=True)
class Scoring:
    """Scores the rows that judge; in a cross-validation each fold's by what was learned in that fold."""

    task: Task
    test: TrainingData
    columns: Mapping[str, int]
    """The places of the features."""
    parts: Split

    def by(self, scorer: Scorer, matrix: npt.NDArray[np.float32], texts: Texts | None) -> Floats:
        """By one model."""
        return self.task.answers(scorer.score(np.ascontiguousarray(matrix), texts))

    def of(self, name: str, by_fold: Sequence[TrainedCandidate], decides: TrainedCandidate) -> Scored:
        """A candidate's scores.

        Args:
            name: Its name.
            by_fold: What is scored by in each fold; where there are no folds, the one candidate.
            decides: The candidate whose decision is shown.
        """
        if not self.parts.folds:
            answers = self._of(decides, decides.scorer(threads=2), slice(None))
            return Scored(name, answers, decides.decision, groups=self.test.groups)
        scores, folds, begin = [], [], 0
        for number, (fold, trained) in enumerate(zip(self.parts.folds, by_fold, strict=True)):
            model, rows = trained.folds[number], slice(begin, begin + len(fold.test))
            scores.append(self._of(trained, model.form.scorer(trained.features, threads=2), rows))
            folds.append((len(fold.test), model.decision))
            begin += len(fold.test)
        return Scored(name, np.concatenate(scores), decides.decision, folds=folds, groups=self.test.groups)

    def _of(self, trained: TrainedCandidate, scorer: Scorer, rows: slice) -> Floats:
        matrix = self.test.matrix[rows][:, [self.columns[each] for each in trained.features]]
        texts = self.test.texts_of(trained.features)
        return self.by(scorer, matrix, None if texts is None else texts[rows])


def _groups(state: TabularState, tested: npt.NDArray[np.intp]) -> dict[str, npt.ArrayLike]:
    """Columns of the test rows by which guardrails and slices look."""
    spine = spine_of(state)
    asked = {guardrail.by for guardrail in state.project.goal.guardrails if guardrail.by}
    asked |= set(spine.judge_by)
    form = state.project.goal.task.outcome
    frame = read_spine(state, spine.time, spine.outcome, *spine.keys, *asked)
    frame = frame.filter(teaches(spine, state.project.goal.task, state.as_of))[tested]
    parted = (spine.outcome,) if form.parted else ()
    few = {name for name in (*spine.keys, *parted) if frame[name].n_unique() <= _FEW}
    found: dict[str, npt.ArrayLike] = {
        name: _as_groups(frame[name]).fill_null("missing").to_numpy() for name in sorted(asked | few)
    }
    if form.parted and spine.outcome in found:
        found[spine.outcome] = np.array([form.said(each) for each in frame[spine.outcome]])
    return found


def _as_groups(column: pl.Series) -> pl.Series:
    """A column's values as texts; of many numbers the quarter in which each lies."""
    if not column.dtype.is_numeric() or column.n_unique() <= _FEW:
        return column.cast(pl.String)
    edges = sorted({float(column.quantile(share, "lower") or 0.0) for share in (0.25, 0.5, 0.75)})
    bounds = [f"up to {edges[0]:g}", *(f"{low:g} to {high:g}" for low, high in pairwise(edges)), f"over {edges[-1]:g}"]
    return column.cut(edges, labels=bounds).cast(pl.String)
