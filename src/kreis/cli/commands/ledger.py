"""`kreis ledger`: a copy of the record, and the way back from it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kreis.cli.output import JsonOption, answer, emit, here, working

__all__ = ["app"]

app = typer.Typer(help="A copy of the record, and the way back from it.", no_args_is_help=True, rich_markup_mode=None)

ReasonOption = Annotated[str, typer.Option(help="Why; it goes into the record.", metavar="TEXT")]


@app.command()
def backup(
    path: Annotated[Path, typer.Argument(help="File to write; it must not exist yet.", metavar="PATH")],
    json: JsonOption = False,
) -> None:
    """Copy the ledger into one file, and read the copy back.

    The copy is checked entry by entry and row by row. Others may go on working meanwhile. Keep it on another disk.

    Example:

        kreis ledger backup /backups/returns-2025-08-15.db
    """
    from kreis.actions.ledger import back_up_ledger
    from kreis.texts import counted

    with working("copying the ledger", quiet=json):
        made = back_up_ledger(here(), path)
    answer(
        made,
        f"{counted(made.entries, 'entry', 'entries')} in {made.path}, read back and whole.\n"
        f"head {made.head}\nsha256 {made.sha256}",
        json=json,
    )


@app.command()
def restore(
    path: Annotated[Path, typer.Argument(help="The backup.", metavar="PATH")],
    reason: ReasonOption,
    json: JsonOption = False,
) -> None:
    """Put a backup in the place of a lost or damaged ledger.

    What stands in its place is moved aside. What happened after the backup is listed, and goes on record.

    Example:

        kreis ledger restore /backups/returns-2025-08-15.db --reason "the disk was replaced"
    """
    from kreis.actions.ledger import restore_ledger

    with working("restoring the ledger", quiet=json):
        done = restore_ledger(here(), path, reason=reason)
    if json:
        emit(done)
        return
    typer.echo(f"{done.backup.entries:,} entries are back, all digests are equal.")
    for each in done.aside:
        typer.echo(f"moved aside: {each}")
    _tell_lost(done.lost)


@app.command()
def accept(reason: ReasonOption, json: JsonOption = False) -> None:
    """Go on from what is left of a ledger, without a backup.

    For a ledger that lost its end. What is lost is listed, and goes on record.

    Example:

        kreis ledger accept --reason "no backup of that day; 3 entries are lost"
    """
    from kreis.actions.ledger import accept_loss

    done = accept_loss(here(), reason=reason)
    if json:
        emit(done)
        return
    typer.echo(f"The record goes on after entry {done.entries:,}.")
    _tell_lost(done.lost)


def _tell_lost(lost: list[str]) -> None:
    typer.echo("Nothing is known to have happened since." if not lost else "Not in the record:")
    for line in lost:
        typer.echo(f"  {line}")
