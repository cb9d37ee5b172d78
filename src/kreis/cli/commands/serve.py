"""`kreis serve`: the service."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["serve"]


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on. [default: from kreis.toml, 127.0.0.1]")] = "",
    port: Annotated[int, typer.Option(help="Port. [default: from kreis.toml, 8080]")] = 0,
    simulated_time: Annotated[
        bool, typer.Option(help="Take the time from the x-kreis-time header. For replays; never for real traffic.")
    ] = False,
) -> None:
    """Serve the current release over HTTP; follows new releases without dropping a request.

    Example:

        kreis serve --port 8080
    """
    from kreis.loop.serving import become_service
    from kreis.loop.workspace import Workspace

    become_service(Workspace.find(), host=host, port=port, simulated=simulated_time)
