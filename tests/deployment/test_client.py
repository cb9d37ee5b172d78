"""The client: order, refusals, broken and stalled services."""

import asyncio
import json

import pytest

from kreis.demo.client import ServiceClient
from kreis.deployment.predictions.reader import parse_segment
from kreis.errors import ServiceError


def body(hour, **more):
    return json.dumps({"fields": {"hour": hour}, "reference": f"flight-{hour}", **more}).encode()


def ask(port, use, **options):
    async def run():
        async with ServiceClient("127.0.0.1", port, **options) as client:
            return await use(client)

    return asyncio.run(run())


def test_answers_come_in_the_order_of_the_bodies(service):
    hours = [number - 50 for number in range(100)]
    times = [1_367_366_400_000_000 + number for number in range(100)]
    answers = ask(service.port, lambda client: client.predict_many([body(hour) for hour in hours], times))
    assert answers[0]["at"] == "2013-05-01T00:00:00Z"
    assert [answer["at"] for answer in answers[1:]] == [f"2013-05-01T00:00:00.{n:06}Z" for n in range(1, 100)]
    assert answers[0]["score"] < answers[50]["score"] < answers[99]["score"]


def test_outcomes_and_flush(service):
    outcomes = [{"reference": f"flight-{number}", "outcome": 1.0} for number in range(25)]

    async def use(client):
        return await client.outcomes(outcomes, batch=10), await client.flush()

    assert ask(service.port, use)[0] == 25
    found = [
        each for path in service.config.log.glob("*.log") for each in parse_segment(path, path.read_bytes()).outcomes
    ]
    assert len(found) == 25


def test_a_refusal_is_an_error_with_the_services_words(service):
    with pytest.raises(ServiceError, match="422 unknown_field: unknown field 'hours'") as caught:
        ask(service.port, lambda client: client.post("/v1/predict", {"fields": {"hours": 1}}))
    assert "log knows it as" in str(caught.value)
    with pytest.raises(ServiceError, match="400 no_json"):
        ask(service.port, lambda client: client.predict_many([body(1), b"nonsense"]))


def test_waiting_for_a_release_says_what_is_wrong(service):
    ask(service.port, lambda client: client.wait_for_release(1))
    with pytest.raises(ServiceError, match="release 9 does not answer"):
        ask(service.port, lambda client: client.wait_for_release(9, timeout_s=0.1))


def test_nobody_there_is_a_clear_error():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        with pytest.raises(ServiceError, match="service 127") as caught:
            ask(probe.getsockname()[1], lambda client: client.request("GET", "/healthz"))
    assert "is the service running?" in str(caught.value)


async def other_service(answer):
    """A server on a free port that answers each request by `answer(number, writer)`."""
    count = 0

    async def handle(reader, writer):
        nonlocal count
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                count += 1
                if not await answer(count, writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionResetError, asyncio.CancelledError):
            pass
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


def against(answer, **options):
    async def run():
        server, port = await other_service(answer)
        async with server, ServiceClient("127.0.0.1", port, connections=1, **options) as client:
            return [await client.request("GET", "/") for _ in range(3)]

    return asyncio.run(run())


def test_a_broken_connection_is_tried_again():
    async def every_other(number, writer):
        if number % 2:
            return False
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        return True

    assert against(every_other) == [(200, b"ok")] * 3


def test_answers_in_pieces_are_put_together():
    async def dribble(number, writer):
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok":
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        return True

    assert against(dribble) == [(200, b"ok")] * 3


def test_a_stalled_service_is_a_timeout():
    async def stall(number, writer):
        return True

    with pytest.raises(ServiceError, match="no answer within"):
        against(stall, timeout_s=0.1)
