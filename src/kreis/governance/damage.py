"""Reads every byte that the record acknowledges, and names what is no longer as it was."""

from __future__ import annotations

from collections.abc import Iterator

from kreis.deployment.packages import open_package
from kreis.deployment.pointer import read_highest, read_pointer
from kreis.deployment.predictions.shipping import inspect_log
from kreis.errors import KreisError
from kreis.ledger import models
from kreis.loop.workspace import Workspace

__all__ = ["find_damage"]


def find_damage(workspace: Workspace) -> Iterator[str]:
    """What is damaged or gone, one line each with the file's path: tables of every version, their logs, artifacts,
    the packages of all models, the service's pointer, its log and what it remembers. Changes nothing.

    Raises:
        StoreError: a store cannot be read at all.
    """
    for finding in workspace.lake.check(deep=True).findings:
        if finding.harmful:
            version = "" if finding.version is None else f", version {finding.version}"
            yield f"{finding.path}: {finding.kind} (table {finding.table}{version})"
    for problem in workspace.artifacts.check():
        if problem.kind != "leftover":
            yield f"{problem.path}: {problem.kind} artifact"
    yield from _packages(workspace)
    yield from _pointer(workspace)
    for path, reason in inspect_log(workspace.journal_folder):
        yield f"{path}: {reason}"


def _packages(workspace: Workspace) -> Iterator[str]:
    with workspace.ledger.read() as connection:
        known = models.list_models(connection)
    if not known:
        return
    trusted = workspace.keys.trusted()
    for model in known:
        try:
            open_package(model.digest, model.signature, workspace.artifacts, trusted)
            workspace.artifacts.get(model.digest)
        except KreisError as error:
            yield f"version {model.version} of {model.project}: {error.where}: {error.message}"


def _pointer(workspace: Workspace) -> Iterator[str]:
    if not workspace.service_folder.is_dir():
        return
    try:
        read_pointer(workspace.service_folder, workspace.keys.trusted())
    except KreisError as error:
        yield f"{error.where}: {error.message}; the next `kreis run` publishes it again"
    try:
        read_highest(workspace.journal_folder)
    except KreisError as error:
        yield f"{error.where}: {error.message}; {error.hint}"
