"""`kreis compare`: candidates and models side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kreis.cli.output import JsonOption, emit, here, print_page, working

__all__ = ["compare"]

_PATCH_LINES = 60


def compare(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Candidates of the last run, RUN/CANDIDATE of others, runs, model versions or digests."
            " [default: all candidates of the last run]",
            metavar="NAME",
            show_default=False,
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            help="Write one HTML file with plots, which needs nothing else.",
            metavar="FILE",
            dir_okay=False,
            writable=True,
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Compare candidates, models or runs side by side.

    Passed or not. Of two it is also said what differs: code, data, parameters, libraries, and each metric row by row,
    with its interval.

    Examples:

        kreis compare

        kreis compare gbdt logistic

        kreis compare 2 4 --html 2-and-4.html
    """
    from kreis.governance.pages.differences import compared_page, patch_lines
    from kreis.governance.views.comparison import comparison

    workspace = here()
    with working("Comparing", quiet=json):
        found = comparison(workspace, names or [])
    if html is not None:
        from kreis.governance.pages.comparison import comparison_html
        from kreis.governance.views.comparison import images_of

        html.write_text(comparison_html(found, images_of(workspace, found)), encoding="utf-8")
    if json:
        emit(found)
    elif html is not None:
        typer.echo(f"written to {html}")
    else:
        print_page(compared_page(found))
        if found.differences is not None and (lines := patch_lines(found.differences.patch)):
            shown = "\n".join(lines[:_PATCH_LINES])
            typer.echo(f"\nThe difference of the code\n{shown}")
            if len(lines) > _PATCH_LINES:
                typer.echo(f"… {len(lines) - _PATCH_LINES} more lines: --html, --json")
