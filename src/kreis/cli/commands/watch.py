"""`kreis watch`: keep the circle turning."""

from __future__ import annotations

from typing import Annotated

import typer

from kreis.cli.output import JsonOption, emit

__all__ = ["watch"]


def watch(
    once: Annotated[bool, typer.Option("--once", help="Look once and end, for cron.")] = False,
    every: Annotated[str, typer.Option(help="How often to look: 5m, 1h, 1d.", metavar="DURATION")] = "1h",
    json: JsonOption = False,
) -> None:
    """Watch the service, and keep the circle turning.

    Moves the service's log into the lake, looks at each finished day, advances canaries, and runs the circle again
    when a monitor sends the work back. New data reach the service with `kreis run --until preparation`.

    Examples:

        kreis watch --every 1h

        kreis watch --once --json
    """
    from kreis.loop.watching import keep_watching
    from kreis.loop.workspace import Workspace

    for report in keep_watching(Workspace.find(), every=every, once=once):
        if json:
            emit(report)
        else:
            typer.echo(report.line)
