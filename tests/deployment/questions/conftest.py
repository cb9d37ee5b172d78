"""A release that answers questions about a handbook of a few pages: real index, real package, real service."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.deployment.conftest import Service

from kreis.deployment.manifest import Manifest
from kreis.deployment.packages import PAYLOAD_TYPE, build_package
from kreis.deployment.predictions.reader import parse_segment
from kreis.deployment.predictions.records import OutcomeRecord, PredictionRecord
from kreis.deployment.server.questions.messages import Asker
from kreis.deployment.signing import sign
from kreis.digests import digest_of
from kreis.generative.chunking.kinds import ByStructure
from kreis.generative.documents.document import Document
from kreis.generative.index.build import build_index
from kreis.generative.pipeline import Pipeline
from kreis.generative.questions import SIGNALS
from kreis.generative.retrieval.kinds import Lexical
from kreis.tasks.decisions import AnswerFrom
from kreis.tasks.outcomes import Feedback

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
TOKENS = {"anna": "anna's token", "bert": "bert's token"}
ASKERS: list[dict[str, Any]] = [
    {"sha256": digest_of(TOKENS["anna"].encode()), "tenant": "acme", "groups": ["board"]},
    {"sha256": digest_of(TOKENS["bert"].encode()), "tenant": "other", "groups": []},
]
HANDBOOK = [
    Document(id="leave.md", title="Leave", known_at=SINCE, text="# Leave\n\nEmployees have 30 days of leave a year.\n"),
    Document(id="laptop.md", title="Laptops", known_at=SINCE, text="# Laptops\n\nThe service desk orders laptops.\n"),
    Document(
        id="pay.md",
        title="Pay",
        known_at=SINCE,
        tenant="acme",
        groups=("board",),
        text="# Pay\n\nThe salary of the director is 200,000 euro.\n",
    ),
]


def answering_package(service: Service, documents: Sequence[Document] = HANDBOOK, at: float = 0.05, **more: Any) -> str:
    """Index documents, and build and sign a package that answers from them; its digest."""
    place = service.root / "an.index"
    embedding = more.get("embedding")
    built = build_index(documents, chunker=ByStructure(), embedding=embedding, cache=None, place=place)
    service.artifacts.put(place.read_bytes())
    given = {"search": Lexical(), **more}
    form = Pipeline(knowledge_base="handbook", index=built.file, index_version=built.version, **given)
    manifest = Manifest(
        project="flights",
        candidate="passage",
        model=form,
        features=list(SIGNALS),
        views=[],
        request_views=[],
        decision=AnswerFrom(at),
        goal="0" * 64,
        metric={},
        outcome="what came of it",
        inputs={},
        training={},
        reference={},
        outcomes=Feedback(),
    )
    digest = build_package(manifest, form, service.artifacts).digest
    service.envelopes[digest] = sign(manifest.canonical(), PAYLOAD_TYPE, service.keys)
    service.versions.setdefault(digest, len(service.versions) + 1)
    return digest


def logged(folder: Path) -> tuple[list[PredictionRecord], list[OutcomeRecord]]:
    """What stands in the prediction log, in order."""
    segments = [parse_segment(path, path.read_bytes()) for path in sorted(folder.glob("*.log"))]
    predictions = [each for segment in segments for each in segment.predictions]
    return predictions, [each for segment in segments for each in segment.outcomes]


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS[name]}"}


@contextmanager
def running(root: Path) -> Iterator[Service]:
    """A running service that answers from the handbook, with two askers."""
    made = Service(root, askers=[Asker(**each) for each in ASKERS])
    made.release(answering_package(made))
    try:
        made.start()
        made.wait_for(1)
        yield made
    finally:
        made.stop()


@contextmanager
def answering_service(root: Path) -> Iterator[tuple[str, str]]:
    """The same: its address, and a token."""
    with running(root) as made:
        yield f"localhost:{made.port}", TOKENS["bert"]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One running service, shared by a module's tests."""
    with running(tmp_path_factory.mktemp("service")) as made:
        yield made
