"""Indexes: each that holds a subject's documents is written anew without them, and what named it names the new one."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from kreis.actions.forgetting.subject import Found, Subject
from kreis.actions.forgetting.successors import succeed
from kreis.artifacts.store import ArtifactStore
from kreis.deployment.manifest import decode_manifest
from kreis.deployment.server.questions.files import FileCache, files_beside
from kreis.generative.index.build import BuiltIndex, Entry, document_key
from kreis.generative.index.erasing import entries_of, without
from kreis.generative.index.kinds import IndexStoreKind
from kreis.generative.pipeline import Pipeline
from kreis.ledger.models import list_models
from kreis.ledger.steps import steps_in
from kreis.ways.generative.preparation import embedding_cache
from kreis.ways.results import INDEX, BuiltKnowledge, Trained
from kreis.workspace import Workspace

__all__ = ["CopyPlace", "IndexPlace", "VectorPlace", "entries_told", "holds"]

_LETS_GO_S = 20.0
"""How long a running service is waited for, that takes the new release and lets go of the old one's files."""


class _Published(msgspec.Struct, frozen=True):
    """An index file among the artifacts."""

    sha256: str
    knowledge_base: str
    version: str
    stores: tuple[IndexStoreKind, ...]
    """The databases that it was copied into."""

    @property
    def where(self) -> str:
        """For people."""
        return f"{self.knowledge_base} {self.version[:12]}"


class IndexPlace:
    """Published indexes, each version that is there. Packages that name one get a successor first, and it is released
    in their place; so whoever answers never lacks an index.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def find(self, subject: Subject) -> list[Found]:
        """See `Place.find`."""
        found = []
        for each in _published(self._workspace):
            with _opened(self._workspace.artifacts, each.sha256) as file:
                rows = sum(holds(subject, entry) for _, entry in entries_of(file))
            found += [Found(place="index", where=each.where, rows=rows)] if rows else []
        return found

    def erase(self, subject: Subject, reason: str) -> None:
        """See `Place.erase`. Cut off at any point it is done again: the same files, packages and release come of it."""
        workspace = self._workspace
        rewritten: dict[str, BuiltIndex] = {}
        old = []
        for each in _published(workspace):
            built = self._rewrite(each, subject)
            if built is not None:
                old.append(each)
                rewritten[each.sha256] = built
        if rewritten:
            succeed(workspace, rewritten, reason)
        for each in old:
            for store in each.stores:
                store.withdraw(each.version)
            workspace.artifacts.forget(each.sha256)

    def _rewrite(self, index: _Published, subject: Subject) -> BuiltIndex | None:
        """Put the index without the subject's documents among the artifacts; None where it holds none."""
        workspace = self._workspace
        with _opened(workspace.artifacts, index.sha256) as file:
            gone = {number for number, entry in entries_of(file) if holds(subject, entry)}
            if not gone:
                return None
            with TemporaryDirectory(dir=workspace.state, prefix=".index-") as folder:
                place = Path(folder) / "index.db"
                built = without(file, gone, place, where=f"index {index.where}")
                workspace.artifacts.put(place.read_bytes())
                for store in index.stores:
                    store.publish(place)
        return built


class VectorPlace:
    """The cache of vectors. It is asked first: which vectors are meant is known as long as tables and indexes are."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def find(self, subject: Subject) -> list[Found]:
        """See `Place.find`: nothing is told of it, it holds no text; it is derived, and what it lacks is made again."""
        return []

    def erase(self, subject: Subject, reason: str) -> None:
        """See `Place.erase`."""
        if not (self._workspace.state / "embeddings.db").exists():
            return
        from kreis.actions.forgetting.tables import documents_told
        from kreis.generative.index.about import searched_text

        keys = {document_key(tenant, name) for tenant, name, _ in documents_told(self._workspace, subject)}
        texts = set()
        for entry in entries_told(self._workspace, subject):
            keys.add(document_key(entry.readers[0], entry.said[0]))
            for chunk, text in zip(entry.chunks, entry.texts, strict=True):
                texts.add(searched_text(entry.said[2], chunk.heading, text))
        embedding_cache(self._workspace.state).forget(documents=sorted(keys), texts=sorted(texts))


class CopyPlace:
    """Copies of files that are no longer among the artifacts: of runs, of runs that were cut off, of the service."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._service = files_beside(workspace.journal_folder)

    def find(self, subject: Subject) -> list[Found]:
        """See `Place.find`: nothing; a copy is told of as the index that it is of."""
        return []

    def erase(self, subject: Subject, reason: str) -> None:
        """See `Place.erase`. A running service lets go of its copies once it has taken the new release."""
        for folder in self._workspace.state.glob(".index-*"):
            shutil.rmtree(folder)
        until = time.monotonic() + _LETS_GO_S
        while self._gone(self._workspace.state / "files") + self._gone(self._service):
            for path in self._gone(self._workspace.state / "files"):
                path.unlink()
            cache = FileCache(self._service, self._workspace.artifacts)
            cache.keep_only(set())  # what a worker holds stays
            if time.monotonic() > until:
                break
            if self._gone(self._service):
                time.sleep(0.1)

    def left(self) -> list[Path]:
        """What a service holds still."""
        return self._gone(self._service)

    def _gone(self, folder: Path) -> list[Path]:
        held = (path for path in folder.glob("*") if len(path.name) == 64)
        return [path for path in held if not self._workspace.artifacts.has(path.name)]


def holds(subject: Subject, entry: Entry) -> bool:
    """Whether what an index holds of a document is a subject's."""
    if subject.document or not subject.in_texts:
        return subject.is_document(entry.readers[0], entry.said[0])
    headings = (chunk.heading for chunk in entry.chunks)
    return subject.told_in(*entry.said, *headings, *entry.texts, *entry.parents.values())


def entries_told(workspace: Workspace, subject: Subject) -> Iterator[Entry]:
    """What published indexes hold of a subject's documents."""
    for each in _published(workspace):
        with _opened(workspace.artifacts, each.sha256) as file:
            yield from (entry for _, entry in entries_of(file) if holds(subject, entry))


def _published(workspace: Workspace) -> list[_Published]:
    """The index files that steps and packages name, as far as they are there."""
    with workspace.ledger.read() as connection:
        models = list_models(connection)
        built = [step for step in steps_in(connection, "preparation") if step.name.startswith(INDEX)]
        trained = steps_in(connection, "training")
    forms = [Trained.from_document(step.outputs).candidate.form for step in trained]
    packages = [each.digest for each in models if workspace.artifacts.has(each.digest)]
    forms += [decode_manifest(workspace.artifacts.get(each), where=f"package {each[:12]}").model for each in packages]
    pipelines = [form for form in forms if isinstance(form, Pipeline)]
    named = {each.file.sha256: each for each in (BuiltKnowledge.from_document(step.outputs) for step in built)}
    found = {digest: (each.knowledge_base, each.index) for digest, each in named.items()}
    found |= {each.index.sha256: (each.knowledge_base, each.index_version) for each in pipelines}
    stores: dict[str, dict[IndexStoreKind, None]] = {digest: {} for digest in found}
    for each in pipelines:
        if each.store is not None:
            stores[each.index.sha256][each.store] = None
    here = sorted(digest for digest in found if workspace.artifacts.has(digest))
    return [_Published(digest, *found[digest], tuple(stores[digest])) for digest in here]


@contextmanager
def _opened(artifacts: ArtifactStore, digest: str) -> Iterator[sqlite3.Connection]:
    """In memory: no copy is left where it is cut off."""
    with closing(sqlite3.connect(":memory:")) as file:
        file.deserialize(artifacts.get(digest))
        yield file
