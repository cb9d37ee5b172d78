"""`kreis reproduce`: a run again, in a clean state."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kreis.cli.output import JsonOption, answer, here, working

__all__ = ["reproduce"]

EXIT_DIFFERS = 7


def reproduce(
    run: Annotated[str, typer.Argument(help="Identifier of a run, or its beginning.", metavar="RUN")],
    folder: Annotated[
        Path | None,
        typer.Option(
            help="Walk it in this new folder, and keep it. [default: a temporary one beside the project's]",
            metavar="FOLDER",
            show_default=False,
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Walk a run again in a clean state, and compare.

    As of the same moment, with the code of its commit (without git: with the folder's). Where it does not come out the
    same, it is said in which step first, and why: code, data, a parameter, a seed, threads, a library. Nothing of the
    project's state is touched.

    Examples:

        kreis reproduce 01a217ed-6329

        kreis reproduce 01a217ed-6329 --folder ../again
    """
    from kreis.actions.reproduce import reproduce as reproduce_run
    from kreis.governance.pages.reproduction import reproduction_page

    with working("Walking it again", quiet=json):
        found = reproduce_run(here(), run, folder=folder)
    answer(found, reproduction_page, json=json)
    raise typer.Exit(0 if found.same else EXIT_DIFFERS)
