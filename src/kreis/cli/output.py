"""How the command line speaks: tables for people, JSON for programs, errors without tracebacks."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
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
    "mark",
    "number",
    "plain",
    "print_facts",
    "print_table",
    "print_title",
    "report_error",
    "report_unforeseen",
    "short",
    "short_id",
    "size",
    "working",
]

_PIPE_WIDTH = 500
_REPLACED = "\N{REPLACEMENT CHARACTER}"
_UNBROKEN = 16
"""A column is never broken whose cells have at most so many characters: dates, identifiers, numbers."""
_ROOM = 80
"""Unless the terminal has fewer columns than this."""
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


def console(*, stderr: bool = False) -> Console:
    """A console on standard output (or standard error); lines are not broken for a pipe or a file."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, highlight=False, width=None if stream.isatty() else _PIPE_WIDTH)


def emit(document: Any) -> None:
    """Print a document as one JSON value."""
    import msgspec

    encoded = msgspec.json.encode(document, enc_hook=str)
    typer.echo(msgspec.json.format(encoded, indent=2).decode())


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; numbers (columns whose title ends with a blank) are set right."""
    cells = [[plain(cell) for cell in row] for row in rows]
    right = [column.endswith(" ") for column in columns]
    if title:
        print_title(title)
    if sys.stdout.isatty():
        _print_grid([column.strip() for column in columns], cells, right)
    else:
        _print_lines([[column.strip() for column in columns], *cells], right)


def print_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Print facts, one a line, their names in a column; those without a value are left out."""
    cells = [[name, plain(value)] for name, value in facts if value]
    if sys.stdout.isatty():
        _print_grid([], cells, [False, False])
    else:
        _print_lines(cells, [False, False])


def print_title(title: str) -> None:
    """Print the title of what follows."""
    typer.secho("\n" * title.startswith("\n") + plain(title.strip()), bold=True)


def _print_grid(columns: list[str], cells: list[list[str]], right: list[bool]) -> None:
    """Fit a table to the terminal: long cells are broken into lines, short ones only where there is no room."""
    from rich.table import Table
    from rich.text import Text

    out = console()
    table = Table(show_header=bool(columns), header_style="dim", box=None, pad_edge=False)
    for place, to_the_right in enumerate(right):
        longest = max((len(row[place]) for row in cells), default=0)
        table.add_column(
            columns[place] if columns else "",
            justify="right" if to_the_right else "left",
            overflow="fold",
            no_wrap=longest <= _UNBROKEN and out.width >= _ROOM,
            style="dim" if not columns and place == 0 else None,
        )
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    out.print(table)


def _print_lines(cells: list[list[str]], right: list[bool]) -> None:
    """For a pipe or a file: a row is a line, however long."""
    widths = [max(len(row[place]) for row in cells) for place in range(len(right))] if cells else []
    for row in cells:
        padded = (
            cell.rjust(width) if to_the_right else cell.ljust(width)
            for cell, width, to_the_right in zip(row, widths, right, strict=True)
        )
        typer.echo("  ".join(padded).rstrip())


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
            out.print(Text.assemble((label, style), "\n".join(map(plain, text.splitlines()))), soft_wrap=True)


def plain(text: str) -> str:
    """A text in one line, without what could steer a terminal: it may come from data."""
    line = " ".join(text.split())
    return line if line.isprintable() else "".join(each if each.isprintable() else _REPLACED for each in line)


def mark(kind: str) -> str:
    """The mark of a verdict."""
    return {"advance": "✓", "send_back": "↩", "hold": "‖", "fail": "✗"}.get(kind, "·")


def number(value: float) -> str:
    """A number as people read it: four digits, or whole with its thousands set off."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def size(count: int) -> str:
    """Bytes as people read them."""
    for unit, one in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= one:
            return f"{count / one:.1f} {unit}"
    return f"{count} B"


@contextmanager
def working(text: str, *, quiet: bool = False) -> Iterator[None]:
    """Say on a terminal that something is going on, for as long as it does."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    with console(stderr=True).status(f"{text} …"):
        yield


def short(digest: str | None) -> str:
    """The first twelve digits of a digest, enough to name it."""
    return digest[:12] if digest else "–"


def short_id(identifier: str | None) -> str:
    """The first thirteen characters of an identifier, its millisecond: enough to name it."""
    return identifier[:13] if identifier else "–"


def date(at: datetime | None) -> str:
    """A moment, to the minute."""
    return f"{at:%Y-%m-%d %H:%M}" if at is not None else "–"
