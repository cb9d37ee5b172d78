"""`kreis examine`: what else a judged candidate is asked."""

from __future__ import annotations

from typing import Annotated

import typer

from kreis.cli.output import JsonOption, answer, here, telling

__all__ = ["examine"]


def examine(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Examinations to ask. [default: lists them]", metavar="NAME…", show_default=False),
    ] = None,
    candidate: Annotated[
        str, typer.Option(help="The candidate. [default: the one that the run chose]", metavar="NAME")
    ] = "",
    run: Annotated[str, typer.Option(help="The run. [default: the last that judged any]", metavar="RUN")] = "",
    json: JsonOption = False,
) -> None:
    """Ask more of a candidate, on the rows that judged it.

    Without a name it lists the examinations: what each asks, and whether each run asks it. What is found goes on
    record, is remembered, and stands in `kreis show candidate`, `kreis show model` and `kreis report`.

    Examples:

        kreis examine

        kreis examine fairness labels

        kreis examine privacy --candidate gbdt --run 01a217ed
    """

    workspace = here()
    if not names:
        from kreis.governance.pages.examined import examinations_page
        from kreis.governance.views.examined import examinations_view

        listed = examinations_view(workspace, candidate=candidate, run=run)
        answer(listed, examinations_page, json=json)
        return
    from kreis.actions.examine import examine_candidate
    from kreis.governance.pages.examined import examined_page
    from kreis.governance.views.examined import candidate_examined_view

    with telling("examining", quiet=json) as say:
        found = examine_candidate(workspace, names, candidate=candidate, run=run, say=say)
    view = candidate_examined_view(found)
    answer(view, examined_page, json=json)
