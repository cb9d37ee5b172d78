"""The process in which the functions run: one call at a time, ended from outside where it takes too long."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Mapping
from typing import Any

import msgspec

from kreis.generative.tools.spec import ToolResult, ToolSpec
from kreis.generative.tools.tool import Caller, Tool
from kreis.generative.tools.wire import LARGEST

__all__ = ["Ready", "Work", "work"]


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """One call."""

    tool: str
    arguments: str
    caller: Caller


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """The first thing that it says."""

    tools: tuple[ToolSpec, ...]


def work(tools: Mapping[str, Tool]) -> None:
    """Run calls from standard input until it ends. What the functions print goes to standard error."""
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as out:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        _say(out, Ready(tools=tuple(tool.spec for tool in tools.values())))
        for line in sys.stdin.buffer:
            asked = msgspec.json.decode(line, type=Work)
            _say(out, _result(tools[asked.tool], asked))


def _say(out: Any, said: msgspec.Struct) -> None:
    out.write(msgspec.json.encode(said) + b"\n")
    out.flush()


def _result(tool: Tool, asked: Work) -> ToolResult:
    name = asked.tool
    try:
        text = tool.run(asked.arguments.encode(), asked.caller).decode()
    except msgspec.MsgspecError as error:
        return ToolResult(tool=name, status="refused", text=f"the arguments do not fit: {error}")
    except Exception:
        traceback.print_exc()  # for who runs the tools; a model is told no internals
        return ToolResult(tool=name, status="failed", text="the tool failed")
    if len(text) > LARGEST // 4:
        return ToolResult(tool=name, status="failed", text="the tool said too much")
    return ToolResult(tool=name, status="done", text=text)
