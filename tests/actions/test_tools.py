"""`kreis tools` runs what the project declares, and ends when it is told to."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from typing import Any

import pytest

from kreis.clock import SystemClock
from kreis.generative.questions import Question
from kreis.generative.tools.client import SocketToolCaller
from kreis.generative.tools.tokens import key_in
from kreis.generative.tools.tool import Tool

DECLARED = '''

def lookup_order(number: int) -> str:
    """Where an order is."""
    return f"{number} is on its way"


project.tools(lookup_order)
'''


def lookup_order(number: int) -> str:
    """Where an order is."""
    raise NotImplementedError("it is the project's that runs")


def test_the_tools_of_a_project_answer_until_they_are_ended(shop: Any) -> None:
    with (shop.folder / "project.py").open("a", encoding="utf-8") as file:
        file.write(DECLARED)
    command = shop.command("tools")
    with subprocess.Popen(command, cwd=shop.folder, env=shop.environment(), stdout=subprocess.PIPE, text=True) as tools:
        assert tools.stdout is not None
        try:
            assert tools.stdout.readline() == "lookup_order: Where an order is.\n"
            assert tools.stdout.readline() == "Ready.\n"
            key = key_in(shop.state / "tools.key")
            caller = SocketToolCaller(shop.state / "tools.sock", key, [Tool.of(lookup_order).spec], SystemClock())
            result = asyncio.run(caller.call("lookup_order", {"number": 7}, Question(text="Where is order 7?")))
            assert (result.status, result.text) == ("done", '"7 is on its way"')
        finally:
            tools.send_signal(signal.SIGTERM)
        assert tools.wait(timeout=30) == 0


@pytest.mark.slow
def test_a_project_without_tools_says_so(shop: Any) -> None:
    assert "the project declares no tools" in shop.run("tools", code=2).stderr
