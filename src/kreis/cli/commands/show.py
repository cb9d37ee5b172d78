"""`kreis show`: a run, a model, a table or a release in detail."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from kreis.cli.output import JsonOption, console, emit
from kreis.errors import ProjectError

__all__ = ["show"]


def _kinds() -> list[str]:
    return ["run", "model", "table", "release"]


def show(
    kind: Annotated[str, typer.Argument(help="run, model, table or release.", metavar="KIND", autocompletion=_kinds)],
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
    """Show a run, a model, a table or a release.

    Examples:

        kreis show run

        kreis show model 2

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
        _print(document)


def _print(document: dict[str, Any], indent: str = "") -> None:
    out = console()
    for key, value in document.items():
        if isinstance(value, dict) and value:
            out.print(f"{indent}[bold]{key}[/]")
            _print(value, indent + "  ")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            out.print(f"{indent}[bold]{key}[/]")
            for each in value:
                out.print(
                    f"{indent}  - " + ", ".join(f"{k} {v}" for k, v in each.items()), soft_wrap=True, markup=False
                )
        else:
            out.print(f"{indent}{key}: {value}", soft_wrap=True, markup=False)
