"""The command line: `kreis`. Each command imports what it needs when it runs, so `--help` stays quick."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from kreis.cli.commands import (
    approve,
    audit,
    demo,
    init,
    parity,
    rollback,
    run,
    serve,
    show,
    status,
    watch,
    why,
)
from kreis.cli.output import report_error
from kreis.errors import KreisError

__all__ = ["app", "main"]

app = typer.Typer(
    name="kreis",
    help="From a business goal to a monitored service, and back: the AI engineering workflow as one system.",
    epilog="Exit codes: 0 fine, 1 unforeseen, 2 declaration or usage, 3 contract, 4 store, 5 corruption, 6 service,"
    " 7 refused, 8 policy, 9 signature, 10 sent back, 11 held.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("init")(init.init)
app.command("run")(run.run)
app.command("status")(status.status)
app.command("show")(show.show)
app.command("why")(why.why)
app.command("serve")(serve.serve)
app.command("watch")(watch.watch)
app.command("approve")(approve.approve)
app.command("rollback")(rollback.rollback)
app.command("parity")(parity.parity)
app.add_typer(audit.app, name="audit")
app.add_typer(demo.app, name="demo")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata

        typer.echo(f"kreis {metadata.version('kreis')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Options of all commands."""


def main() -> None:
    """Run the command line; kreis's own errors are printed without a traceback."""
    try:
        app()
    except KreisError as error:
        report_error(error, as_json="--json" in sys.argv)
        raise SystemExit(error.exit_code) from None


if __name__ == "__main__":
    main()
