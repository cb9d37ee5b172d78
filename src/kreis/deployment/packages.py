"""Packages: a model and all that the service needs to answer with it, stored by content and signed.

Opening one goes from the outside in: signature, digest, format, meaning, then each file. Nothing is ever
imported, unpickled or executed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from kreis.deployment.manifest import Manifest, PackagedFile
from kreis.deployment.signing import Keys, TrustedKeys, sign, verify
from kreis.digests import digest_of
from kreis.errors import CorruptionError, ProjectError, SignatureError
from kreis.expressions.checking import validate
from kreis.expressions.tree import Expression, aggregates, columns
from kreis.formats import check_format

__all__ = [
    "PAYLOAD_TYPE",
    "Blobs",
    "Package",
    "build_package",
    "open_package",
    "read_manifest",
    "sign_again",
    "size_limit",
]

PAYLOAD_TYPE = "application/vnd.kreis.package+json"
MODEL_FILE = "model.onnx"
size_limit = 512 * 1024 * 1024
"""No file of a package may be larger (bytes)."""
_FILES = {"onnx": {MODEL_FILE}, "rule": set[str]()}


class Blobs(Protocol):
    """What a package needs of an artifact store (`kreis.artifacts`)."""

    def put(self, data: bytes, /) -> str:
        """Store bytes durably; returns their SHA-256."""
        ...

    def get(self, digest: str, /) -> bytes:
        """The bytes of a digest, verified."""
        ...


class Package(msgspec.Struct, frozen=True):
    """An opened package: everything in it has been verified."""

    digest: str
    manifest: Manifest
    model: bytes | None
    """The ONNX model; None where the model is a rule."""


def build_package(manifest: Manifest, files: Mapping[str, bytes], artifacts: Blobs) -> Manifest:
    """Store the files and the manifest by content.

    Args:
        manifest: all but its `files`, which are filled in here.
        files: `{"model.onnx": bytes}` for kind "onnx", nothing for kind "rule".
        artifacts: where to; each `put` is durable when it returns.

    Returns:
        The manifest with its files; its `digest` names the model.

    Raises:
        ProjectError: the manifest would be refused when opened.
    """
    packaged = {name: PackagedFile(digest_of(data), len(data)) for name, data in sorted(files.items())}
    complete = msgspec.structs.replace(manifest, files=packaged)
    check_manifest(complete, where=f"candidate {manifest.candidate!r}")
    for data in files.values():
        artifacts.put(data)
    artifacts.put(complete.canonical())
    return complete


def sign_again(digest: str, artifacts: Blobs, keys: Keys) -> str:
    """The DSSE envelope over a stored manifest, byte for byte as it was written, by whichever version of kreis."""
    return sign(artifacts.get(digest), PAYLOAD_TYPE, keys)


def open_package(digest: str, envelope: str | bytes, artifacts: Blobs, trusted: TrustedKeys) -> Package:
    """Verify and read a package.

    Raises:
        SignatureError: the signature or the digest does not match.
        ProjectError: it is signed, but this version of kreis does not take what it says.
        CorruptionError: a file is missing, or is not what the manifest names.
    """
    manifest = read_manifest(digest, envelope, trusted)
    files = {name: _read(name, file, artifacts, _where(digest)) for name, file in manifest.files.items()}
    return Package(digest, manifest, files.get(MODEL_FILE))


def read_manifest(digest: str, envelope: str | bytes, trusted: TrustedKeys) -> Manifest:
    """Verify and read what a package says, without its files.

    Raises:
        SignatureError: the signature or the digest does not match.
        ProjectError: it is signed, but this version of kreis does not take what it says.
    """
    payload = verify(envelope, PAYLOAD_TYPE, trusted, where=_where(digest))
    if digest_of(payload) != digest:
        raise SignatureError("the signed manifest is another model's", where=_where(digest))
    manifest = _decode(payload, _where(digest))
    check_manifest(manifest, where=_where(digest))
    return manifest


def _where(digest: str) -> str:
    return f"package {digest[:12]}"


def _decode(payload: bytes, where: str) -> Manifest:
    check_format(payload, "kreis.package/1", where=where)
    try:
        return msgspec.json.decode(payload, type=Manifest)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError) as error:
        raise ProjectError(
            f"the manifest says something that this version does not read: {error}",
            where=where,
            hint="a later version of kreis packaged it: pip install --upgrade kreis",
        ) from error


def check_manifest(manifest: Manifest, *, where: str) -> None:
    """Refuse a manifest that could not be answered with.

    Raises:
        ProjectError: unknown or missing files, oversize, features that nothing provides, or expressions
            outside the allow-list.
    """
    expected = _FILES[manifest.kind]
    if set(manifest.files) != expected:
        raise ProjectError(
            f"a package of kind {manifest.kind!r} holds {sorted(expected)}, this one {sorted(manifest.files)}",
            where=where,
        )
    for name, file in manifest.files.items():
        if not 0 < file.size <= size_limit:
            raise ProjectError(f"{name} has {file.size} bytes; from 1 to {size_limit} are taken", where=where)
    _check_features(manifest, where)
    if (manifest.kind == "rule") != (manifest.rule is not None):
        raise ProjectError('a rule belongs to kind "rule", and only there', where=where)
    if manifest.rule is not None:
        _check_row(manifest.rule, set(manifest.features), f"{where}, rule")
    for request_view in manifest.request_views:
        for name, expression in request_view.features.items():
            _check_row(expression, set(request_view.fields), f"{where}, {request_view.name}__{name}")
    for view in manifest.views:
        for name, expression in view.features.items():
            validate(expression, where=f"{where}, {view.name}__{name}")


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


def _read(name: str, file: PackagedFile, artifacts: Blobs, where: str) -> bytes:
    data = artifacts.get(file.sha256)
    if len(data) != file.size or digest_of(data) != file.sha256:
        raise CorruptionError(
            f"{name} is not the file that was signed", where=where, hint="restore the artifact from a backup"
        )
    return data
