"""`kreis init`: begin a project."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from kreis.cli.output import JsonOption, emit

__all__ = ["init"]


def init(
    folder: Annotated[
        Path, typer.Argument(help="Folder to create it in.", metavar="FOLDER", show_default="here")
    ] = Path(),
    example: Annotated[
        str, typer.Option(help="Begin with an example: minimal or flights.", metavar="NAME")
    ] = "minimal",
    json: JsonOption = False,
) -> None:
    """Write a project that runs.

    Its project.py, data contracts, kreis.toml and README. Nothing is overwritten.

    Example:

        kreis init churn
    """
    from kreis.demo.examples import write_example

    written = write_example(example, folder)
    if json:
        emit({"folder": str(folder.resolve()), "written": [str(path) for path in written]})
        return
    for path in written:
        typer.echo(f"wrote {path}")
    typer.echo(f"Next: cd {shlex.quote(str(folder))} && kreis run" if str(folder) != "." else "Next: kreis run")
