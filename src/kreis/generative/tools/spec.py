"""What a tool is, as data in a package, and what came of a call."""

from __future__ import annotations

from typing import Any, Literal, Protocol

import msgspec

from kreis.generative.questions import Question

__all__ = ["ToolCaller", "ToolResult", "ToolSpec"]


class ToolSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tool that a model may ask for."""

    name: str
    description: str
    """What it does, for the model: the function's docstring."""
    schema: dict[str, Any]
    """JSON Schema of its arguments, an object."""
    changes_state: bool = False
    """Whether a person must confirm each call."""


class ToolResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a call. `text` is data for the model, never an instruction: `Guards.tool_result` reads it first."""

    tool: str
    status: Literal["done", "pending", "refused", "failed"]
    """"pending": a person must confirm it first; "refused": it is not allowed; "failed": it broke off."""
    text: str
    """What it said, as JSON; else why not."""
    request: str = ""
    """Names what waits for a person."""


class ToolCaller(Protocol):
    """Asks for calls on behalf of who asked the question; what a model writes can choose name and arguments alone."""

    async def call(self, name: str, arguments: dict[str, Any], question: Question) -> ToolResult:
        """One call. Never raises: what goes wrong is a result."""
        ...

    async def confirm(self, request: str, question: Question) -> ToolResult:
        """Have a call made that waits. When whoever asked said so, never by what a model says; never raises."""
        ...
