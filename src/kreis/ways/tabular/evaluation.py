"""Evaluation: the best candidate against baselines and champion on untouched rows, judged by the goal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from kreis.arrays import Codes, Floats
from kreis.deployment.packages import Package
from kreis.evaluation.blocks import as_blocks, climate_of
from kreis.evaluation.evaluate import evaluate, subject_of
from kreis.evaluation.examinations.examination import FeatureRows, Subject
from kreis.evaluation.looks import JudgedRows, Look, rows_tested
from kreis.evaluation.scored import Scored
from kreis.evaluation.slices import group_codes
from kreis.evaluation.spending import Spending
from kreis.loop.verdicts import Verdict
from kreis.models.answer_parts.part import group_text
from kreis.models.scoring import Matrix, Scorer, Texts
from kreis.preparation.spine import teaches
from kreis.project import Project
from kreis.tasks.metrics.coming import Coming
from kreis.tasks.task import Task
from kreis.training.data import TrainingData
from kreis.training.preprocessing import fit_candidate
from kreis.training.splits.split import Split
from kreis.training.train import TrainedCandidate
from kreis.ways.judging import Judging, Looked, judge
from kreis.ways.tabular.rows import (
    columns_to_judge_by,
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

__all__ = ["Scoring", "asked_of", "perform"]

_DAY = 86_400_000_000
_FEW = 12
"""A key column with at most so many values is sliced by."""


def perform(state: TabularState) -> Verdict:
    """Judge the candidate that did best on the validation part. The test rows choose nothing."""
    project, spine = state.project, spine_of(state)
    parameters = {
        "goal": project.goal.to_document(),
        "split": project.split_declaration.parameters(),
        "outcome_within": spine.outcome_within,
        "as_of": state.moment,
    } | ({"judge_by": list(spine.judge_by)} if spine.judge_by else {})
    return judge(
        state,
        Judging(
            parameters=parameters,
            inputs={"rows": _rows_read(state)},
            holds_out=project.split_declaration.holds_out,
            days_tested=project.split_declaration.days_tested,
            decides_alike=partial(_decides_alike, project),
            refreshes=lambda package, trained: False,  # newer data come to the version in service by themselves
            tested=lambda candidate: _tested(state),
            lasting=lambda trained: None,
            look=partial(_look, state),
        ),
    )


def _decides_alike(project: Project, package: Package, trained: TrainedCandidate) -> bool:
    """Whether a candidate decides by the very bytes, features and rule of a package."""
    manifest = package.manifest
    return (package.form, manifest.features, manifest.decision) == (
        trained.form,
        list(trained.features),
        trained.decision,
    ) and (manifest.views, manifest.request_views) == used_views(project, trained.features)


def _rows_read(state: TabularState) -> list[str]:
    """Fingerprints of all that an evaluation may read: features, and the tables that a champion's own are made of."""
    tables = [state.tables[name].output for name in state.project.tables]
    return [each.fingerprint for each in (*tables, *(step.output for step in state.features.values()))]


def asked_of(state: TabularState, candidate: str) -> Subject:
    """A candidate on the rows that judge, for what else a person asks of it."""
    return _on_test_rows(state, candidate, None).subject


def _tested(state: TabularState) -> JudgedRows:
    """The rows that judge, by name, time and outcome."""
    rows = rows_with(state, pl.DataFrame())
    parts = split_rows(state, rows)
    tested = np.unique(parts.judging)
    test = rows.take(tested)
    return rows_tested(_ids(state)[tested], test.time, test.outcomes, until=parts.test_end)


def _look(
    state: TabularState, challenger: str, champion: Package | None, spending: Spending | None, look: Look
) -> Looked:
    """What is to be said of each candidate. Only the challenger's decides: the others were not chosen,
    and are judged on the test rows after the choice, to be shown beside it.
    """
    seen = _on_test_rows(state, challenger, champion)
    reports = {
        name: evaluate(
            seen.scored[name],
            [seen.scored[each] for each in seen.baselines if each != name],
            state.project.goal,
            **seen.judged_on,
            champion=seen.serving if name == challenger else None,
            spending=spending if name == challenger else None,
            look=look if name == challenger else None,
            needs_baseline=name == challenger or name not in seen.baselines,
        )
        for name in seen.scored
    }
    return Looked(reports=reports, subject=seen.subject)


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """Models on the rows that judge."""

    scored: dict[str, Scored]
    """The candidates, by name."""
    serving: Scored | None
    """The version in service, if it is compared with."""
    baselines: list[str]
    judged_on: dict[str, Any]
    """What is known of the rows."""
    subject: Subject
    """The challenger."""


def _on_test_rows(state: TabularState, challenger: str, champion: Package | None) -> _Seen:
    project = state.project
    used = {name: declared.uses(project.feature_names) for name, declared in project.candidates.items()}
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
    judges = [trained[each] for each in state.chosen_in_folds] if parts.folds else [trained[challenger]]
    if parts.folds:
        scored[challenger] = score.of(challenger, judges, trained[challenger])
    serving = None if champion is None else _in_service(state, champion, score, parts)
    groups, validation_groups = _groups(state, tested, parts.validation)
    split = project.split_declaration
    climate = climate_of(rows.outcomes, split.blocks(rows.time, None)) if split.blocks_are == "days" else None
    baselines = [name for name, declared in project.candidates.items() if declared.baseline]
    judged_on: dict[str, Any] = {
        "outcomes": test.outcomes,
        "blocks": as_blocks(split.blocks(rows.time, rows.labels)[tested]),
        "blocks_are": split.blocks_are,
        "repeats": len(tested) // len(rows) if parts.folds else 1,
        "climate": climate,
        "spans": spans_of(state, test),
        "coming": _coming(state, test, parts),
        "groups": {name: group_codes(column) for name, column in groups.items()},
        "reference": scored[baselines[0]] if baselines else None,
    }
    chosen = trained[challenger]
    behind = FeatureRows(
        trained=chosen,
        scorer=chosen.scorer(threads=2),
        data=rows.select(chosen.features),
        split=parts,
        rescore=partial(score.changed, chosen),
        refit=partial(_refit, state, challenger, chosen),
        ids=partial(_ids, state),
        entity_of=partial(_entity_of, state),
        column=lambda name: [group_text(each) for each in _column(state, name).to_list()],
        validation_groups=validation_groups,
    )
    by = dict.fromkeys([*columns_to_judge_by(project), *_by_of_guardrails(project)])
    known = {"judge_by": list(by), "outcome_column": spine_of(state).outcome or "", **judged_on}
    subject = subject_of(scored[challenger], project.goal, features=behind, **known)
    return _Seen(scored=scored, serving=serving, baselines=baselines, judged_on=judged_on, subject=subject)


def _in_service(state: TabularState, champion: Package, score: Scoring, parts: Split) -> Scored:
    manifest = champion.manifest
    own = rows_with(state, packaged_features(state, manifest), texts=manifest.text_fields).take(parts.judging)
    name = f"version in service ({manifest.candidate})"
    answers = score.by(champion.scorer(), own.matrix, own.texts)
    return Scored(name, answers, manifest.decision, champion.digest, groups=score.test.groups)


def _refit(state: TabularState, name: str, chosen: TrainedCandidate, rows: TrainingData) -> Scorer:
    """Fit a candidate on other rows, with the parameters that its search found."""
    declared, settings = state.project.candidates[name], state.workspace.settings.training
    tried = [each for each in chosen.training.get("trials", ()) if each["loss"] is not None]
    found = min(tried, key=lambda each: float(each["loss"]))["parameters"] if tried else {}
    fitted = fit_candidate(
        declared.candidate.with_parameters(**found),
        rows,
        state.project.goal.task,
        seed=settings.seed,
        threads=settings.threads,
        preprocessing=declared.preprocessing,
    )
    return fitted.scorer(threads=settings.threads)


def _ids(state: TabularState) -> npt.NDArray[np.object_]:
    """The names of the rows that teach or judge."""
    return _column(state, spine_of(state).id).cast(pl.String).to_numpy()


def _entity_of(state: TabularState, feature: str) -> Codes | None:
    """To which entity each of these rows belongs, as codes, where a feature is one of an entity."""
    view = next((each for each in state.project.views.values() if feature in each.feature_names), None)
    if view is None:
        return None
    return (_column(state, view.entity).cast(pl.String).fill_null("").rank("dense") - 1).cast(pl.Int64).to_numpy()


def _column(state: TabularState, name: str) -> pl.Series:
    """A column of the spine, of the rows that teach or judge."""
    spine = spine_of(state)
    frame = read_spine(state, name, spine.time, spine.outcome)
    return frame.filter(teaches(spine, state.project.goal.task, state.as_of))[name]


def _coming(state: TabularState, test: TrainingData, parts: Split) -> Coming | None:
    """How fast rows come that judge; None of rows without a clock."""
    if spine_of(state).timeless:
        return None
    in_time = parts.test_start is not None and parts.test_end is not None
    first, last = int(test.time.min()), int(test.time.max())
    span = (parts.test_end or 0) - (parts.test_start or 0) if in_time else last - first
    return Coming(since=state.as_of.date(), days=max(span / _DAY, 1.0), in_time=in_time)


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
            return Scored(name, self.changed(decides), decides.decision, groups=self.test.groups)
        folds = [
            (len(fold.test), trained.folds[number].decision)
            for number, (fold, trained) in enumerate(zip(self.parts.folds, by_fold, strict=True))
        ]
        scores = self._in_folds(by_fold, None, None)
        return Scored(name, scores, decides.decision, folds=folds, groups=self.test.groups)

    def changed(self, trained: TrainedCandidate, matrix: Matrix | None = None, texts: Texts | None = None) -> Floats:
        """A candidate's scores of the rows with changed features of its own, shape (n, f); as they are if not given."""
        if self.parts.folds:
            return self._in_folds([trained] * len(self.parts.folds), matrix, texts)
        return self._of(trained, trained.scorer(threads=2), slice(None), matrix, texts)

    def _in_folds(self, by_fold: Sequence[TrainedCandidate], matrix: Matrix | None, texts: Texts | None) -> Floats:
        scores, begin = [], 0
        for number, (fold, trained) in enumerate(zip(self.parts.folds, by_fold, strict=True)):
            rows = slice(begin, begin + len(fold.test))
            scorer = trained.folds[number].form.scorer(trained.features, threads=2)
            scores.append(self._of(trained, scorer, rows, matrix, texts))
            begin += len(fold.test)
        return np.concatenate(scores)

    def _of(
        self, trained: TrainedCandidate, scorer: Scorer, rows: slice, matrix: Matrix | None, texts: Texts | None
    ) -> Floats:
        if matrix is None:
            matrix = self.test.matrix[:, [self.columns[each] for each in trained.features]]
            texts = self.test.texts_of(trained.features)
        return self.by(scorer, matrix[rows], None if texts is None else texts[rows])


def _by_of_guardrails(project: Project) -> list[str]:
    return [each.by for each in project.goal.guardrails if each.by]


def _groups(
    state: TabularState, tested: npt.NDArray[np.intp], others: npt.NDArray[np.intp]
) -> tuple[dict[str, npt.NDArray[Any]], dict[str, npt.NDArray[Any]]]:
    """Columns of the test rows by which guardrails and slices look; the same of other rows."""
    spine = spine_of(state)
    asked = {*spine.judge_by, *columns_to_judge_by(state.project), *_by_of_guardrails(state.project)}
    form = state.project.goal.task.outcome
    frame = read_spine(state, spine.time, spine.outcome, *spine.keys, *asked)
    frame = frame.filter(teaches(spine, state.project.goal.task, state.as_of))
    frame, count = frame[np.concatenate([tested, others])], len(tested)
    parted = (spine.outcome,) if form.parted else ()
    few = {name for name in (*spine.keys, *parted) if frame[name][:count].n_unique() <= _FEW}
    found: dict[str, npt.NDArray[Any]] = {
        name: _as_groups(frame[name], count).fill_null("missing").to_numpy() for name in sorted(asked | few)
    }
    if form.parted and spine.outcome in found:
        found[spine.outcome] = np.array([form.said(each) for each in frame[spine.outcome]])
    return {name: each[:count] for name, each in found.items()}, {name: each[count:] for name, each in found.items()}


def _as_groups(column: pl.Series, count: int) -> pl.Series:
    """A column's values as texts; of many numbers the quarter of the first `count` rows in which each lies."""
    first = column[:count]
    if not column.dtype.is_numeric() or first.n_unique() <= _FEW:
        return column.cast(pl.String)
    edges = sorted({float(first.quantile(share, "lower") or 0.0) for share in (0.25, 0.5, 0.75)})
    bounds = [f"up to {edges[0]:g}", *(f"{low:g} to {high:g}" for low, high in pairwise(edges)), f"over {edges[-1]:g}"]
    return column.cut(edges, labels=bounds).cast(pl.String)
