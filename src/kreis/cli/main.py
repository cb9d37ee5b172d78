"""The command line: `kreis`. Each command imports what it needs when it runs, so `--help` stays quick."""

from __future__ import annotations

import gc
import os
import sys
from typing import Annotated

import typer

from kreis.cli.commands import (
    alerts,
    approve,
    audit,
    card,
    compare,
    demo,
    doctor,
    erase,
    examine,
    gate,
    init,
    keys,
    lake,
    ledger,
    migrate,
    parity,
    predict,
    redteam,
    release,
    report,
    reproduce,
    reviews,
    rollback,
    run,
    runs,
    serve,
    show,
    status,
    tools,
    watch,
    why,
)
from kreis.cli.output import accept_any_encoding, report_error, report_unforeseen, say_warnings_plainly
from kreis.errors import KreisError, MissingLibraryError

__all__ = ["app", "main"]

TRACEBACK = "KREIS_TRACEBACK"
EXIT_INTERRUPTED = 130
_MANY_OBJECTS = 100_000

app = typer.Typer(
    name="kreis",
    help="From a business goal to a monitored service, and back: the AI engineering workflow as one system.",
    epilog="Begin with: kreis demo flights, or kreis init. Exit codes: 0 fine, 1 unforeseen, 2 declaration or usage,"
    " 3 contract, 4 store, 5 corruption, 6 service, 7 refused, 8 policy, 9 signature, 10 sent back, 11 held,"
    " 12 library not installed.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("init")(init.init)
app.command("run")(run.run)
app.command("runs")(runs.runs)
app.command("status")(status.status)
app.command("show")(show.show)
app.command("examine")(examine.examine)
app.command("report")(report.report)
app.add_typer(card.app, name="card")
app.add_typer(gate.app, name="gate")
app.command("compare")(compare.compare)
app.command("reproduce")(reproduce.reproduce)
app.command("why")(why.why)
app.command("serve")(serve.serve)
app.command("predict")(predict.predict)
app.command("tools")(tools.tools)
app.command("redteam")(redteam.redteam)
app.command("watch")(watch.watch)
app.command("approve")(approve.approve)
app.command("rollback")(rollback.rollback)
app.command("parity")(parity.parity)
app.add_typer(alerts.app, name="alerts")
app.add_typer(reviews.app, name="reviews")
app.command("doctor")(doctor.doctor)
app.add_typer(release.app, name="release")
app.command("migrate")(migrate.migrate)
app.add_typer(audit.app, name="audit")
app.add_typer(ledger.app, name="ledger")
app.add_typer(lake.app, name="lake")
app.command("erase")(erase.erase)
app.add_typer(keys.app, name="keys")
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
    """Run the command line. Errors are printed without a traceback, and every end has its exit code."""
    accept_any_encoding()
    say_warnings_plainly()
    gc.set_threshold(_MANY_OBJECTS)  # objects made at start-up live until exit: skip collecting them
    try:
        raise SystemExit(_exit_code())
    finally:
        gc.freeze()  # at the end the system takes all memory back: Python need not look through it first


def _exit_code() -> int:
    try:
        app()
    except SystemExit as ended:
        return _flushed(ended.code if isinstance(ended.code, int) else int(ended.code is not None))
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        return _reader_gone()
    except KreisError as error:
        report_error(error, as_json="--json" in sys.argv)
        return error.exit_code
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        if missing := MissingLibraryError.of(error):
            report_error(missing, as_json="--json" in sys.argv)
            return missing.exit_code
        report_unforeseen(error, as_json="--json" in sys.argv, variable=TRACEBACK)
        return 1
    return 0


def _flushed(code: int) -> int:
    """The code, once the output has really left: a reader may have gone in the meantime."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return _reader_gone()
    return code


def _reader_gone() -> int:
    """Whoever read the output wants no more of it (`kreis show … | head`); nothing is wrong."""
    # What is still buffered would fail again, loudly, when Python closes the stream at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    main()
