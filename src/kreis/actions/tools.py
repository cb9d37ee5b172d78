"""Runs a project's tools in processes of their own, so that the service never executes the project's code."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from kreis.generative.tools.server import ToolServer
from kreis.generative.tools.tokens import key_in
from kreis.generative.tools.wire import Description, address_of
from kreis.generative.tools.worker import work
from kreis.workspace import Workspace

__all__ = ["run_tools"]


def run_tools(workspace: Workspace, ready: Callable[[Description], None]) -> None:
    """Run them until the process is told to end.

    Args:
        workspace: The project's folder.
        ready: Told what tools there are, once they listen.

    Raises:
        ProjectError: the project declares no tools, or `tools.url` leads elsewhere.
        ServiceError: the project does not load, or somebody listens there.
        StoreError: others may read the key.
    """
    asyncio.run(_run(workspace, ready))


async def _run(workspace: Workspace, ready: Callable[[Description], None]) -> None:
    settings = workspace.settings.tools
    address = address_of(settings.url, workspace.folder)
    key = key_in(workspace.folder / settings.key)
    command = [sys.executable, "-m", __spec__.name, str(workspace.folder)]
    server = ToolServer(command, key, workspace.clock, workers=settings.workers, limit_s=settings.limit_s)
    ended = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, ended.set)
    try:
        ready(await server.start(address))
        await ended.wait()
    finally:
        await server.close()


if __name__ == "__main__":
    work(Workspace(Path(sys.argv[1])).load_project().declared_tools)
