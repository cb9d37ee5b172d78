"""`kreis parity`: what the service used, against the point-in-time join."""

from __future__ import annotations

from typing import Annotated

import typer

from kreis.cli.output import JsonOption, console, emit

__all__ = ["parity"]

EXIT_DIFFERS = 7


def parity(
    rows: Annotated[int, typer.Option(help="How many served predictions to replay.", min=1)] = 10_000,
    json: JsonOption = False,
) -> None:
    """Replay served predictions: recompute each feature by the point-in-time join, and each score by the package.

    Example:

        kreis parity --rows 10000
    """
    from kreis.loop.replaying import replay_parity
    from kreis.loop.workspace import Workspace

    workspace = Workspace.find()
    report = replay_parity(workspace.load_project(), workspace, rows=rows)
    if json:
        emit(report)
    else:
        out = console()
        out.print(report.summary, soft_wrap=True)
        for example in report.examples:
            out.print(f"  {example}", soft_wrap=True)
    raise typer.Exit(EXIT_DIFFERS if report.differences else 0)
