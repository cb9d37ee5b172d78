"""`kreis migrate`: a project folder of an earlier kreis, brought up to date."""

from __future__ import annotations

from typing import Annotated

import typer

from kreis.cli.output import JsonOption, emit, here, working

__all__ = ["migrate"]


def migrate(
    project: Annotated[
        str,
        typer.Option(
            help="Whose ledger it is, where it holds runs of several projects.", metavar="NAME", show_default=False
        ),
    ] = "",
    json: JsonOption = False,
) -> None:
    """Bring the ledger of an earlier kreis up to date.

    Makes a backup in .kreis/backups first. A service goes on answering meanwhile, also one of the earlier version;
    stop `kreis watch` before. Until this is done, the ledger can be read, not written.

    Example:

        kreis migrate
    """
    from kreis.actions.migrate import migrate as migrate_folder

    workspace = here()
    with working("copying the ledger, then bringing it up to date", quiet=json):
        done = migrate_folder(workspace, project=project)
    if json:
        emit(done)
        return
    if done.backup is None:
        typer.echo(f"The ledger is up to date (schema {done.after}).")
    else:
        typer.echo(f"The ledger was of schema {done.before} and is now of {done.after}.")
        typer.echo(f"As it was before: {done.backup}")
    if done.project is not None:
        typer.echo(f"It belongs to project {done.project!r} and the lake in {workspace.lake_folder}.")
