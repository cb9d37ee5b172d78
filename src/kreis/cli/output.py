"""How the command line speaks: pages for people, JSON for programs, errors without tracebacks."""

from __future__ import annotations

import codecs
import io
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kreis.errors import KreisError, KreisWarning

if TYPE_CHECKING:
    from rich.console import Console

    from kreis.governance.pages.page import Grid, Page
    from kreis.workspace import Workspace

__all__ = [
    "JsonOption",
    "accept_any_encoding",
    "console",
    "counting",
    "emit",
    "print_page",
    "report_error",
    "report_unforeseen",
    "say_warnings_plainly",
    "telling",
    "working",
]

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]

_PIPE_WIDTH = 500
_UNBROKEN = 16
"""A column is never broken whose cells have at most so many characters: dates, identifiers, numbers."""
_UNBROKEN_FIRST = 24
"""The same for the first column, which names the row."""
_ROOM = 80
"""Unless the terminal has fewer columns than this."""
_PLAINER = str.maketrans(
    {"✓": "+", "✗": "x", "↩": "<", "‖": "|", "…": "...", "–": "-", "—": "-", "→": "->", "−": "-"}
    | dict(zip("▁▂▃▄▅▆▇█", "_.-~=+*#", strict=True))
)


def accept_any_encoding() -> None:
    """Let output survive a terminal or a file that is not UTF-8: a sign becomes a plainer one, at worst "?"."""
    codecs.register_error("kreis", _plainer)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="kreis")


def say_warnings_plainly() -> None:
    """Print what kreis warns of as one line on standard error, without the place in its code."""
    usual = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if issubclass(category, KreisWarning):
            typer.echo(f"warning: {message}", err=True)
        else:
            usual(message, category, *place, **more)

    warnings.showwarning = show
    warnings.simplefilter("always", KreisWarning)


def _plainer(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_PLAINER)
    return "".join(each if each.isascii() else "?" for each in text), error.end


def console(*, stderr: bool = False) -> Console:
    """A console on standard output (or standard error); lines are not broken for a pipe or a file."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, highlight=False, width=None if stream.isatty() else _PIPE_WIDTH)


def emit(document: Any) -> None:
    """Print a document as one JSON value."""
    import msgspec

    text = msgspec.json.format(msgspec.json.encode(document, enc_hook=str), indent=2).decode()
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        import json

        text = json.dumps(json.loads(text), indent=2)  # escapes what the encoding lacks
    typer.echo(text)


def answer(document: Any, said: str | Callable[[Any], Page], *, json: bool) -> None:
    """Print what came of a command.

    Args:
        document: As JSON is to have it.
        said: For people: a line, or what lays the document out as a page.
        json: Whether JSON is asked for.
    """
    if json:
        emit(document)
    elif isinstance(said, str):
        typer.echo(said)
    else:
        print_page(said(document))


def here() -> Workspace:
    """The project's folder in which the command is called."""
    from kreis.workspace import Workspace

    return Workspace.find()


def print_page(page: Page) -> None:
    """Print a page: fitted to a terminal, or as plain lines into a pipe or a file."""
    if not sys.stdout.isatty():
        typer.echo(str(page))
        return
    from kreis.texts import plain

    out = console()
    out.print(plain(page.title), style="bold", markup=False)
    if facts := [(name, value) for name, value in page.facts if value]:
        _print_cells(out, [], facts, [False, False])
    for grid in page.grids:
        _print_grid(out, grid)
    if page.end:
        out.print(f"\n{plain(page.end)}", markup=False)


def _print_grid(out: Console, grid: Grid) -> None:
    from kreis.texts import plain

    out.print()
    if grid.title:
        out.print(plain(grid.title), style="bold", markup=False)
    _print_cells(out, grid.columns, grid.texts, grid.right)


def _print_cells(out: Console, titles: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]) -> None:
    """Fit rows to the terminal: long cells are broken into lines, short ones only where there is no room."""
    from rich.table import Table
    from rich.text import Text

    from kreis.texts import plain

    cells = [[plain(cell) for cell in row] for row in rows]
    table = Table(show_header=bool(titles), header_style="dim", box=None, pad_edge=False)
    for place, to_the_right in enumerate(right):
        longest = max((len(row[place]) for row in cells), default=0)
        table.add_column(
            titles[place] if titles else "",
            justify="right" if to_the_right else "left",
            overflow="fold",
            no_wrap=longest <= (_UNBROKEN if place else _UNBROKEN_FIRST) and out.width >= _ROOM,
            style="dim" if not titles and place == 0 else None,
        )
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    out.print(table)


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

    from kreis.texts import plain

    out = console(stderr=True)
    for label, style, text in (("Error: ", "bold red", message), ("Where: ", "bold", where), ("Next:  ", "bold", hint)):
        if text:
            lines = "\n".join(plain(line) for line in text.splitlines())
            out.print(Text.assemble((label, style), lines), soft_wrap=True)


@contextmanager
def working(text: str, *, quiet: bool = False) -> Iterator[None]:
    """Say on a terminal that something is going on, for as long as it does."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    with console(stderr=True).status(f"{text} …"):
        yield


@contextmanager
def telling(text: str, *, quiet: bool = False) -> Iterator[Callable[[str], None]]:
    """Say on a terminal what is being done; gives what takes a line about it."""
    if quiet or not sys.stderr.isatty():
        yield lambda said: None
        return
    with console(stderr=True).status(f"{text} …") as status:
        yield lambda said: status.update(f"{text}: {said}")


@contextmanager
def counting(text: str, *, quiet: bool = False) -> Iterator[Callable[[int], None]]:
    """Say on a terminal how many rows are done; gives what takes the number."""
    if quiet or not sys.stderr.isatty():
        yield lambda rows: None
        return
    with console(stderr=True).status(f"{text} …") as status:
        yield lambda rows: status.update(f"{text} … {rows:,} rows")
