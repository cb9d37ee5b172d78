"""`kreis serve`: the service."""

from __future__ import annotations

from typing import Annotated

import typer

from kreis.cli.output import here

__all__ = ["serve"]


def serve(
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen on. [default: kreis.toml, or 127.0.0.1]", metavar="ADDRESS", show_default=False
        ),
    ] = "",
    port: Annotated[
        int, typer.Option(help="Port. [default: kreis.toml, or 8080]", metavar="NUMBER", show_default=False)
    ] = 0,
    workers: Annotated[
        int,
        typer.Option(
            help="Processes that answer behind the port. [default: kreis.toml, or 1]",
            metavar="NUMBER",
            show_default=False,
        ),
    ] = 0,
    simulated_time: Annotated[
        bool,
        typer.Option(
            "--simulated-time", help="Take the time from the x-kreis-time header. For replays; never for real traffic."
        ),
    ] = False,
) -> None:
    """Serve the current release over HTTP.

    Follows new releases without dropping a request; a worker that dies is started again. docs/reference/http.md
    describes the API.

    Example:

        kreis serve --port 8080 --workers 2
    """
    from kreis.actions.serve import exec_server

    exec_server(here(), host=host, port=port, workers=workers, simulated=simulated_time)
