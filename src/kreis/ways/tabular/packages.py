"""What answers with a package."""

from __future__ import annotations

from kreis.deployment.packages import Package
from kreis.errors import ProjectError
from kreis.models.scoring import OnnxScorer, RuleScorer, Scorer

__all__ = ["scorer_of"]


def scorer_of(package: Package) -> Scorer:
    """What turns features into scores, the same as in the service."""
    if package.model is not None:
        return OnnxScorer.from_onnx(package.model, threads=2)
    if package.manifest.rule is None:
        raise ProjectError("a package holds neither a model nor a rule", where=package.digest)
    return RuleScorer(package.manifest.rule, package.manifest.features)
