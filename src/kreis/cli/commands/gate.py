"""`kreis gate explain`: the gates of a run in words."""

from __future__ import annotations

from typing import Annotated

import typer

from kreis.cli.output import JsonOption, answer, here

__all__ = ["app"]

app = typer.Typer(help="What a model must show before it goes on.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _gates() -> None:
    """What a model must show before it goes on."""


@app.command()
def explain(
    run: Annotated[
        str,
        typer.Argument(help="The run. [default: the last that judged any]", metavar="RUN", show_default=False),
    ] = "",
    json: JsonOption = False,
) -> None:
    """Say what each gate decided, why, and what would change it.

    It says on which rows, and which way the estimate points.

    What a person overruled is said with his name.

    Examples:

        kreis gate explain

        kreis gate explain 01a217ed --json
    """
    from kreis.governance.pages.gates import gates_page
    from kreis.governance.views.gates import gates_view

    view = gates_view(here(), run)
    answer(view, gates_page, json=json)
