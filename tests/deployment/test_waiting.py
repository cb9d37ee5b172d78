"""Under way: the bound of those worked on, the turn of those that wait, the deadline of bodies."""

import asyncio
import resource
import socket
import time
from types import SimpleNamespace

import pytest

from kreis.demo.client import ServiceClient
from kreis.deployment.server.config import Limits
from kreis.deployment.server.http import waiting as module
from kreis.deployment.server.http.waiting import RETRY_AFTER_S, Waiting
from kreis.deployment.server.messages import Refusal

ROW = b'{"fields": {"hour": 1}}'


@pytest.fixture
def now(monkeypatch):
    """The monotonic clock, set by hand."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(module, "monotonic", lambda: clock.now)
    return clock


async def started(coroutine):
    task = asyncio.create_task(coroutine)
    await asyncio.sleep(0)
    return task


def test_the_newest_gets_the_place_that_is_given_up(now):
    async def scenario():
        waiting = Waiting(Limits(waiting=1))
        waiting.under_way = 1
        assert waiting.full
        first, second = await started(waiting.turn("a:1")), await started(waiting.turn("b:1"))
        waiting.leave()
        assert await second
        assert (waiting.under_way, first.done()) == (1, False)
        waiting.leave()
        assert await first
        waiting.leave()
        assert (waiting.under_way, waiting.full) == (0, False)

    asyncio.run(scenario())


def test_who_has_waited_too_long_is_refused(now):
    async def scenario():
        waiting = Waiting(Limits(waiting=1))
        waiting.under_way = 1
        first = await started(waiting.turn("a:1"))
        now.now += 0.02
        second = await started(waiting.turn("b:1"))
        now.now += 0.02
        waiting.look()
        assert await first is False
        assert not second.done()
        waiting.leave()
        assert await second

    asyncio.run(scenario())


async def refused(now, waiting, client):
    task = await started(waiting.turn(client))
    now.now += 0.06
    waiting.look()
    assert await task is False


def test_who_comes_back_too_soon_waits_until_he_may(now):
    async def scenario():
        waiting = Waiting(Limits(waiting=1))
        waiting.under_way = 1
        await refused(now, waiting, "a:1")
        early = await started(waiting.turn("a:1"))
        now.now += RETRY_AFTER_S - 0.1
        waiting.look()
        await asyncio.sleep(0)
        assert not early.done()
        now.now += 0.2
        waiting.look()
        assert await early is False
        now.now += RETRY_AFTER_S + 0.1
        await refused(now, waiting, "a:1")  # in time again: like everybody

    asyncio.run(scenario())


def test_who_comes_back_too_soon_gets_a_place_that_nobody_else_wants(now):
    async def scenario():
        waiting = Waiting(Limits(waiting=1))
        waiting.under_way = 1
        await refused(now, waiting, "a:1")
        early, other = await started(waiting.turn("a:1")), await started(waiting.turn("b:1"))
        waiting.leave()
        assert (await asyncio.wait((early, other), timeout=0.2))[0] == {other}
        waiting.leave()
        assert await early

    asyncio.run(scenario())


def test_refused_connections_are_forgotten_in_time(now):
    async def scenario():
        waiting = Waiting(Limits(waiting=1))
        waiting.under_way = 1
        for port in range(3):
            await refused(now, waiting, f"a:{port}")
        assert len(waiting._refused) == 3
        now.now += RETRY_AFTER_S + 0.1
        waiting.look()
        assert not waiting._refused

    asyncio.run(scenario())


def test_a_slow_body_gives_up_its_place_before_others_give_up_theirs(now):
    async def scenario():
        waiting = Waiting(Limits(waiting=1))
        waiting.under_way = 1
        slow, other = await started(reading(waiting, "a:1")), await started(waiting.turn("b:1"))
        now.now += 0.031
        waiting.look()
        assert await other
        slow.cancel()

    asyncio.run(scenario())


async def reading(waiting, client):
    mine = waiting.begin(SimpleNamespace(client=client))
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        raise mine.ended() from None
    finally:
        waiting.done(mine)


def test_a_slow_body_takes_no_place_and_ends_at_its_deadline(now):
    async def scenario():
        waiting = Waiting(Limits(waiting=1, body_read_ms=1_000))
        waiting.under_way = 1
        slow = await started(reading(waiting, "10.0.0.1:5"))
        now.now += 0.01
        waiting.look()
        assert waiting.full
        now.now += 0.02
        waiting.look()
        assert not waiting.full
        now.now += 0.96
        waiting.look()
        await asyncio.sleep(0)
        assert not slow.done()
        now.now += 0.02
        waiting.look()
        with pytest.raises(Refusal, match="did not arrive within 1 s") as caught:
            await slow
        assert caught.value.status == 408
        assert waiting.full  # its place counts again until it leaves

    asyncio.run(scenario())


def test_the_oldest_slow_bodies_of_one_client_are_refused(now):
    async def scenario():
        waiting = Waiting(Limits(slow_bodies=2))
        mine = [await started(reading(waiting, f"10.0.0.1:{port}")) for port in range(4)]
        other = await started(reading(waiting, "10.0.0.2:1"))
        now.now += 0.2
        waiting.look()
        for task in mine[:2]:
            with pytest.raises(Refusal) as caught:
                await task
            assert caught.value.status == 503
        assert not any(task.done() for task in (*mine[2:], other))
        for task in (*mine[2:], other):
            task.cancel()
        found = await asyncio.gather(*mine[2:], other, return_exceptions=True)
        assert all(isinstance(each, asyncio.CancelledError) for each in found)

    asyncio.run(scenario())


HALF = b"POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"


def hang(service, count):
    connections = []
    for _ in range(count):
        connections.append(socket.create_connection(("127.0.0.1", service.port), 10))
        connections[-1].sendall(HALF)
    return connections


def answered(connections):
    """The status of each that was answered, in the order of the connections."""
    found = []
    for connection in connections:
        connection.settimeout(5)
        found.append(connection.recv(100).split()[1].decode())
        connection.close()
    return found


def test_bodies_that_hang_are_ended_and_nobody_else_notices(make_service):
    service = make_service(limits=Limits(body_read_ms=500, slow_bodies=10, waiting=4))
    service.release(service.package(), wait=False)
    service.start().wait_for(1)
    connections = hang(service, 30)
    assert service.get("/healthz")[0] == 200
    service.until(lambda: service.call("POST", "/v1/predict", ROW)[0] == 200)
    statuses = answered(connections)
    assert set(statuses) == {"503", "408"}
    assert 1 <= statuses.count("408") <= 10
    assert service.call("POST", "/v1/predict", ROW)[0] == 200


@pytest.mark.faults
def test_two_thousand_hanging_bodies_shut_nobody_out(make_service):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 5_000:
        pytest.skip("this process may not open as many files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 5_000), hard))
    service = make_service()
    service.release(service.package(), wait=False)
    service.start().wait_for(1)
    connections = hang(service, 2_100)
    started_at = time.monotonic()
    assert service.get("/healthz")[0] == 200
    assert service.call("POST", "/v1/predict", ROW)[0] == 200
    assert time.monotonic() - started_at < 5
    for connection in connections:
        connection.close()


def test_what_is_too_much_is_refused_with_retry_after_and_counted(make_service):
    service = make_service(limits=Limits(waiting=0))
    service.release(service.package(), wait=False)
    service.start().wait_for(1)
    with socket.create_connection(("127.0.0.1", service.port), 10) as connection:
        connection.sendall(HALF.replace(b"100", str(len(ROW)).encode())[:-1] + ROW)
        answer = connection.recv(1000)
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"retry-after: 1" in answer
    assert b'"overloaded"' in answer
    assert service.get("/healthz")[0] == 200
    service.until(lambda: 'route="/v1/predict",status="503"' in service.get("/metrics", raw=True)[1])


def test_a_burst_is_answered_within_the_bound(make_service):
    """Twenty times as many at once as have a place: each is answered, now or when a place is free."""
    service = make_service(limits=Limits(waiting=5))
    service.release(service.package(), wait=False)
    service.start().wait_for(1)

    async def burst():
        async with ServiceClient("127.0.0.1", service.port, connections=100) as client:
            return [await client.request("POST", "/v1/predict", ROW), *await asyncio.gather(*ask(client))]

    def ask(client):
        return [client.request("POST", "/v1/predict", ROW) for _ in range(100)]

    statuses = [status for status, _ in asyncio.run(burst())]
    assert set(statuses) <= {200, 503}
    assert statuses.count(200) >= 20
