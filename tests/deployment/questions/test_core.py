"""The core for questions by itself, with a language model behind an address that misbehaves as it is told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
from tests.deployment.conftest import Service
from tests.deployment.questions.conftest import answering_package
from tests.generative.misbehaving import Misbehaving, drops, error_in_stream, slow, well

from kreis.clock import SimulatedClock
from kreis.deployment.packages import open_package
from kreis.deployment.predictions.journal import Journal
from kreis.deployment.predictions.reader import parse_segment
from kreis.deployment.predictions.records import PredictionRecord
from kreis.deployment.server.answering import Answering
from kreis.deployment.server.config import Limits
from kreis.deployment.server.messages import Refusal, Unavailable
from kreis.deployment.server.metrics import Metrics
from kreis.deployment.server.questions.answering import Questions
from kreis.deployment.server.questions.files import FileCache
from kreis.deployment.server.questions.messages import AnswerReply, Asker, AskQuestion
from kreis.deployment.server.questions.models import LoadedAnswerer, QuestionRelease
from kreis.deployment.signing import load_trusted
from kreis.errors import StoreError
from kreis.generative.language_models.kinds import OpenAICompatible
from kreis.ledger.records import Route

AT = datetime(2026, 5, 1, 10, tzinfo=UTC)
LEAVE = "How many days of leave do employees have?"
SAYS = "Employees have 30 days of leave a year. [1]"
NOBODY = Asker()
T = TypeVar("T")


class Core:
    """A core that answers from the handbook, and its log."""

    def __init__(self, service: Service, release: QuestionRelease | None, limits: Limits, *, durable: bool) -> None:
        self.current = release
        self.folder = service.root / "log"
        self.metrics = Metrics()
        self.journal = Journal(self.folder, SimulatedClock(AT), durable=durable)
        answering = Answering(self, self.journal, self.metrics, durable=durable)
        self.questions = Questions(self, answering, limits)

    @property
    def logged(self) -> list[PredictionRecord]:
        return [
            record
            for path in sorted(self.folder.glob("*.log"))
            for record in parse_segment(path, path.read_bytes()).predictions
        ]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it in a loop of its own, and close what was opened there."""

        async def whole() -> T:
            try:
                return await asyncio.wait_for(work, 20)
            finally:
                if self.current is not None:
                    await asyncio.gather(*(each.close() for each in self.current.models.values()))

        return asyncio.run(whole())

    async def pieces(self, question: str = LEAVE) -> tuple[list[str], AnswerReply]:
        *pieces, last = [item async for item in self.questions.stream(AskQuestion(question=question), NOBODY, AT)]
        assert isinstance(last, AnswerReply)
        return [str(each) for each in pieces], last


Make = Callable[..., Core]


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[Misbehaving]:
    with Misbehaving(well(SAYS)) as server:
        monkeypatch.setenv("LLM_URL", server.url)
        yield server


@pytest.fixture
def make(tmp_path: Path, make_service: Any) -> Make:
    """Makes a core: the first model asks a language model, the release's fallback does not."""

    def make(*, limits: Limits = Limits(), fallback: bool = True, durable: bool = False, at: float = 0.05) -> Core:
        service: Service = make_service()
        asking = answering_package(service, at=at, model=OpenAICompatible(env="LLM_URL", name="m"))
        plain = answering_package(service, at=at)
        files = FileCache(service.root / "files", service.artifacts)
        trusted = load_trusted(service.config.trusted)
        loaded = {
            digest: LoadedAnswerer(
                open_package(digest, service.envelopes[digest], service.artifacts, trusted), number, files
            )
            for number, digest in enumerate((asking, plain), start=1)
        }
        pointer = service.pointer([Route(model=asking, share=1.0)], fallback=plain if fallback else None)
        return Core(service, QuestionRelease(pointer.release, loaded), limits, durable=durable)

    return make


def ask(core: Core, question: str = LEAVE, **more: Any) -> AnswerReply:
    return core.run(core.questions.answer(AskQuestion(question=question, **more), NOBODY, AT))


def test_a_model_answers_and_what_it_cost_is_logged(make: Make, model: Misbehaving) -> None:
    core = make()
    reply = ask(core)
    assert (reply.answered, reply.answer, reply.fallback) == (True, SAYS, False)
    (record,) = core.logged
    assert record.score.all[1] == reply.tokens == model.charged  # type: ignore[union-attr]
    assert record.fields["language_model"] == "m"
    assert record.fields["prompt"]
    assert core.metrics.tokens == model.charged


def test_a_model_that_fails_is_answered_for_and_paid_once(make: Make, model: Misbehaving) -> None:
    core = make()
    model.will(drops())
    reply = ask(core)
    assert reply.answered
    assert len(core.logged) == 1
    assert reply.flags == ["fallback: sentences of the passages stand for an answer of the model"]
    assert core.logged[0].fields["fallback"] == "passages"
    assert core.metrics.fallbacks == 1
    assert "by the fallback" in str(core.logged[0].fields["why"])


def test_a_model_that_takes_too_long_gives_way_within_the_time(make: Make, model: Misbehaving) -> None:
    core = make(limits=Limits(answer_ms=2_000))
    model.will(slow())
    reply = ask(core)
    assert reply.answered
    (record,) = core.logged
    assert record.latency_us < 2_000_000
    assert record.score.all[1] == model.charged  # type: ignore[union-attr]


def test_without_a_fallback_an_answer_that_takes_too_long_is_passed_on_and_logged(
    make: Make, model: Misbehaving
) -> None:
    core = make(limits=Limits(answer_ms=300), fallback=False)
    model.will(slow())
    assert ask(core).outcome in ("failed", "answered")
    (record,) = core.logged
    assert record.fields["question"] == LEAVE


def test_pieces_are_those_of_the_whole(make: Make, model: Misbehaving) -> None:
    core = make()
    pieces, whole = core.run(core.pieces())
    assert whole.answered
    assert "".join(pieces) == whole.answer
    assert [each.id for each in core.logged] == [whole.prediction]


def test_of_what_is_not_sure_enough_no_piece_is_given(make: Make, model: Misbehaving) -> None:
    core = make(at=0.999)
    pieces, whole = core.run(core.pieces("How many days of leave do new employees in the Paris office have?"))
    assert (pieces, whole.answered, whole.outcome) == ([], False, "answered")
    assert whole.answer == "I can't answer this from the documents; a person will."
    assert core.logged[0].decision < 0
    assert core.logged[0].fields["answer"] == SAYS


def test_a_stream_that_breaks_off_ends_with_what_counts(make: Make, model: Misbehaving) -> None:
    core = make()
    model.will(error_in_stream("Employees"))
    _, whole = core.run(core.pieces())
    assert whole.answered
    assert len(core.logged) == 1


def test_whoever_leaves_is_answered_in_the_log(make: Make, model: Misbehaving) -> None:
    core = make()
    going_on = threading.Event()
    model.will(well(SAYS, wait=going_on))

    async def leave() -> None:
        asking = asyncio.create_task(core.questions.answer(AskQuestion(question=LEAVE), NOBODY, AT))
        while not model.requests:
            await asyncio.sleep(0.005)
        asking.cancel()
        going_on.set()
        while not core.logged:
            await asyncio.sleep(0.005)

    core.run(leave())
    assert core.logged[0].fields["answer"] == SAYS


def test_more_answers_than_may_be_under_way_are_refused(make: Make, model: Misbehaving) -> None:
    core = make(limits=Limits(answers=2))
    going_on = threading.Event()
    model.will(well(SAYS, wait=going_on))

    async def crowd() -> list[Any]:
        asked = [asyncio.create_task(core.questions.answer(AskQuestion(question=LEAVE), NOBODY, AT)) for _ in range(5)]
        while sum(each.done() for each in asked) != 3:
            await asyncio.sleep(0.005)
        going_on.set()
        return await asyncio.gather(*asked, return_exceptions=True)

    came = core.run(crowd())
    assert sum(isinstance(each, Unavailable) for each in came) == 3
    assert {each.code for each in came if isinstance(each, Refusal)} == {"overloaded"}
    assert len(core.logged) == 2


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_cannot_be_kept_is_not_given(make: Make, model: Misbehaving, stream: bool) -> None:
    core = make(durable=True)

    def no_disk() -> None:
        raise OSError(5, "Input/output error")

    core.journal.sync = no_disk  # type: ignore[method-assign]
    with pytest.raises(StoreError):
        core.run(core.pieces()) if stream else ask(core)
    assert core.logged == []  # withdrawn


def test_a_conversation_meets_the_same_model_of_a_canary_and_questions_are_drawn(
    make: Make, model: Misbehaving
) -> None:
    core = make()
    assert core.current is not None
    first, other = core.current.models.values()
    routes = [Route(model=first.digest, share=0.5), Route(model=other.digest, share=0.5)]
    release = core.current.release
    split = QuestionRelease(type(release)(**{**_fields(release), "routes": routes}), core.current.models)
    anna, bert = Asker(sha256="a" * 64), Asker(sha256="c" * 64)
    for asker in (anna, bert, NOBODY):
        assert len({split.choose(None, asker, f"question {each}").digest for each in range(50)}) == 2
        assert len({split.choose(None, asker, "question 1").digest for each in range(5)}) == 1
    assert len({split.choose("order-7", each, "q").digest for each in (anna, bert, NOBODY)}) == 1


def _fields(struct: Any) -> dict[str, Any]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}
