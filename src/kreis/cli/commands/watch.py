"""`kreis watch`: keep the circle turning."""

from __future__ import annotations

from typing import Annotated

import typer

from kreis.cli.output import JsonOption, answer, here

__all__ = ["watch"]


def watch(
    once: Annotated[bool, typer.Option("--once", help="Look once and end, for cron.")] = False,
    every: Annotated[str, typer.Option(help="How often to look: 5m, 1h, 1d.", metavar="DURATION")] = "1h",
    collect: Annotated[
        bool,
        typer.Option(help="First collect new data, at most once an hour (kreis run --until preparation)."),
    ] = True,
    json: JsonOption = False,
) -> None:
    """Watch the service, and keep the circle turning.

    Collects new data, moves the service's log into the lake, looks at each finished day, advances canaries, and runs
    the circle again when a monitor sends the work back. What a look cannot do is shown, and on record as an alert; the
    next look tries again. With --once, the exit code is that of the first thing that failed.

    Examples:

        kreis watch --every 1h

        kreis watch --once --json
    """
    from kreis.watching.watcher import keep_watching

    code = 0
    for look in keep_watching(here(), every=every, once=once, collect=collect):
        code = look.exit_code
        answer(look, look.text, json=json)
        if not once:
            typer.echo(f"looking again in {every}; stop it with Ctrl-C", err=True)
    raise typer.Exit(code)
