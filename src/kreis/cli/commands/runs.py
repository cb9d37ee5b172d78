"""`kreis runs`: the runs of a project, filtered and sorted."""

from __future__ import annotations

from typing import Annotated

import typer

from kreis.cli.output import JsonOption, answer, here, working

__all__ = ["runs"]


def runs(
    where: Annotated[
        list[str] | None,
        typer.Option(
            help="Only runs that hold to this: NAME, one of = != < <= > >= ~ (holds the text), and a value. NAME is"
            " status, as_of, started, seconds, trigger, candidate, gates, commit, dirty, a metric, a parameter, or"
            " logged.NAME for what a run logged. May be given several times.",
            metavar="CONDITION",
        ),
    ] = None,
    sort: Annotated[
        str,
        typer.Option(
            help="Sort by a name, the least first; -NAME: the greatest. [default: the newest first]",
            metavar="NAME",
            show_default=False,
        ),
    ] = "",
    limit: Annotated[int, typer.Option(help="How many to list.", metavar="NUMBER", min=1)] = 20,
    json: JsonOption = False,
) -> None:
    """List runs, filtered and sorted.

    Of each: how it ended, which candidate it chose, how that did, and with which parameters.

    Examples:

        kreis runs

        kreis runs --where status=advanced --sort -value

        kreis runs --where "auc>0.74" --where "started>=2025-08-01" --json
    """
    from kreis.governance.pages.runs import runs_page
    from kreis.governance.views.runs import runs_view

    with working("Reading runs", quiet=json):
        view = runs_view(here(), where=where or (), sort=sort, limit=limit)
    answer(view, runs_page, json=json)
