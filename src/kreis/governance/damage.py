"""Reads every byte that the record acknowledges, and names what is no longer as it was.

Each part of kreis inspects its own bytes; here they are gathered, each with what to do next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal

import msgspec

from kreis.actions.ledger import beyond
from kreis.deployment.packages import open_package
from kreis.deployment.pointer import HIGHEST, read_highest, read_pointer
from kreis.deployment.server.config import read_config
from kreis.deployment.signing import load_trusted
from kreis.durable import read_regular
from kreis.errors import KreisError
from kreis.lake.mark import FILE, read_mark
from kreis.ledger import chain, head, models, releases, runs, steps, tables, watchers
from kreis.ledger.identity import identity_of
from kreis.ledger.store import Ledger
from kreis.models.explanations.explainer import Explanation
from kreis.models.form import Onnx
from kreis.texts import counted
from kreis.tracking.points import read_run
from kreis.training.kept_scores import KeptScores
from kreis.ways.results import Trained
from kreis.workspace import Workspace

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["PARTS", "Finding", "find_damage", "removals_told"]

_SETTINGS_LIMIT = 1 << 20


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not as it should be."""

    where: str
    """The file, the folder or the row."""
    what: str
    next: str = ""
    """What to do about it."""
    level: Literal["damage", "warning"] = "damage"

    @property
    def line(self) -> str:
        """In one line."""
        return f"{self.where}: {self.what}" + (f"; {self.next}" if self.next else "")


def find_damage(workspace: Workspace) -> Iterator[Finding]:
    """What is damaged or gone in all that stands beside the ledger's rows. Changes nothing.

    Raises:
        StoreError: the ledger cannot be read at all.
    """
    workspace.ledger  # noqa: B018 (an error here is not about one part)
    for name, part in PARTS.items():
        try:
            yield from part(workspace)
        except KreisError as error:
            yield Finding(where=error.where or name, what=error.message, next=error.hint or "")
        except OSError as error:
            yield Finding(where=str(error.filename or name), what=error.strerror or str(error))


def _head(workspace: Workspace) -> Iterator[Finding]:
    if workspace.ledger.older == "0001":
        return  # kreis 0.1.0 kept no head
    with workspace.ledger.read() as connection:
        last = chain.last(connection)
    path = workspace.head_path
    if last is not None and head.read(path) is None:
        what = "neither of its two slots is whole" if path.exists() else "the ledger's head is gone"
        yield Finding(where=str(path), what=what, next="the next change of state writes it again")
    after = beyond(workspace, workspace.ledger)
    if after.release is not None:
        yield Finding(
            where=workspace.ledger.where,
            what=f"the service answers by release {after.release}, which the ledger does not know",
            next="`kreis ledger restore BACKUP --reason …`, or `kreis ledger accept --reason …`",
        )


def _lake(workspace: Workspace) -> Iterator[Finding]:
    for finding in workspace.lake.check(deep=True).findings:
        if finding.harmful:
            version = "" if finding.version is None else f", version {finding.version}"
            is_log = finding.kind.startswith(("commit", "checkpoint"))
            yield Finding(
                where=finding.path,
                what=f"{finding.kind} (table {finding.table}{version})",
                next="reading the table mends it"
                if is_log
                else "restore the file, or `kreis run --start-at collection`",
            )


def removals_told(ledger: Ledger) -> list[str]:
    """What of the lake left on record, when and why; one line each removal."""
    with ledger.read() as connection:
        removals = [each for table in tables.list_tables(connection) for each in tables.removals_of(connection, table)]
    said = []
    for each in removals:
        versions = ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in each.versions)
        said.append(
            f"{each.table}, versions {versions} and {counted(len(each.files), 'file')}, {each.at:%Y-%m-%d}:"
            f" {each.reason}"
        )
    return said


def _mark(workspace: Workspace) -> Iterator[Finding]:
    mark = read_mark(workspace.lake_storage)
    with workspace.ledger.read() as connection:
        identity = identity_of(connection)
    path = workspace.lake_folder / FILE
    if identity is not None and mark is None:
        yield Finding(where=str(path), what="the lake's mark is gone", next="`kreis migrate` writes it again")
    elif identity is not None and mark is not None and mark.project != identity.project:
        yield Finding(
            where=str(path),
            what=f"it names project {mark.project!r}, the ledger {identity.project!r}",
            next="remove it: `kreis migrate` writes it again",
        )


def _tracking(workspace: Workspace) -> Iterator[Finding]:
    """What runs logged: lines that a crash cut off, or that are damaged, hide no others."""
    folder = workspace.tracking_folder
    for each in sorted(folder.iterdir()) if folder.is_dir() else ():
        unreadable = sum(found.unreadable for found in read_run(each))
        if unreadable:
            what = f"{unreadable} lines of what the run logged were cut off or are damaged"
            yield Finding(where=str(each), what=what, next="the others are shown", level="warning")


def _artifacts(workspace: Workspace) -> Iterator[Finding]:
    for problem in workspace.artifacts.check():
        if problem.kind != "leftover":
            yield Finding(
                where=problem.where,
                what=f"{problem.kind} artifact",
                next="move it away" if problem.kind == "stray" else "`kreis run --start-at training` makes it again",
            )


def _trained(workspace: Workspace) -> Iterator[Finding]:
    """Candidates that no package holds; the next run remembers them."""
    with workspace.ledger.read() as connection:
        finished = steps.steps_in(connection, "training")
    for step in finished:
        candidate = Trained.from_document(step.outputs).candidate
        for each in (candidate.form, candidate.explanation, candidate.validation_scores):
            if isinstance(each, Onnx | Explanation | KeptScores) and not workspace.artifacts.has(each.sha256):
                yield Finding(
                    where=workspace.artifacts.where(each.sha256),
                    what=f"gone artifact (what {step.name} learned)",
                    next="`kreis run --start-at training` makes it again",
                )


def _packages(workspace: Workspace) -> Iterator[Finding]:
    with workspace.ledger.read() as connection:
        known, heirs = models.list_models(connection), models.successors(connection)
    if not known:
        return
    trusted = load_trusted(workspace.trusted_keys)
    for model in known:
        try:
            erased = model.digest in heirs
            open_package(model.digest, model.signature, workspace.artifacts, trusted, erased=erased)
            workspace.artifacts.get(model.digest)
        except KreisError as error:
            what = f"version {model.version} of {model.project}: {error.message}"
            yield Finding(where=error.where or "package", what=what, next=error.hint or "")


def _pointer(workspace: Workspace) -> Iterator[Finding]:
    folder = workspace.service_folder
    with workspace.ledger.read() as connection:
        last = runs.list_runs(connection, limit=1)
        released = bool(last) and _is_released(connection, last[0].project)
    if not released and not folder.is_dir():
        return
    mend = "the next `kreis run` publishes it again"
    try:
        pointer = read_pointer(workspace.pointer, load_trusted(workspace.trusted_keys))
    except KreisError as error:
        yield Finding(where=error.where or str(folder), what=error.message, next=mend)
        return
    if pointer is None and released:
        yield Finding(where=str(folder / "current.json"), what="the service's pointer is gone", next=mend)


def _is_released(connection: Connection, project: str) -> bool:
    return releases.current_release(connection, project) is not None


def _server(workspace: Workspace) -> Iterator[Finding]:
    path = workspace.service_folder / "server.json"
    if path.exists():
        try:
            read_config(read_regular(path, _SETTINGS_LIMIT))
        except KreisError as error:
            yield Finding(where=str(path), what=error.message, next="`kreis serve` writes it again")


def _highest(workspace: Workspace) -> Iterator[Finding]:
    path = workspace.journal_folder / HIGHEST
    mend = "see that the service answers with the newest release (GET /), then delete the file"
    try:
        highest = read_highest(workspace.journal_folder)
    except KreisError as error:
        yield Finding(where=error.where or str(path), what=error.message, next=error.hint or mend)
        return
    if highest is None:
        return
    with workspace.ledger.read() as connection:
        known = {each.id: each for each in releases.list_releases(connection, highest.project)}
    if highest.release not in known or known[highest.release].number != highest.number:
        what = f"the record knows no release {highest.number} ({highest.release}) of {highest.project!r}"
        yield Finding(where=str(path), what=what, next=mend)


def _log(workspace: Workspace) -> Iterator[Finding]:
    for where, what in workspace.prediction_log.inspect():
        yield Finding(where=where, what=what, next="`kreis watch --once` moves what is whole into the lake")


def _online(workspace: Workspace) -> Iterator[Finding]:
    place = workspace.online
    mend = "remove the folder: `kreis run` feeds the store again from the tables"
    for what in place.problems():
        yield Finding(where=str(place), what=what, next=mend)


def _memory(workspace: Workspace) -> Iterator[Finding]:
    with workspace.ledger.read() as connection:
        for run in runs.list_runs(connection, limit=1):
            watchers.recall(connection, run.project)
    yield from ()


PARTS: dict[str, Callable[[Workspace], Iterator[Finding]]] = {
    "head": _head,
    "lake": _lake,
    "lake's mark": _mark,
    "artifacts": _artifacts,
    "what runs logged": _tracking,
    "candidates": _trained,
    "packages": _packages,
    "pointer": _pointer,
    "newest release taken": _highest,
    "server settings": _server,
    "prediction log": _log,
    "online store": _online,
    "what watching remembers": _memory,
}
"""What is looked at, in this order."""
