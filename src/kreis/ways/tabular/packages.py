"""Registered models, opened: their packages, verified, and what answers with them."""

from __future__ import annotations

from kreis.deployment.packages import Package, open_package
from kreis.errors import ProjectError
from kreis.ledger import models
from kreis.models.scoring import OnnxScorer, RuleScorer, Scorer
from kreis.workspace import Workspace

__all__ = ["open_model", "scorer_of"]


def open_model(workspace: Workspace, digest: str) -> Package:
    """A registered model's package, verified."""
    with workspace.ledger.read() as connection:
        model = models.get_model(connection, digest)
    return open_package(digest, model.signature, workspace.artifacts, workspace.keys.trusted())


def scorer_of(package: Package) -> Scorer:
    """What turns features into scores, the same as in the service."""
    if package.model is not None:
        return OnnxScorer.from_onnx(package.model, threads=2)
    if package.manifest.rule is None:
        raise ProjectError("a package holds neither a model nor a rule", where=package.digest)
    return RuleScorer(package.manifest.rule, package.manifest.features)
