"""`kreis compare`: candidates and models side by side."""

from __future__ import annotations

from typing import Annotated

import typer

from kreis.cli.output import JsonOption, emit, print_page

__all__ = ["compare"]


def compare(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Candidates of the last run, RUN/CANDIDATE of others, model versions or digests."
            " [default: all candidates of the last run]",
            metavar="NAME",
            show_default=False,
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Compare candidates and models side by side, passed or not.

    Examples:

        kreis compare

        kreis compare gbdt logistic

        kreis compare 2 4 --json
    """
    from kreis.governance.pages.candidate import comparison_page
    from kreis.governance.views.candidate import comparison
    from kreis.workspace import Workspace

    found = comparison(Workspace.find(), names or [])
    if json:
        emit(found)
    else:
        print_page(comparison_page(found.candidates))
