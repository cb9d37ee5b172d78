"""Packages: a model and all that the service needs to answer with it, stored by content and signed.

Opening one goes from the outside in: signature, digest, format, meaning, then each file. Nothing is ever
imported, unpickled or executed.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kreis.artifacts.store import ArtifactStore
from kreis.deployment.manifest import Manifest, decode_manifest
from kreis.deployment.signing import Keys, TrustedKeys, sign, verify
from kreis.digests import digest_of
from kreis.errors import CorruptionError, ProjectError, SignatureError
from kreis.expressions.checking import validate
from kreis.expressions.tree import Expression, aggregates, columns
from kreis.generative.pipeline import Pipeline
from kreis.generative.questions import SIGNALS
from kreis.models.explanations.explainer import Explanation
from kreis.models.form import Form, Formula, Onnx
from kreis.models.scoring import Scorer

__all__ = [
    "PAYLOAD_TYPE",
    "Package",
    "build_package",
    "open_package",
    "read_manifest",
    "sign_again",
    "size_limit",
]

PAYLOAD_TYPE = "application/vnd.kreis.package+json"
size_limit = 512 * 1024 * 1024
"""No file of a package may be larger (bytes)."""


class Package(msgspec.Struct, frozen=True):
    """An opened package: everything in it has been verified."""

    digest: str
    manifest: Manifest
    form: Form | Pipeline
    """What turns features into scores, or answers questions, verified; a pipeline's files are named in it by digest."""
    explanation: Explanation | None = None
    """What tells the parts of its answers, verified; None where none is kept."""
    files: Mapping[str, bytes] = {}
    """What the parts of its answers name by digest."""

    def scorer(self, *, threads: int = 2) -> Scorer:
        """What turns features into scores, the same everywhere.

        Raises:
            RefusalError: ONNX Runtime refuses it, or it does not take the features that the manifest names.
            ProjectError: it answers questions.
        """
        return self.form.scorer(self.manifest.features, threads=threads)


def build_package(
    manifest: Manifest, form: Form | Pipeline, artifacts: ArtifactStore, *, explanation: Explanation | None = None
) -> Manifest:
    """Store a model and its manifest by content.

    Args:
        manifest: its `model` is `form.stored`.
        form: the model.
        artifacts: where to; each `put` is durable when it returns.
        explanation: what tells the parts of its answers, if it is kept: that of the manifest, opened.

    Returns:
        The manifest; its `digest` names the model.

    Raises:
        ProjectError: the manifest would be refused when opened, or is about another model.
    """
    where = f"candidate {manifest.candidate!r}"
    if manifest.model != form.stored:
        raise ProjectError("the manifest is about another model", where=where)
    check_manifest(manifest, where=where)
    for content in (form.content, None if explanation is None else explanation.content):
        if content is not None:
            artifacts.put(content)
    artifacts.put(manifest.canonical())
    return manifest


def sign_again(digest: str, artifacts: ArtifactStore, keys: Keys) -> str:
    """The DSSE envelope over a stored manifest, byte for byte as it was written, by whichever version of kreis."""
    return sign(artifacts.get(digest), PAYLOAD_TYPE, keys)


def open_package(
    digest: str, envelope: str | bytes, artifacts: ArtifactStore, trusted: TrustedKeys, *, erased: bool = False
) -> Package:
    """Verify and read a package.

    Args:
        digest: Names it.
        envelope: Its signature.
        artifacts: Where its files are.
        trusted: The keys that may have signed it.
        erased: Whether its files were erased, on record: then it is read all the same, for what it says.

    Raises:
        SignatureError: the signature or the digest does not match.
        ProjectError: it is signed, but this version of kreis does not take what it says.
        CorruptionError: a file is missing, or is not what the manifest names.
    """
    manifest = read_manifest(digest, envelope, trusted)
    model, where = manifest.model, _where(digest)
    for file in () if erased or not isinstance(model, Pipeline) else model.files:
        if not artifacts.has(file):
            raise CorruptionError(
                f"the file {file[:12]} that it answers from is gone",
                where=where,
                hint="restore the artifact from a backup; or kreis run makes another index and package",
            )
    form, kept = model, manifest.explanation
    if isinstance(model, Onnx):
        form = Onnx.of(_file(model, "model", artifacts, where))
    if kept is not None:
        kept = Explanation(kept.sha256, kept.size, _file(kept, "explanation", artifacts, where))
    named = [] if erased else [file for part in manifest.parts for file in part.files]
    return Package(digest, manifest, form, kept, {file: artifacts.get(file) for file in named})


def read_manifest(digest: str, envelope: str | bytes, trusted: TrustedKeys) -> Manifest:
    """Verify and read what a package says, without its files.

    Raises:
        SignatureError: the signature or the digest does not match.
        ProjectError: it is signed, but this version of kreis does not take what it says.
    """
    payload = verify(envelope, PAYLOAD_TYPE, trusted, where=_where(digest))
    if digest_of(payload) != digest:
        raise SignatureError("the signed manifest is another model's", where=_where(digest))
    manifest = decode_manifest(payload, where=_where(digest))
    check_manifest(manifest, where=_where(digest))
    return manifest


def _where(digest: str) -> str:
    return f"package {digest[:12]}"


def check_manifest(manifest: Manifest, *, where: str) -> None:
    """Refuse a manifest that could not be answered with.

    Raises:
        ProjectError: oversize, features that nothing provides, or expressions
            outside the allow-list.
    """
    model = manifest.model
    _check_files(manifest, where)
    if len({part.name for part in manifest.parts}) != len(manifest.parts):
        raise ProjectError("two parts of its answers have one name", where=where)
    if isinstance(model, Pipeline):
        _check_pipeline(manifest, where)
        return
    _check_features(manifest, where)
    if isinstance(model, Formula):
        _check_row(model.expression, set(manifest.features), f"{where}, formula")
    for request_view in manifest.request_views:
        for name, expression in request_view.features.items():
            _check_row(expression, set(request_view.fields), f"{where}, {request_view.name}__{name}")
    for view in manifest.views:
        for name, expression in view.features.items():
            validate(expression, where=f"{where}, {view.name}__{name}")


def _check_files(manifest: Manifest, where: str) -> None:
    for what, file in (("model", manifest.model), ("explanation", manifest.explanation)):
        if file is not None and file.content is not None:
            raise ProjectError(f"it holds the {what}'s bytes itself", where=where)
        if isinstance(file, Onnx | Explanation) and not 0 < file.size <= size_limit:
            raise ProjectError(f"the {what} has {file.size} bytes; from 1 to {size_limit} are taken", where=where)


def _check_pipeline(manifest: Manifest, where: str) -> None:
    """What answers questions takes no features: those that it names are what is logged of each answer."""
    if manifest.views or manifest.request_views or manifest.parts:
        raise ProjectError("it answers questions, and has feature views, or parts that need features", where=where)
    for feature in manifest.features:
        if feature not in SIGNALS:
            raise ProjectError.unknown_name("signal", feature, SIGNALS, where=where)
    if len(set(manifest.features)) != len(manifest.features):
        raise ProjectError("a signal is named twice", where=where)


def _check_features(manifest: Manifest, where: str) -> None:
    names = [name for view in manifest.views for name in view.feature_names]
    names += [name for view in manifest.request_views for name in view.feature_names]
    if len(set(names)) != len(names):
        raise ProjectError("two views provide a feature of the same name", where=where)
    if not manifest.features or len(set(manifest.features)) != len(manifest.features):
        raise ProjectError("a model needs at least one feature, and each once", where=where)
    for feature in manifest.features:
        if feature not in names:
            raise ProjectError.unknown_name("feature", feature, names, where=where)


def _check_row(expression: Expression, known: set[str], where: str) -> None:
    """An expression answered row by row: no aggregation, and only columns that are there."""
    validate(expression, where=where)
    if aggregates(expression):
        raise ProjectError("an aggregation cannot be computed from one request", where=where)
    for column in columns(expression):
        if column not in known:
            raise ProjectError.unknown_name("column", column, known, where=where)


def _file(named: Onnx | Explanation, what: str, artifacts: ArtifactStore, where: str) -> bytes:
    data = artifacts.get(named.sha256)
    if len(data) != named.size or digest_of(data) != named.sha256:
        raise CorruptionError(
            f"the {what} is not the file that was signed", where=where, hint="restore the artifact from a backup"
        )
    return data
