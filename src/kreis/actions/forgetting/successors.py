"""Successors: packages that name an index which was written anew, with the new one in its place."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kreis.deployment.manifest import Manifest, decode_manifest
from kreis.deployment.packages import build_package, sign_again
from kreis.generative.index.build import BuiltIndex
from kreis.generative.pipeline import Pipeline
from kreis.identifiers import new_id
from kreis.ledger import models
from kreis.ledger.records import Model
from kreis.workspace import Workspace

__all__ = ["succeed"]


def succeed(workspace: Workspace, indexes: Mapping[str, BuiltIndex], reason: str) -> None:
    """Build, sign and register the successors of all packages that name an index which was written anew, and release
    them in their place. What is there already stays as it is.

    Args:
        workspace: The project's folder.
        indexes: The new index for the digest of each old file.
        reason: For the record.
    """
    with workspace.ledger.read() as connection:
        known = models.list_models(connection)
    for model in reversed(known):  # the oldest first: versions keep their order
        manifest = decode_manifest(workspace.artifacts.get(model.digest), where=f"package {model.digest[:12]}")
        pipeline = manifest.model
        if isinstance(pipeline, Pipeline) and (built := indexes.get(pipeline.index.sha256)) is not None:
            form = msgspec.structs.replace(pipeline, index=built.file, index_version=built.version)
            _register(workspace, model, manifest, form, reason)
    for project in dict.fromkeys(model.project for model in known):
        workspace.releases(project).replace_succeeded(actor=workspace.actor, reason=reason)


def _register(workspace: Workspace, model: Model, manifest: Manifest, form: Pipeline, reason: str) -> None:
    """With the evaluation of the one that it succeeds: it answers alike, but from what is gone."""
    successor = msgspec.structs.replace(manifest, model=form)
    digest = build_package(successor, form, workspace.artifacts).digest
    with workspace.ledger.read() as connection:
        if models.successors(connection).get(model.digest) == digest:
            return
    with workspace.ledger.record(
        event="model.succeeded",
        subject=digest,
        actor=workspace.actor,
        reason=reason,
        inputs={"predecessor": model.digest},
    ) as tx:
        made = models.register_model(
            tx,
            digest=digest,
            project=model.project,
            candidate=model.candidate,
            run=model.run,
            signature=sign_again(digest, workspace.artifacts, workspace.keys),
        )
        evaluation = models.latest_evaluation(tx.connection, model.digest)
        if evaluation is not None and models.latest_evaluation(tx.connection, digest) is None:
            copied = msgspec.structs.replace(evaluation, id=new_id(tx.now), model=digest, at=tx.now)
            models.add_evaluation(tx, copied)
        models.add_successor(tx, model.digest, digest)
        tx.set_outputs({"version": made.version})
