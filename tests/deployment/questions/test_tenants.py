"""Twenty tenants ask over shared and private documents: nobody is shown, or answered from, another's."""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from tests.deployment.conftest import Service
from tests.deployment.questions.conftest import SINCE, answering_package, logged

from kreis.clock import SimulatedClock
from kreis.deployment.packages import open_package
from kreis.deployment.predictions.journal import Journal
from kreis.deployment.predictions.reader import parse_segment
from kreis.deployment.server.answering import Answering
from kreis.deployment.server.config import Limits
from kreis.deployment.server.metrics import Metrics
from kreis.deployment.server.questions.answering import Questions
from kreis.deployment.server.questions.files import FileCache
from kreis.deployment.server.questions.messages import AnswerReply, Asker, AskQuestion
from kreis.deployment.server.questions.models import LoadedAnswerer, QuestionRelease
from kreis.deployment.signing import load_trusted
from kreis.digests import digest_of
from kreis.generative.cache.policy import CachePolicy
from kreis.generative.documents.document import Document
from kreis.generative.embeddings.kinds import LocalEmbedding
from kreis.generative.retrieval.kinds import Hybrid
from kreis.ledger.records import Route

AT = datetime(2026, 5, 1, 10, tzinfo=UTC)
TENANTS = [f"tenant{number}" for number in range(20)]
GROUPS = ("", "board", "staff")
THINGS = ("budget", "bonus", "discount", "deadline", "password rule", "holiday plan")
EMBEDDING = LocalEmbedding("minilm-l6-int8")
SECRET = re.compile(r"\b[1-9]\d{5}\b")


def handbook() -> tuple[list[Document], dict[str, tuple[str, str]]]:
    """Documents that differ by whose they are and by a number alone; and whose each number is: tenant and group."""
    documents, owners = [], {}
    rng = random.Random(0)
    for tenant in ("", *TENANTS):
        for group in GROUPS:
            for thing in THINGS:
                number = str(rng.randrange(100_000, 1_000_000))
                while number in owners:
                    number = str(rng.randrange(100_000, 1_000_000))
                owners[number] = (tenant, group)
                documents.append(
                    Document(
                        id=f"{tenant}-{group}-{thing}.md",
                        title=thing,
                        known_at=SINCE,
                        tenant=tenant,
                        groups=(group,) if group else (),
                        text=f"# The {thing}\n\nThe {thing} of the company is {number}.\n",
                    )
                )
    return documents, owners


def askers() -> list[Asker]:
    return [
        Asker(name=tenant, sha256=digest_of(f"{tenant}'s token".encode()), tenant=tenant, groups=groups)
        for place, tenant in enumerate(TENANTS)
        for groups in [[[], ["board"], ["staff"], ["board", "staff"]][place % 4]]
    ]


def asked_at_random(count: int) -> list[tuple[Asker, str]]:
    """Questions that many ask in the same words."""
    rng = random.Random(1)
    forms = ("What is the {} of the company?", "How high is the company's {}?", "Tell me the {} of {}.", "{}, company")
    found = []
    for _ in range(count):
        words = [rng.choice(THINGS), rng.choice(TENANTS)]
        found.append((rng.choice(askers()), rng.choice(forms).format(*words)))
    return found


def package(service: Service, documents: list[Document]) -> str:
    cache = CachePolicy(threshold=0.97, embedding=EMBEDDING.open().digest, entries=5_000)
    return answering_package(service, documents, embedding=EMBEDDING, search=Hybrid(lexical=0.5), cache=cache)


def not_theirs(said: str, asker: Asker, owners: dict[str, tuple[str, str]]) -> list[str]:
    """Numbers in a text that the asker may not read."""
    found = []
    for number in SECRET.findall(said):
        tenant, group = owners.get(number, ("", ""))
        if tenant not in ("", asker.tenant) or (group and group not in asker.groups):
            found.append(number)
    return found


@pytest.mark.slow
def test_of_2000_questions_by_20_tenants_none_shows_or_answers_from_anothers_documents(make_service: Any) -> None:
    service: Service = make_service()
    documents, owners = handbook()
    assert not_theirs(" ".join(owners), askers()[0], owners)  # the check sees what is not theirs
    digest = package(service, documents)
    opened = open_package(digest, service.envelopes[digest], service.artifacts, load_trusted(service.config.trusted))
    loaded = LoadedAnswerer(opened, 1, FileCache(service.root / "files", service.artifacts))
    release = QuestionRelease(service.pointer([Route(model=digest, share=1.0)]).release, {digest: loaded})

    class Serving:
        current = release

    journal = Journal(service.root / "log", SimulatedClock(AT))
    questions = Questions(Serving(), Answering(Serving(), journal, Metrics()), Limits())
    counts: Counter[str] = Counter()

    async def ask_all() -> list[tuple[Asker, AnswerReply]]:
        came = []
        asked = asked_at_random(2_000)
        for start in range(0, len(asked), 20):
            some = asked[start : start + 20]
            replies = await asyncio.gather(
                *(questions.answer(AskQuestion(question=text), asker, AT) for asker, text in some)
            )
            came += [(asker, reply) for (asker, _), reply in zip(some, replies, strict=True)]
        await loaded.close()
        return came

    for asker, reply in asyncio.run(ask_all()):
        counts["answered"] += reply.answered
        counts["passages"] += len(reply.passages)
        counts["own"] += sum(each.document.startswith("tenant") for each in reply.passages)
        said = msgspec.json.encode(reply).decode()
        counts["not theirs"] += len(not_theirs(said, asker, owners))
    records = [
        record
        for path in (service.root / "log").glob("*.log")
        for record in parse_segment(path, path.read_bytes()).predictions
    ]
    counts["cached"] = sum(bool(record.fields.get("cached")) for record in records)
    assert len(records) == 2_000, counts
    sys.stderr.write(f"{dict(counts)}\n")
    assert counts["not theirs"] == 0
    assert counts["answered"] > 500
    assert counts["own"] > 500
    assert counts["cached"] > 100, counts


def test_over_http_nobody_is_answered_from_anothers_documents(make_service: Any) -> None:
    service: Service = make_service(askers=askers())
    documents, owners = handbook()
    service.release(package(service, documents))
    service.start()
    service.wait_for(1)
    answered = 0
    for asker, text in asked_at_random(120):
        token = {"Authorization": f"Bearer {asker.tenant}'s token"}
        status, reply = service.call("POST", "/v1/answer", {"question": text}, token)
        assert status == 200
        answered += reply["answered"]
        assert not_theirs(json.dumps(reply), asker, owners) == []
    assert answered > 20
    assert {each.keys["tenant"] for each in logged(service.config.log)[0]} <= set(TENANTS)
