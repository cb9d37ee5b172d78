"""Deployment: a candidate of tables as a package."""

from __future__ import annotations

from kreis.deployment.manifest import Manifest
from kreis.deployment.packages import build_package
from kreis.errors import ProjectError
from kreis.formats import document_of
from kreis.loop.steps import StepResult
from kreis.loop.verdicts import Verdict
from kreis.models.answer_parts.kinds import AnswerPartKind
from kreis.ways import deployment
from kreis.ways.results import Packaged
from kreis.ways.tabular.evaluation import asked_of
from kreis.ways.tabular.inputs import accepted_inputs, contracts_of_inputs, rules_of_inputs
from kreis.ways.tabular.paired_traffic import read_paired
from kreis.ways.tabular.rows import read_spine, spine_of, used_views
from kreis.ways.tabular.state import TabularState

__all__ = ["perform"]


def perform(state: TabularState) -> Verdict:
    """Make the evaluated candidate a release, or hold until the right person has said yes."""
    return deployment.perform(state, _package, read_paired)


def _package(state: TabularState, name: str) -> StepResult[Packaged]:
    project, spine, workspace = state.project, spine_of(state), state.workspace
    trained = state.candidates[name].output.opened(workspace.artifacts)
    views, request_views = used_views(project, trained.features)

    def compute(key: str) -> Packaged:
        manifest = Manifest(
            project=project.name,
            candidate=name,
            model=trained.form.stored,
            features=list(trained.features),
            views=views,
            request_views=request_views,
            decision=trained.decision,
            goal=project.goal.digest,
            metric=project.goal.metric.to_document(),
            outcome=spine.means,
            outcomes=project.goal.task.outcome,
            inputs=state.versions,
            training=trained.training,
            reference=trained.reference,
            accepts=accepted_inputs(project),
            rules=rules_of_inputs(project, read_spine(state)),
            score_reference=trained.score_reference,
            categories=trained.categories,
            explanation=trained.stored.explanation,
            parts=_parts(state, name),
        )
        package = build_package(manifest, trained.form, workspace.artifacts, explanation=trained.explanation)
        return Packaged(model=package.digest)

    return state.memory.step(
        "deployment",
        f"package {name}",
        parameters={
            "goal": project.goal.digest,
            "outcome": spine.means,
            "accepts": document_of(accepted_inputs(project)),
            "contracts": {each: contract.digest for each, contract in contracts_of_inputs(project).items()},
            **({"parts": project.answer_parameters} if project.answer_parts else {}),
        },
        inputs={"candidate": state.candidates[name].key, **state.versions},
        result=Packaged,
        compute=compute,
    )


def _parts(state: TabularState, name: str) -> list[AnswerPartKind]:
    """What goes with the answers of a candidate, fitted to it.

    Raises:
        ProjectError: one cannot be fitted to the candidate that was chosen; a fallback goes without.
    """
    declared = state.project.answer_parts
    if not declared:
        return []
    subject, parts = asked_of(state, name), []
    for each in declared.values():
        lacks = each.lacks(subject)
        if lacks is None:
            parts.append(each.fit(subject, state.workspace.artifacts.put))
        elif name == state.judged.candidate:
            raise ProjectError(f"{each.name} cannot go with its answers: {lacks}", where=f"candidate {name!r}")
    return parts
