"""`kreis audit`: the hash chain over every change of state."""

from __future__ import annotations

from typing import Annotated

import typer

from kreis.cli.output import JsonOption, console, emit, here, print_page, working

__all__ = ["app"]

app = typer.Typer(help="The hash chain over every change of state.", no_args_is_help=True, rich_markup_mode=None)

EXIT_BROKEN = 5


@app.command()
def verify(
    head: Annotated[
        str,
        typer.Option(
            help="A head that you noted earlier: the chain must still contain it.", metavar="HASH", show_default=False
        ),
    ] = "",
    deep: Annotated[bool, typer.Option("--deep", help="Read every table file, artifact and package, too.")] = False,
    json: JsonOption = False,
) -> None:
    """Recompute the chain, and every row that it covers.

    Store the printed head on another machine. Pass it to --head later to detect a rewritten history.

    Examples:

        kreis audit verify

        kreis audit verify --deep --head 5f0c…
    """
    import msgspec

    from kreis.ledger import audit
    from kreis.texts import counted

    workspace = here()
    with working("recomputing the chain", quiet=json), workspace.ledger.read() as connection:
        report = audit.verify(connection, head=head or None)
    if deep:
        from kreis.governance.damage import find_damage, removals_told

        with working("reading every file", quiet=json):
            damaged = [audit.Problem(found.line) for found in find_damage(workspace)]
        report = msgspec.structs.replace(
            report, problems=[*report.problems, *damaged], gone=removals_told(workspace.ledger)
        )
    if json:
        emit(report)
    else:
        out = console()
        for problem in report.problems:
            out.print("[red]✗[/] ", end="")
            out.print(problem.what, soft_wrap=True, markup=False)
        if not report.problems:
            out.print(f"[green]✓[/] {counted(report.entries, 'entry', 'entries')}, the chain is whole.")
        for line in report.gone:
            out.print(f"gone on record: {line}", soft_wrap=True, markup=False)
        out.print(f"head {report.head}", soft_wrap=True)
    raise typer.Exit(EXIT_BROKEN if report.problems else 0)


@app.command()
def log(
    last: Annotated[int, typer.Option(help="How many entries.", min=1, metavar="NUMBER")] = 20,
    json: JsonOption = False,
) -> None:
    """Show the last entries: who changed what, when and why.

    Example:

        kreis audit log --last 50
    """
    from collections import deque

    from kreis.governance.pages.page import Grid, Number, Page
    from kreis.ledger import audit
    from kreis.texts import counted, subject

    with here().ledger.read() as connection:
        entries = list(deque(audit.entries(connection), maxlen=last))
    if json:
        emit(entries)
        return
    rows = [
        (Number(e.position, str(e.position)), e.at, e.actor, e.event, subject(e.subject), e.reason) for e in entries
    ]
    columns = ("entry", "at (UTC)", "actor", "event", "subject", "reason")
    print_page(Page(title=f"The last {counted(len(rows), 'entry', 'entries')}", grids=(Grid("", columns, rows),)))
