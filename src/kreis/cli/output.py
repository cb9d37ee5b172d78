"""How the command line speaks: tables for people, JSON for programs, errors without tracebacks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kreis.errors import KreisError

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "JsonOption",
    "console",
    "date",
    "emit",
    "money",
    "print_table",
    "report_error",
    "report_unforeseen",
    "short",
]

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


def console(*, stderr: bool = False) -> Console:
    """A console on standard output (or standard error)."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=False)


def emit(document: Any) -> None:
    """Print a document as one JSON value."""
    import msgspec

    encoded = msgspec.json.encode(document, enc_hook=str)
    typer.echo(msgspec.json.format(encoded, indent=2).decode())


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; numbers (columns whose title ends with a blank) are set right."""
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column.strip(), justify="right" if column.endswith(" ") else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console().print(table)


def report_error(error: KreisError, *, as_json: bool) -> None:
    """Print an error: what, where, what next."""
    if as_json:
        _emit_error(type(error).__name__, error.message, error.where, error.hint, error.exit_code)
    else:
        _print_error(error.message, error.where, error.hint)


def report_unforeseen(error: Exception, *, as_json: bool, variable: str) -> None:
    """Print an error that nobody meant to raise, and how to see where it comes from."""
    said = f"{type(error).__name__}: {error}".splitlines()[0]
    hint = f"this is a fault in kreis or in the project's code; set {variable}=1 to see the traceback"
    if as_json:
        _emit_error(type(error).__name__, said, None, hint, 1)
    else:
        _print_error(said, None, hint)


def _emit_error(kind: str, message: str, where: str | None, hint: str | None, exit_code: int) -> None:
    document = {"kind": kind, "message": message, "where": where, "hint": hint, "exit_code": exit_code}
    emit({"error": document})


def _print_error(message: str, where: str | None, hint: str | None) -> None:
    from rich.text import Text

    out = console(stderr=True)
    for label, style, text in (("Error: ", "bold red", message), ("Where: ", "bold", where), ("Next:  ", "bold", hint)):
        if text:
            out.print(Text.assemble((label, style), text), soft_wrap=True)


def short(digest: str | None) -> str:
    """The first twelve digits of a digest, enough to name it."""
    return digest[:12] if digest else "–"


def date(at: datetime | None) -> str:
    """A moment, to the minute."""
    return f"{at:%Y-%m-%d %H:%M}" if at is not None else "–"


def money(value: float | None) -> str:
    """An amount without cents."""
    return f"{value:,.0f}" if value is not None else "–"
