"""`kreis watch`: keep the circle turning."""

from __future__ import annotations

from typing import Annotated

import typer

from kreis.cli.output import JsonOption, emit

__all__ = ["watch"]


def watch(
    once: Annotated[bool, typer.Option(help="Look once and end, for cron.")] = False,
    every: Annotated[str, typer.Option(help="How often to look: 5m, 1h, 1d.")] = "1h",
    json: JsonOption = False,
) -> None:
    """Watch the service: move its log into the lake, feed the online store, look at each finished day,
    advance canaries, and run the circle again when a monitor sends the work back.

    Example:

        kreis watch --every 1h
    """
    from kreis.loop.watching import keep_watching
    from kreis.loop.workspace import Workspace

    for report in keep_watching(Workspace.find(), every=every, once=once):
        if json:
            emit(report)
        else:
            typer.echo(report.line)
