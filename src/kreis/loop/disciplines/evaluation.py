"""Evaluation: the best candidate against baselines and champion on untouched rows, judged by the goal."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from kreis.deployment.packages import Package, open_package
from kreis.digests import digest_of_document
from kreis.errors import ProjectError
from kreis.evaluation.evaluate import EvaluationReport, evaluate
from kreis.evaluation.scored import Scored
from kreis.ledger import models, releases, steps
from kreis.ledger.records import Route
from kreis.loop.disciplines.preparation import packaged_features, read_spine, spine_of, used_views
from kreis.loop.disciplines.training import features_of, read_rows, rows_with, split_rows, trained_of
from kreis.loop.state import Circle
from kreis.loop.steps import StepResult
from kreis.loop.verdicts import Advance, SendBack, Verdict
from kreis.preparation.spine import teaches
from kreis.project import Project
from kreis.training.scoring import OnnxScorer, RuleScorer, Scorer
from kreis.training.train import TrainedCandidate

__all__ = ["champion_of", "perform", "scorer_of"]

_FEW = 12
"""A key column with at most so many values is sliced by."""


def perform(circle: Circle) -> Verdict:
    """Judge the candidate that did best on the validation tail. The test rows choose nothing."""
    challenger = _challenger(circle)
    step = _evaluate(circle, challenger, _opponent_of(circle, challenger))
    circle.evaluation = step
    report = EvaluationReport.from_document(step.outputs["report"])
    if not report.passed:
        return SendBack(to="training", reason="; ".join(report.refusals), detail={"candidate": challenger})
    value, auc = report.value, report.challenger.metrics["auc"]
    return Advance(
        summary=f"{challenger}: {value.value:,.0f} {report.unit} ({value.low:,.0f} to {value.high:,.0f}),"
        f" AUC {auc.value:.3f}, {len(report.gates)} gates passed on {report.rows:,} rows of {report.days} days",
        detail={"candidate": challenger},
    )


def champion_of(circle: Circle) -> Package | None:
    """The model that answers the largest share of the traffic, opened and verified; None before a release."""
    live = _live(circle)
    return _open(circle, max(live, key=lambda route: route.share).model) if live else None


def _live(circle: Circle) -> list[Route]:
    with circle.workspace.ledger.read() as connection:
        current = releases.current_release(connection, circle.project.name)
    return [] if current is None else [route for route in current.routes if route.mode == "live"]


def _open(circle: Circle, digest: str) -> Package:
    workspace = circle.workspace
    with workspace.ledger.read() as connection:
        model = models.get_model(connection, digest)
    return open_package(digest, model.signature, workspace.artifacts, workspace.keys.trusted())


def _opponent_of(circle: Circle, challenger: str) -> Package | None:
    """The model that a candidate has to beat: the champion or, where the candidate is live itself already, the one
    that it had to beat to get there. So a run that is repeated or resumed after its release concludes the same.
    """
    for route in _live(circle):
        if _is(_open(circle, route.model), trained_of(circle, challenger), circle.project):
            judged_against = _opponent_on_record(circle, route.model)
            return None if judged_against is None else _open(circle, judged_against)
    return champion_of(circle)


def _is(package: Package, trained: TrainedCandidate, project: Project) -> bool:
    """Whether a candidate decides by the very bytes, features and threshold of a package."""
    manifest = package.manifest
    return (
        (package.model, manifest.rule) == (trained.onnx, trained.rule)
        and (manifest.features, manifest.threshold) == (list(trained.features), trained.threshold)
        and (manifest.views, manifest.request_views) == used_views(project, trained.features)
    )


def _opponent_on_record(circle: Circle, digest: str) -> str | None:
    with circle.workspace.ledger.read() as connection:
        last = models.latest_evaluation(connection, digest)
        step = None if last is None else steps.find_step(connection, last.metrics.get("step", ""))
    opponent: str | None = None if step is None else step.outputs["champion"]
    return opponent


def scorer_of(package: Package) -> Scorer:
    """What turns features into scores, the same as in the service."""
    if package.model is not None:
        return OnnxScorer.from_onnx(package.model, threads=2)
    if package.manifest.rule is None:
        raise ProjectError("a package holds neither a model nor a rule", where=package.digest)
    return RuleScorer(package.manifest.rule, package.manifest.features)


def _challenger(circle: Circle) -> str:
    """The candidate worth most on the validation tail; baselines only where there is nothing else."""
    declared = circle.project.candidates
    contenders = [name for name in declared if not declared[name].baseline] or list(declared)
    return max(contenders, key=lambda name: circle.candidates[name].outputs["validation"]["value"])


def _evaluate(circle: Circle, challenger: str, champion: Package | None) -> StepResult:
    project = circle.project

    def compute(key: str) -> dict[str, Any]:
        report = _report(circle, challenger, champion)
        return {
            "candidate": challenger,
            "champion": None if champion is None else champion.digest,
            "report": report.to_document(),
        }

    return circle.memory.step(
        "evaluation",
        challenger,
        parameters={
            "goal": project.goal.to_document(),
            "split": project.split_declaration.parameters(),
            "outcome_within": spine_of(circle).outcome_within,
            "as_of": circle.moment,
            "champion": None if champion is None else champion.digest,
        },
        inputs={
            name: digest_of_document({key: value for key, value in step.outputs.items() if key != "training"})
            for name, step in circle.candidates.items()
        }
        | {"rows": _rows_read(circle)},
        compute=compute,
    )


def _rows_read(circle: Circle) -> list[str]:
    """Fingerprints of all that an evaluation may read: features, and the tables that a champion's own are made of."""
    tables = [circle.tables[name] for name in circle.project.tables]
    return [step.outputs["fingerprint"] for step in (*tables, *circle.features.values())]


def _report(circle: Circle, challenger: str, champion: Package | None) -> EvaluationReport:
    project = circle.project
    names = [name for name in project.candidates if project.candidates[name].baseline]
    used = {name: features_of(circle, project.candidates[name]) for name in {challenger, *names}}
    wanted = set().union(*used.values())
    features = [name for name in project.feature_names if name in wanted]
    rows = read_rows(circle, features)
    tested = split_rows(circle, rows).test
    test = rows.take(tested)
    columns = {name: place for place, name in enumerate(features)}

    def of(name: str) -> Scored:
        trained = trained_of(circle, name)
        matrix = test.matrix[:, [columns[each] for each in trained.features]]
        return _scored(name, trained.scorer(threads=2), matrix, trained.threshold, None)

    serving = None
    if champion is not None:
        manifest = champion.manifest
        own = rows_with(circle, packaged_features(circle, manifest)).take(tested)
        name = f"version in service ({manifest.candidate})"
        serving = _scored(name, scorer_of(champion), own.matrix, manifest.threshold, champion.digest)
    return evaluate(
        of(challenger),
        [of(name) for name in names if name != challenger],
        project.goal,
        outcomes=test.outcomes,
        blocks=test.time // 86_400_000_000,
        groups=_groups(circle, tested),
        champion=serving,
    )


def _scored(name: str, scorer: Scorer, matrix: npt.NDArray[np.float32], threshold: float, digest: str | None) -> Scored:
    scores = np.asarray(scorer.score(np.ascontiguousarray(matrix)), dtype=np.float64).clip(0.0, 1.0)
    return Scored(name=name, scores=scores, threshold=threshold, digest=digest)


def _groups(circle: Circle, tested: npt.NDArray[np.intp]) -> dict[str, npt.ArrayLike]:
    """Columns of the test rows by which guardrails and slices look."""
    spine = spine_of(circle)
    asked = {guardrail.by for guardrail in circle.project.goal.guardrails if guardrail.by}
    frame = read_spine(circle, spine.time, spine.outcome, *spine.keys, *asked)
    frame = frame.filter(teaches(spine, circle.as_of))[tested]
    few = {name for name in spine.keys if frame[name].n_unique() <= _FEW}
    return {name: frame[name].cast(pl.String).fill_null("missing").to_numpy() for name in sorted(asked | few)}
