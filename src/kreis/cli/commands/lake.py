"""`kreis lake`: the upkeep of the tables."""

from __future__ import annotations

from typing import Annotated

import typer

from kreis.cli.output import JsonOption, answer, emit, here, working

__all__ = ["app"]

app = typer.Typer(help="Upkeep of the lake's tables.", no_args_is_help=True, rich_markup_mode=None)
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]


@app.command()
def compact(
    tables: Annotated[
        list[str] | None, typer.Argument(help="Layer and name; all tables if not given.", metavar="[TABLE]...")
    ] = None,
    dry_run: DryRun = False,
    json: JsonOption = False,
) -> None:
    """Put the rows of many small files into few.

    The rows stay, in their order (of a log: in that of each day). Earlier versions stay readable; `kreis lake retain`
    deletes what they alone need.

    Example:

        kreis lake compact log/predictions
    """
    from kreis.actions.upkeep import compact_lake
    from kreis.texts import counted

    with working("merging small files", quiet=json):
        done = compact_lake(here(), tables or (), dry_run=dry_run)
    became = "would become" if dry_run else "became"
    lines = [f"{each.table}: {counted(each.files_before, 'file')} {became} {each.files_after:,}" for each in done]
    answer(done, "\n".join(lines) or "No table has small files to merge.", json=json)


@app.command()
def retain(dry_run: DryRun = False, json: JsonOption = False) -> None:
    """Delete old versions of tables and old days of the log.

    As long as `keep_versions` (90d) and `keep_log` (for ever) in [lake] of kreis.toml say. What registered models rest
    on stays. The record says what is gone, when and why.

    Example:

        kreis lake retain --dry-run
    """
    from kreis.actions.upkeep import retain_lake
    from kreis.texts import counted

    with working("looking for what is past its time", quiet=json):
        done = retain_lake(here(), dry_run=dry_run)
    if json:
        emit(done)
        return
    would = "would go" if dry_run else "are gone"
    for each in done:
        if each.rows:
            typer.echo(f"{each.table}: {counted(each.rows, 'row')} of old days {would}")
        if each.versions:
            typer.echo(
                f"{each.table}: {counted(each.versions, 'version')} and {counted(each.files, 'file')}"
                f" ({each.size:,} bytes) {would}"
            )
        if each.kept:
            typer.echo(f"{each.table}: {len(each.kept):,} old versions stay: registered models rest on them")
    if not done:
        typer.echo("Nothing is past its time.")
