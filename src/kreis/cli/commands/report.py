"""`kreis report`: the evaluation report of a model or a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kreis.cli.output import JsonOption, emit, here, print_page, working

__all__ = ["report"]


def report(
    name: Annotated[
        str,
        typer.Argument(
            help="Version or digest of a model, or a run. [default: the last run that judged any]",
            metavar="NAME",
            show_default=False,
        ),
    ] = "",
    html: Annotated[
        Path | None, typer.Option(help="Write the whole report as one page.", metavar="FILE", show_default=False)
    ] = None,
    json: JsonOption = False,
) -> None:
    """Write the evaluation report: one page, or JSON.

    The page loads nothing and runs nothing; it can be printed, and read on a telephone. Each number in it names its
    place on record: kreis show record PLACE. Without --html a summary is printed.

    Examples:

        kreis report --html report.html

        kreis report 2 --json
    """
    from kreis.governance.views.report import report_steps, report_view

    workspace = here()
    view = report_view(workspace, name)
    if html is not None:
        from kreis.durable import storing, write_durably
        from kreis.governance.papers.report import report_html

        with working("drawing", quiet=json):
            page = report_html(view, report_steps(workspace, view))
        with storing(f"report {html}"):
            write_durably(html, page.encode())
    if json:
        emit(view)
    elif html is not None:
        typer.echo(f"wrote {html}")
    else:
        from kreis.governance.pages.candidate import candidate_page

        print_page(candidate_page(view.candidate))
