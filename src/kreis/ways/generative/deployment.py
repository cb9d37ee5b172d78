"""Deployment: a candidate that answers questions as a package."""

from __future__ import annotations

from kreis.deployment.manifest import Manifest
from kreis.deployment.packages import build_package
from kreis.loop.steps import StepResult
from kreis.loop.verdicts import Verdict
from kreis.ways import deployment
from kreis.ways.generative.arms import read_arms
from kreis.ways.generative.state import GenerativeState
from kreis.ways.generative.training import is_refresh
from kreis.ways.results import Packaged

__all__ = ["perform"]

_MEANS = "solved"
"""What an outcome of 1 says."""


def perform(state: GenerativeState) -> Verdict:
    """Make the evaluated candidate a release, or hold until the right person has said yes."""
    return deployment.perform(state, _package, read_arms, refreshes=_is_refresh)


def _is_refresh(one: Manifest, other: Manifest) -> bool:
    """Whether two packages are the same answerer on other documents."""
    return one.candidate == other.candidate and is_refresh(one.training, other.training)


def _package(state: GenerativeState, name: str) -> StepResult[Packaged]:
    project, workspace = state.project, state.workspace
    trained = state.candidates[name].output.candidate

    def compute(key: str) -> Packaged:
        manifest = Manifest(
            project=project.name,
            candidate=name,
            model=trained.form.stored,
            features=list(trained.features),
            views=[],
            request_views=[],
            decision=trained.decision,
            goal=project.goal.digest,
            metric=project.goal.metric.to_document(),
            outcome=_MEANS,
            outcomes=project.goal.task.outcome,
            inputs=state.versions,
            training=trained.training,
            reference=trained.reference,
            score_reference=trained.score_reference,
        )
        return Packaged(model=build_package(manifest, trained.form, workspace.artifacts).digest)

    return state.memory.step(
        "deployment",
        f"package {name}",
        parameters={"goal": project.goal.digest, "outcome": _MEANS},
        inputs={"candidate": state.candidates[name].key, **state.versions},
        result=Packaged,
        compute=compute,
    )
