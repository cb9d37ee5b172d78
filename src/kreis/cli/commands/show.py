"""`kreis show`: a run, a model, its card, a table or a release."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from kreis.cli.output import JsonOption, emit
from kreis.errors import ProjectError

__all__ = ["show"]


def _kinds() -> list[str]:
    return ["run", "model", "card", "table", "release"]


def show(
    kind: Annotated[
        str, typer.Argument(help="run, model, card, table or release.", metavar="KIND", autocompletion=_kinds)
    ],
    name: Annotated[
        str,
        typer.Argument(
            help="Identifier, digest, version or release number, or layer/table. [default: the last; all tables]",
            metavar="NAME",
            show_default=False,
        ),
    ] = "",
    version: Annotated[
        int | None, typer.Option(help="Version of the table. [default: the last]", metavar="NUMBER")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show a run, a model, its card, a table or a release.

    Examples:

        kreis show run

        kreis show model 2

        kreis show card 2 > model-card.md

        kreis show table silver/landed --version 0
    """
    from kreis.governance.showing import SHOW
    from kreis.loop.workspace import Workspace

    if kind not in SHOW:
        raise ProjectError.unknown_name("kind of thing", kind, SHOW)
    document = SHOW[kind](Workspace.find(), name, version)
    if json:
        emit(document)
    else:
        _print(kind, document)


def _print(kind: str, document: dict[str, Any]) -> None:
    match kind:
        case "run":
            from kreis.cli.shown.run import print_run

            print_run(document)
        case "model":
            from kreis.cli.shown.model import print_model

            print_model(document)
        case "card":
            from kreis.cli.shown.card import print_card

            print_card(document)
        case "table":
            from kreis.cli.shown.table import print_table_of_lake

            print_table_of_lake(document)
        case "release":
            from kreis.cli.shown.release import print_release

            print_release(document)
