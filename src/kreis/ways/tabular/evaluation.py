"""Evaluation: the best candidate against baselines and champion on untouched rows, judged by the goal."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from kreis.deployment.packages import Package, open_package
from kreis.deployment.releases import champion_of
from kreis.digests import digest_of_document
from kreis.errors import ProjectError
from kreis.evaluation.blocks import climate_of
from kreis.evaluation.evaluate import EvaluationReport, evaluate
from kreis.evaluation.scored import Scored
from kreis.evaluation.spending import Spending, spend
from kreis.ledger import models, releases, runs, steps
from kreis.ledger.records import Route, Step
from kreis.loop.steps import StepResult
from kreis.loop.verdicts import Advance, Discipline, SendBack, Verdict
from kreis.models.scoring import OnnxScorer, RuleScorer, Scorer
from kreis.preparation.spine import teaches
from kreis.preparation.views import parse_duration
from kreis.project import Project
from kreis.training.train import TrainedCandidate
from kreis.ways.tabular.preparation import packaged_features, read_spine, spine_of, used_views
from kreis.ways.tabular.state import Circle
from kreis.ways.tabular.training import features_of, read_rows, rows_with, split_rows, trained_of
from kreis.workspace import Workspace

__all__ = ["open_model", "perform", "scorer_of"]

_SPENT = "error spent"
_DAY = 86_400
_DAY_MICROSECONDS = _DAY * 1_000_000
_FEW = 12
"""A key column with at most so many values is sliced by."""


def perform(circle: Circle) -> Verdict:
    """Judge the candidate that did best on the validation tail. The test rows choose nothing."""
    challenger = _challenger(circle)
    step = _evaluate(circle, challenger)
    circle.evaluation = step
    report = EvaluationReport.from_document(step.outputs["report"])
    detail = {"candidate": challenger, "outcome": report.outcome}
    if report.outcome != "pass":
        to: Discipline = "training" if report.outcome == "fail" else "collection"
        return SendBack(to=to, reason="; ".join(report.refusals), detail=detail)
    value, auc = report.value, report.challenger.metrics["auc"]
    return Advance(
        summary=f"{challenger}: {value.value:,.0f} {report.unit} ({value.low:,.0f} to {value.high:,.0f}),"
        f" AUC {auc.value:.3f}, {len(report.gates)} gates passed on {report.rows:,} rows of {report.days} days"
        + (f", {report.rarer:,} with the rarer outcome" if report.rarer is not None else ""),
        detail={**detail, "warnings": _warnings(challenger, report)},
    )


def _warnings(challenger: str, report: EvaluationReport) -> list[str]:
    """What passed its gates and is still worth a look: they ask for value, and a constant answer can have that."""
    auc, share = report.challenger.metrics["auc"], report.challenger.metrics["positive_rate"].value
    if auc.low > 0.5:
        return []
    return [
        f"{challenger} is not shown to tell yes from no (AUC {auc.value:.3f}, {auc.low:.3f} to {auc.high:.3f}; it says"
        f" yes to {share:.0%}): its value may be that of one answer for all; compare it with a baseline that says so"
    ]


def _live(circle: Circle) -> list[Route]:
    with circle.workspace.ledger.read() as connection:
        current = releases.current_release(connection, circle.project.name)
    return [] if current is None else [route for route in current.routes if route.mode == "live"]


def open_model(workspace: Workspace, digest: str) -> Package:
    """A registered model's package, verified."""
    with workspace.ledger.read() as connection:
        model = models.get_model(connection, digest)
    return open_package(digest, model.signature, workspace.artifacts, workspace.keys.trusted())


def _same_model(circle: Circle, candidate: str) -> str | None:
    """Digest of the live model that decides by the very same bytes as a candidate, if one does."""
    trained = trained_of(circle, candidate)
    live = (route.model for route in _live(circle))
    return next((digest for digest in live if _is(open_model(circle.workspace, digest), trained, circle.project)), None)


def _is(package: Package, trained: TrainedCandidate, project: Project) -> bool:
    """Whether a candidate decides by the very bytes, features and threshold of a package."""
    manifest = package.manifest
    return (
        (package.model, manifest.rule) == (trained.onnx, trained.rule)
        and (manifest.features, manifest.threshold) == (list(trained.features), trained.threshold)
        and (manifest.views, manifest.request_views) == used_views(project, trained.features)
    )


def _judged_when_released(circle: Circle, digest: str) -> tuple[str | None, Spending | None]:
    """Which model a live one had to beat to get there, and at which level."""
    with circle.workspace.ledger.read() as connection:
        last = models.latest_evaluation(connection, digest)
        step = None if last is None else steps.find_step(connection, last.metrics.get("step", ""))
    if step is None or step.outputs["champion"] is None:
        return None, None
    difference = EvaluationReport.from_document(step.outputs["report"]).differences["champion"]
    return step.outputs["champion"], Spending(days=0.0, level=difference.level, why="as when it was released")


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


def _evaluate(circle: Circle, challenger: str) -> StepResult:
    """Judge it against the champion or, where it is live itself already, against the one that it had to beat to get
    there, at the same level: a run that is repeated or resumed after its release concludes the same.
    """
    project = circle.project
    inputs: dict[str, Any] = {
        name: digest_of_document({key: value for key, value in step.outputs.items() if key != "training"})
        for name, step in circle.candidates.items()
    } | {"rows": _rows_read(circle)}
    parameters = {
        "goal": project.goal.to_document(),
        "split": project.split_declaration.parameters(),
        "outcome_within": spine_of(circle).outcome_within,
        "as_of": circle.moment,
    }
    same = _same_model(circle, challenger)
    if same is not None:
        against, spending = _judged_when_released(circle, same)
        comparison = [challenger, against, parameters, inputs]
        if against is not None and _is_spent(circle, comparison):  # by the run that this one resumes
            spending = _spend(circle, comparison)
    else:
        with circle.workspace.ledger.read() as connection:
            current = releases.current_release(connection, project.name)
        against = None if current is None else champion_of(current)
        spending = None if against is None else _spend(circle, [challenger, against, parameters, inputs])
    champion = None if against is None else open_model(circle.workspace, against)

    def compute(key: str) -> dict[str, Any]:
        reports = _reports(circle, challenger, champion, spending)
        return {
            "candidate": challenger,
            "champion": against,
            "report": reports.pop(challenger),
            "others": reports,
        }

    return circle.memory.step(
        "evaluation",
        challenger,
        parameters={**parameters, "champion": against, "level": None if spending is None else spending.level},
        inputs=inputs,
        compute=compute,
    )


def _spend(circle: Circle, comparison: list[Any]) -> Spending:
    """The level of a comparison with the champion, from what passed and was spent on record; repeated, it is the same.

    The time that counts is that of the runs: from the one whose model was released first to this one.
    """
    project, identity = circle.project, digest_of_document(comparison)

    def compute(key: str) -> dict[str, Any]:
        with circle.workspace.ledger.read() as connection:
            first = releases.list_releases(connection, project.name)[-1]
            since = first.at if first.run is None else runs.get_run(connection, first.run).as_of
            earlier = {each.outputs["comparison"]: each.outputs for each in _spent(connection, project.name)}
        if identity in earlier:
            return earlier[identity]
        passed = (circle.as_of - since).total_seconds() / _DAY
        spending = spend(
            passed - sum(each["days"] for each in earlier.values()),
            yearly=project.goal.replaced_in_vain,
            at_most=parse_duration(project.split_declaration.test).total_seconds() / _DAY,
        )
        return {"project": project.name, "comparison": identity, **spending._asdict()}

    step = circle.memory.step("deployment", _SPENT, parameters={}, inputs={"comparison": identity}, compute=compute)
    return Spending(**{name: step.outputs[name] for name in Spending._fields})


def _is_spent(circle: Circle, comparison: list[Any]) -> bool:
    identity = digest_of_document(comparison)
    with circle.workspace.ledger.read() as connection:
        return any(each.outputs["comparison"] == identity for each in _spent(connection, circle.project.name))


def _spent(connection: Any, project: str) -> list[Step]:
    return [each for each in steps.steps_called(connection, "deployment", _SPENT) if each.outputs["project"] == project]


def _rows_read(circle: Circle) -> list[str]:
    """Fingerprints of all that an evaluation may read: features, and the tables that a champion's own are made of."""
    tables = [circle.tables[name] for name in circle.project.tables]
    return [step.outputs["fingerprint"] for step in (*tables, *circle.features.values())]


def _reports(
    circle: Circle, challenger: str, champion: Package | None, spending: Spending | None
) -> dict[str, dict[str, Any]]:
    """What is to be said of each candidate, as documents. Only the challenger's decides: the others were not chosen,
    and are judged on the test rows after the choice, to be shown beside it.
    """
    project = circle.project
    used = {name: features_of(circle, declared) for name, declared in project.candidates.items()}
    wanted = set().union(*used.values())
    features = [name for name in project.feature_names if name in wanted]
    rows = read_rows(circle, features)
    tested = split_rows(circle, rows).test
    test = rows.take(tested)
    columns = {name: place for place, name in enumerate(features)}
    scored = {}
    for name in project.candidates:
        trained = trained_of(circle, name)
        matrix = test.matrix[:, [columns[each] for each in trained.features]]
        scored[name] = _scored(name, trained.scorer(threads=2), matrix, trained.threshold, None)
    serving = None
    if champion is not None:
        manifest = champion.manifest
        own = rows_with(circle, packaged_features(circle, manifest)).take(tested)
        name = f"version in service ({manifest.candidate})"
        serving = _scored(name, scorer_of(champion), own.matrix, manifest.threshold, champion.digest)
    groups = _groups(circle, tested)
    climate = climate_of(rows.outcomes > 0.5, rows.time // _DAY_MICROSECONDS)
    baselines = [name for name, declared in project.candidates.items() if declared.baseline]
    return {
        name: evaluate(
            scored[name],
            [scored[each] for each in baselines if each != name],
            project.goal,
            outcomes=test.outcomes,
            blocks=test.time // _DAY_MICROSECONDS,
            climate=climate,
            groups=groups,
            champion=serving if name == challenger else None,
            spending=spending if name == challenger else None,
            needs_baseline=name == challenger or name not in baselines,
        ).to_document()
        for name in scored
    }


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
