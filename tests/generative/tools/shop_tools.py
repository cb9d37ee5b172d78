"""Tools of a shop, as a process: `python shop_tools.py FOLDER` is a worker. Each call leaves a line in FOLDER/calls."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import msgspec

from kreis.generative.tools.tool import Caller, Tool, changes_state
from kreis.generative.tools.worker import work

FOLDER = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()


def called(what: str, caller: Caller) -> None:
    with (FOLDER / "calls").open("a", encoding="utf-8") as calls:
        calls.write(f"{what} for {caller.person} of {caller.tenant}\n")


def lookup_order(
    number: Annotated[str, msgspec.Meta(pattern="^[0-9]{3}$")], caller: Caller, lines: int = 1
) -> dict[str, Any]:
    """Where an order is."""
    called(f"lookup_order {number}", caller)
    sys.stdout.write("looking it up\n")  # must not get into the answers
    return {"order": number, "state": "on its way", "lines": lines}


@changes_state
def cancel_order(number: str, caller: Caller) -> str:
    """Cancel an order."""
    called(f"cancel_order {number}", caller)
    return "cancelled"


def sleep(caller: Caller) -> None:
    """Never ends."""
    called("sleep", caller)
    time.sleep(3600)


def die() -> None:
    """Ends its process."""
    os._exit(3)


def fail() -> None:
    """Breaks off."""
    raise RuntimeError("password of the database: 1234")


def flood() -> str:
    """Says too much."""
    return "x" * 1_000_000


TOOLS = {tool.spec.name: tool for tool in map(Tool.of, (lookup_order, cancel_order, sleep, die, fail, flood))}

if __name__ == "__main__":
    work(TOOLS)
