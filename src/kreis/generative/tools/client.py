"""The side that answers: asks the process of tools for calls."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from kreis.clock import Clock, microseconds
from kreis.digests import canonical_json
from kreis.generative.questions import Question
from kreis.generative.tools.spec import ToolResult, ToolSpec
from kreis.generative.tools.tokens import Grant, token_of
from kreis.generative.tools.tool import Caller
from kreis.generative.tools.wire import LARGEST, Description, Request, ask

__all__ = ["SocketToolCaller"]

_SECONDS = 15.0


class SocketToolCaller:
    """Calls tools of an allow list, on behalf of who asked the question. It holds the key; a model never sees it."""

    def __init__(
        self,
        address: Path | tuple[str, int],
        key: bytes,
        allowed: Sequence[ToolSpec],
        clock: Clock,
        *,
        seconds: float = _SECONDS,
    ) -> None:
        """Nothing is connected before the first call.

        Args:
            address: Where the tools listen (`address_of`).
            key: Shared with them (`key_in`).
            allowed: The tools of the package: another one, or one that says something else now, is refused.
            clock: Dates the tokens.
            seconds: How long a call may take all in all.
        """
        self._address = address
        self._key = key
        self._allowed = {spec.name: spec for spec in allowed}
        self._clock = clock
        self._seconds = seconds
        self._there: Description | None = None

    async def call(self, name: str, arguments: dict[str, Any], question: Question) -> ToolResult:
        """Ask for one call.

        Args:
            name: The tool's, as a model wrote it.
            arguments: As a model wrote them; the tools' process holds them to their types.
            question: Who asks: person, tenant and groups come from here alone.

        Returns:
            What came of it; nothing is raised.
        """
        spec = self._allowed.get(name)
        if spec is None:
            return ToolResult(tool=name[:100], status="refused", text="there is no such tool")
        data = canonical_json(arguments)
        if len(data) > LARGEST // 2:
            return ToolResult(tool=name, status="refused", text="the arguments are too long")
        return await self._ask("call", name, data, question, spec)

    async def confirm(self, request: str, question: Question) -> ToolResult:
        """Have a call done that waits for a person. To be called when that person said so, never by what a model says.

        Args:
            request: `ToolResult.request`.
            question: Who confirms: it must be who asked.
        """
        return await self._ask("confirm", request, b"{}", question, None)

    async def _ask(
        self, does: str, tool: str, arguments: bytes, question: Question, spec: ToolSpec | None
    ) -> ToolResult:
        caller = Caller(person=question.person, tenant=question.access.tenant, groups=question.access.groups)
        name = spec.name if spec is not None else ""
        try:
            for there in (self._there, None):
                if there is None:
                    there = await ask(self._address, Request(), Description, seconds=self._seconds)
                    self._there = there
                if spec is not None and spec not in there.tools:
                    return ToolResult(tool=name, status="refused", text="the tool has changed since")
                now = microseconds(self._clock.now())
                grant = Grant.to(does, tool, arguments, caller, instance=there.instance, now=now)
                request = Request(token=token_of(grant, self._key), arguments=arguments.decode())
                result: ToolResult = await ask(self._address, request, ToolResult, seconds=self._seconds)
                if result.text != "the token is for another process":
                    break
                self._there = None
        except (OSError, TimeoutError, msgspec.MsgspecError):
            self._there = None
            return ToolResult(tool=name, status="failed", text="the tools do not answer")
        return msgspec.structs.replace(result, tool=name) if name else result
