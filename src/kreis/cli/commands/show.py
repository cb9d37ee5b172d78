"""`kreis show`: a run, a candidate, a model, its card, a table, a source, a release or an alert."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from kreis.cli.output import JsonOption, emit, print_page
from kreis.errors import ProjectError

__all__ = ["show"]


def _kinds() -> list[str]:
    return ["run", "candidate", "model", "card", "table", "source", "release", "alert"]


def show(
    kind: Annotated[
        str,
        typer.Argument(
            help="run, candidate, model, card, table, source, release or alert.", metavar="KIND", autocompletion=_kinds
        ),
    ],
    name: Annotated[
        str,
        typer.Argument(
            help="Identifier, digest, version or release number, or layer/table. [default: the last, or a list]",
            metavar="NAME",
            show_default=False,
        ),
    ] = "",
    version: Annotated[
        int | None, typer.Option(help="Version of the table. [default: the last]", metavar="NUMBER")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show a run, a candidate, a model or anything on record.

    Examples:

        kreis show run

        kreis show candidate gbdt

        kreis show model 2

        kreis show card 2 > model-card.md

        kreis show table silver/landed --version 0

        kreis show source arrivals
    """
    from kreis.governance.showing import SHOW
    from kreis.workspace import Workspace

    if kind not in SHOW:
        raise ProjectError.unknown_name("kind of thing", kind, SHOW)
    document = SHOW[kind](Workspace.find(), name, version)
    if json:
        emit(document)
    else:
        _print(kind, document)


def _print(kind: str, document: dict[str, Any]) -> None:
    if kind == "card":
        typer.echo(document["markdown"], nl=False)
    else:
        from kreis.governance.pages.kinds import PAGES

        print_page(PAGES[kind](document))
