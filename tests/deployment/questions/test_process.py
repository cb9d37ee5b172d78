"""A service that answers questions, as a process: asked, watched going over to another release, killed in between."""

from __future__ import annotations

import json
import random
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from tests.deployment.conftest import Service
from tests.deployment.questions.conftest import HANDBOOK, SINCE, answering_package, logged
from tests.deployment.questions.test_chat import events
from tests.generative.misbehaving import Misbehaving, drops, well

from kreis.generative.documents.document import Document
from kreis.generative.language_models.kinds import OpenAICompatible
from kreis.ledger.records import Route

LEAVE = "How many days of leave do employees have?"
SAYS = "Employees have 30 days of leave a year. [1]"
MODEL = OpenAICompatible(env="LLM_URL", name="m")
LATER = Document(id="parking.md", title="Parking", known_at=SINCE, text="# Parking\n\nVisitors park behind the hall.\n")


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[Misbehaving]:
    with Misbehaving(well(SAYS)) as server:
        monkeypatch.setenv("LLM_URL", server.url)
        yield server


def ask(service: Service, question: str = LEAVE, **more: Any) -> tuple[int, Any]:
    status, reply = service.call("POST", "/v1/answer", {"question": question, **more})
    return status, reply


def test_asked_gone_over_and_gone_back(make_service: Any, model: Misbehaving) -> None:
    service: Service = make_service()
    first = answering_package(service, model=MODEL)
    service.release(first)
    service.start()
    service.wait_for(1)
    assert ask(service)[1]["answer"] == SAYS
    assert ask(service, "Where do visitors park?")[1]["answered"] is False
    files = {path.name for path in (service.config.log.parent / "files").glob("[0-9a-f]*")}
    assert len(files) == 1

    # Another index and no language model: a canary, half of the references meet it.
    second = answering_package(service, [*HANDBOOK, LATER])
    service.release(Route(model=first, share=0.5), Route(model=second, share=0.5))
    asked = {name: ask(service, reference=f"r{name}")[1]["version"] for name in range(40)}
    assert set(asked.values()) == {1, 2}
    assert asked == {name: ask(service, reference=f"r{name}")[1]["version"] for name in range(40)}
    service.release(second, fallback=first)
    assert ask(service, "Where do visitors park?")[1]["answer"] == "Visitors park behind the hall. [1]"

    # Back again: a new release that names the old version.
    service.release(first)
    reply = ask(service)[1]
    assert (reply["version"], reply["answer"]) == (1, SAYS)

    # Two releases later nothing names the second index: its file goes.
    third = answering_package(service, [*HANDBOOK, LATER], at=0.06, model=MODEL, passages=2)
    service.release(first, fallback=third)
    service.release(first)
    service.release(first)
    folder = service.config.log.parent / "files"
    service.until(lambda: {path.name for path in folder.glob("[0-9a-f]*")} == files)
    assert service.stop() == 0


def test_a_release_of_both_kinds_is_refused_and_the_old_one_answers_on(make_service: Any) -> None:
    service: Service = make_service()
    service.release(answering_package(service))
    service.start()
    service.wait_for(1)
    service.release(service.package(), fallback=answering_package(service), wait=False)
    service.until(lambda: "some of its models answer questions and some score rows" in service.log())
    assert ask(service)[1]["answered"] is True
    shadow = answering_package(service, [*HANDBOOK, LATER])
    service.release(
        Route(model=answering_package(service), share=1.0), Route(model=shadow, share=1.0, mode="shadow"), wait=False
    )
    service.until(lambda: "a shadow would pay for each question a second time" in service.log())
    assert ask(service)[1]["answered"] is True


def test_a_damaged_file_is_fetched_again(make_service: Any) -> None:
    service: Service = make_service()
    service.release(answering_package(service))
    service.start()
    service.wait_for(1)
    service.stop()
    (path,) = (service.config.log.parent / "files").glob("[0-9a-f]*")
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-100] + b"\0" * 100)
    service.start()
    service.wait_for(1)
    assert ask(service)[1]["answered"] is True


def test_a_gone_index_is_said_and_the_release_refused(make_service: Any) -> None:
    service: Service = make_service()
    digest = answering_package(service)
    for path in (service.root / "artifacts").rglob("*"):
        if path.is_file():
            path.unlink()
    service.release(digest)
    service.start()
    service.until(lambda: "that it answers from is gone" in service.log())
    assert ask(service)[0] == 503


@pytest.mark.parametrize("kill", [0, 1, *(pytest.param(each, marks=pytest.mark.slow) for each in range(2, 20))])
def test_killed_in_the_middle_of_answers_nothing_acknowledged_is_lost(
    make_service: Any, model: Misbehaving, kill: int
) -> None:
    service: Service = make_service()
    service.release(answering_package(service, model=MODEL), fallback=answering_package(service))
    service.start()
    service.wait_for(1)
    model.will(*[each for _ in range(60) for each in (well(SAYS), drops())], well(SAYS))
    given, sent, stop = [], [0], threading.Event()

    def client(number: int) -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{service.port}", timeout=20) as link:
            while not stop.is_set():
                sent[0] += 1
                stream = sent[0] % 2 == 0
                try:
                    answer = link.post("/v1/answer", json={"question": LEAVE, "stream": stream})
                except httpx.HTTPError:
                    return
                if not stream and answer.status_code == 200:
                    given.append(answer.json())
                elif stream and (found := _whole(answer)) is not None:
                    given.append(found)

    with ThreadPoolExecutor(8) as pool:
        clients = [pool.submit(client, number) for number in range(8)]
        waited = time.monotonic() + 20
        while len(given) < 20 and time.monotonic() < waited:
            time.sleep(0.005)
        time.sleep(random.Random(kill).random() * 0.1)
        service.stop(signal.SIGKILL)
        stop.set()
        for each in clients:
            each.result()
    predictions = {each.id: each for each in logged(service.config.log)[0]}
    assert len(given) >= 20
    for reply in given:
        record = predictions[reply["prediction"]]
        assert record.fields["answer"] == reply["answer"]
        assert (record.decision > 0) == reply["answered"]


def _whole(answer: httpx.Response) -> Any:
    """The last event of a stream, if it came."""
    try:
        found = [data for name, data in events(answer) if name == "answer"]
    except (KeyError, ValueError, json.JSONDecodeError):
        return None
    return found[0] if found else None


def test_a_stream_that_is_left_is_logged(make_service: Any, model: Misbehaving) -> None:
    service: Service = make_service()
    service.release(answering_package(service, model=MODEL))
    service.start()
    service.wait_for(1)
    going_on = threading.Event()
    model.will(well(SAYS, wait=going_on))
    with (
        httpx.Client(base_url=f"http://127.0.0.1:{service.port}", timeout=0.5) as link,
        pytest.raises(httpx.ReadTimeout),
    ):
        link.post("/v1/answer", json={"question": LEAVE, "stream": True, "reference": "left"})
    going_on.set()
    service.until(lambda: any(each.reference == "left" for each in logged(service.config.log)[0]))


def test_a_heavy_library_is_in_no_service_that_answers(make_service: Any) -> None:
    service: Service = make_service()
    service.release(answering_package(service))
    service.start()
    service.wait_for(1)
    ask(service)
    service.stop()
    assert "heavy modules loaded: none" in service.log()


def test_two_workers_answer_from_one_folder_of_files(make_service: Any) -> None:
    service: Service = make_service(workers=2)
    first, second = answering_package(service), answering_package(service, [*HANDBOOK, LATER])
    service.release(first)
    service.start()
    service.wait_for(1)
    for each in (second, first, second, second):
        service.release(each)
        for _ in range(8):  # some by either
            assert ask(service)[0] in (200, 503)  # the other one may not have a release yet
    service.until(lambda: ask(service, "Where do visitors park?")[1].get("answered") is True)
    service.until(lambda: len(list((service.config.log.parent / "files").glob("[0-9a-f]*"))) == 1)
    predictions, _ = logged(service.config.log)
    assert {each.model for each in predictions} <= {first, second}
