"""A call goes to a process of its own, with a token for it alone; what changes something waits for a person."""

from __future__ import annotations

import asyncio
import importlib.util
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kreis.clock import SimulatedClock, microseconds
from kreis.errors import ServiceError
from kreis.generative.index.index import Access
from kreis.generative.questions import Question
from kreis.generative.tools.client import SocketToolCaller
from kreis.generative.tools.server import ToolServer
from kreis.generative.tools.spec import ToolResult, ToolSpec
from kreis.generative.tools.tokens import Grant, token_of
from kreis.generative.tools.tool import Caller
from kreis.generative.tools.wire import Description, Request, ask

SHOP = Path(__file__).parent / "shop_tools.py"
KEY = b"k" * 32
ANN = Question(text="Where is my order?", person="ann", access=Access(tenant="north"))
BOB = Question(text="Where is my order?", person="bob", access=Access(tenant="north"))
ANN_OF_SOUTH = Question(text="Where is my order?", person="ann", access=Access(tenant="south"))


class Running:
    """Tools that listen in a folder."""

    def __init__(self, folder: Path, server: ToolServer, clock: SimulatedClock, there: Description) -> None:
        self.folder, self.server, self.clock, self.there = folder, server, clock, there
        self.address = folder / "tools.sock"

    def caller(self, *, key: bytes = KEY, allowed: tuple[ToolSpec, ...] | None = None) -> SocketToolCaller:
        return SocketToolCaller(self.address, key, self.there.tools if allowed is None else allowed, self.clock)

    @property
    def calls(self) -> list[str]:
        path = self.folder / "calls"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    async def send(self, grant: Grant, arguments: str, *, key: bytes = KEY) -> ToolResult:
        result: ToolResult = await ask(
            self.address, Request(token=token_of(grant, key), arguments=arguments), ToolResult, seconds=10
        )
        return result

    def grant(self, tool: str, arguments: str, does: str = "call") -> Grant:
        caller = Caller(person="ann", tenant="north")
        return Grant.to(
            does, tool, arguments.encode(), caller, instance=self.there.instance, now=microseconds(self.clock.now())
        )


@asynccontextmanager
async def running(folder: Path, *, limit_s: float = 10.0) -> AsyncIterator[Running]:
    clock = SimulatedClock(datetime(2026, 1, 1, tzinfo=UTC))
    server = ToolServer([sys.executable, str(SHOP), str(folder)], KEY, clock, workers=1, limit_s=limit_s)
    there = await server.start(folder / "tools.sock")
    try:
        yield Running(folder, server, clock, there)
    finally:
        await server.close()


def walk(folder: Path, steps: Callable[[Running], Awaitable[Any]], **settings: Any) -> Any:
    async def run() -> Any:
        async with running(folder, **settings) as shop:
            return await steps(shop)

    return asyncio.run(run())


def test_a_call_runs_for_who_asked(tmp_path: Path) -> None:
    async def steps(shop: Running) -> None:
        result = await shop.caller().call("lookup_order", {"number": "123", "lines": 2}, ANN)
        assert (result.status, msgspec.json.decode(result.text)) == (
            "done",
            {"order": "123", "state": "on its way", "lines": 2},
        )
        assert shop.calls == ["lookup_order 123 for ann of north"]
        assert (shop.address.stat().st_mode & 0o777) == 0o600

    walk(tmp_path, steps)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"number": 123},
        {"number": "123; DROP TABLE"},
        {"number": "12"},
        {"number": "123", "lines": "2"},
        {"number": "123", "more": 1},
        {"number": "123", "caller": {"person": "root"}},
        {"number": None},
        {"number": ["123"]},
    ],
)
def test_arguments_that_do_not_fit_their_types_run_nothing(arguments: dict[str, Any], shared: Any) -> None:
    async def steps(shop: Running) -> None:
        assert (await shop.caller().call("lookup_order", arguments, ANN)).status == "refused"

    shared(steps)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One process of tools, of which no test expects a call."""
    loop = asyncio.new_event_loop()
    context = running(tmp_path_factory.mktemp("t"))
    shop = loop.run_until_complete(context.__aenter__())
    yield lambda steps: loop.run_until_complete(steps(shop))
    assert shop.calls == []
    loop.run_until_complete(context.__aexit__(None, None, None))
    loop.close()


def test_what_is_not_on_the_list_is_refused(shared: Any) -> None:
    async def steps(shop: Running) -> None:
        few = tuple(spec for spec in shop.there.tools if spec.name == "lookup_order")
        caller = shop.caller(allowed=few)
        assert (await caller.call("sleep", {}, ANN)).status == "refused"
        assert (await caller.call("os.system", {"command": "id"}, ANN)).status == "refused"
        other = msgspec.structs.replace(few[0], description="It was reviewed as something else.")
        assert (await shop.caller(allowed=(other,)).call("lookup_order", {"number": "123"}, ANN)).status == "refused"

    shared(steps)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda grant: msgspec.structs.replace(grant, tool="nothing"), "there is no such tool"),
        (lambda grant: msgspec.structs.replace(grant, arguments="0" * 64), "the token is for other arguments"),
        (lambda grant: msgspec.structs.replace(grant, instance="another"), "the token is for another process"),
        (lambda grant: msgspec.structs.replace(grant, expires=grant.expires - 30_000_000), "the token has expired"),
    ],
)
def test_a_token_for_something_else_is_refused(spoil: Any, said: str, shared: Any) -> None:
    async def steps(shop: Running) -> None:
        arguments = '{"number":"123"}'
        result = await shop.send(spoil(shop.grant("lookup_order", arguments)), arguments)
        assert (result.status, result.text) == ("refused", said)

    shared(steps)


def test_a_token_of_another_key_is_refused(shared: Any) -> None:
    async def steps(shop: Running) -> None:
        result = await shop.caller(key=b"x" * 32).call("lookup_order", {"number": "123"}, ANN)
        assert (result.status, result.text) == ("refused", "the token was not made with this key")
        for token in ("AAAA", "not base64!", "é"):
            answer = await ask(shop.address, Request(token=token), ToolResult, seconds=10)
            assert answer.status == "refused"

    shared(steps)


def test_what_is_no_request_is_not_answered(shared: Any) -> None:
    async def steps(shop: Running) -> None:
        for sent in (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"x" * 100_000 + b"\n", b"{}garbage\n"):
            reader, writer = await asyncio.open_unix_connection(shop.address)
            writer.write(sent)
            writer.write_eof()
            assert await reader.read() == b""
            writer.close()

    shared(steps)


def test_a_token_is_used_once_and_until_it_expires(tmp_path: Path) -> None:
    async def steps(shop: Running) -> None:
        arguments = '{"number":"123"}'
        grant = shop.grant("lookup_order", arguments)
        answers = await asyncio.gather(*(shop.send(grant, arguments) for _ in range(20)))
        assert sorted(each.status for each in answers) == ["done"] + ["refused"] * 19
        late = shop.grant("lookup_order", arguments)
        shop.clock.advance(shop.clock.now() + timedelta(seconds=29.9))
        assert (await shop.send(late, arguments)).status == "done"
        shop.clock.advance(shop.clock.now() + timedelta(seconds=0.2))
        assert (await shop.send(late, arguments)).text == "the token has expired"
        assert len(shop.calls) == 2

    walk(tmp_path, steps)


def test_what_changes_something_waits_for_who_asked(tmp_path: Path) -> None:
    async def steps(shop: Running) -> None:
        caller = shop.caller()
        waits = await caller.call("cancel_order", {"number": "7"}, ANN)
        assert waits.status == "pending"
        assert shop.calls == []
        for other in (BOB, ANN_OF_SOUTH):
            assert (await caller.confirm(waits.request, other)).status == "refused"
        assert (await caller.confirm("another", ANN)).status == "refused"
        assert shop.calls == []
        assert (await caller.confirm(waits.request, ANN)).text == '"cancelled"'
        assert (await caller.confirm(waits.request, ANN)).status == "refused"
        assert shop.calls == ["cancel_order 7 for ann of north"]
        late = await caller.call("cancel_order", {"number": "8"}, ANN)
        shop.clock.advance(shop.clock.now() + timedelta(minutes=15))
        assert (await caller.confirm(late.request, ANN)).status == "refused"
        nobody = await caller.call("cancel_order", {"number": "9"}, Question(text="Cancel it."))
        assert (nobody.status, nobody.text) == ("refused", "nobody is known who could confirm it")
        assert len(shop.calls) == 1

    walk(tmp_path, steps)


def test_a_tool_that_hangs_dies_or_fails_is_a_result_and_the_next_call_runs(tmp_path: Path) -> None:
    async def steps(shop: Running) -> None:
        caller = shop.caller()
        assert (await caller.call("fail", {}, ANN)).text == "the tool failed"
        assert (await caller.call("flood", {}, ANN)).text == "the tool said too much"
        assert (await caller.call("die", {}, ANN)).status == "failed"
        assert (await caller.call("lookup_order", {"number": "123"}, ANN)).status == "done"
        assert (await caller.call("sleep", {}, ANN)).status == "failed"
        assert (await caller.call("lookup_order", {"number": "124"}, ANN)).status == "done"

    walk(tmp_path, steps, limit_s=2.0)


def test_tools_that_are_started_anew_are_found_and_those_that_are_gone_are_a_result(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as first:
            caller = first.caller()
            assert (await caller.call("lookup_order", {"number": "123"}, ANN)).status == "done"
        gone = await caller.call("lookup_order", {"number": "123"}, ANN)
        assert (gone.status, gone.text) == ("failed", "the tools do not answer")
        async with running(tmp_path):
            assert (await caller.call("lookup_order", {"number": "123"}, ANN)).status == "done"

    asyncio.run(run())


def test_tools_do_not_take_the_place_of_others_but_that_of_dead_ones(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as first:
            with pytest.raises(ServiceError, match="other tools listen there"):
                async with running(tmp_path):
                    pass
            assert (await first.caller().call("lookup_order", {"number": "123"}, ANN)).status == "done"
        (tmp_path / "tools.sock").unlink(missing_ok=True)
        left = socket.socket(socket.AF_UNIX)
        left.bind(str(tmp_path / "tools.sock"))
        left.close()
        async with running(tmp_path) as second:
            assert (await second.caller().call("lookup_order", {"number": "123"}, ANN)).status == "done"

    asyncio.run(run())


def test_the_module_of_tools_is_never_loaded_by_who_asks() -> None:
    assert importlib.util.find_spec("shop_tools") is None
