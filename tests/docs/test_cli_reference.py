"""The reference of the command line is what the commands themselves say."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from kreis.cli.main import app

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"
HEAD = """# The command line

A command works on the project around the present folder: the nearest one, upwards, that holds a `kreis.toml`. Every
command has `--help`; with `--json` it prints one JSON document instead of tables, and errors too.
[Exit codes](exit-codes.md) say how it ended. Output that goes into a pipe or a file is plain text, a row a line.

`kreis --version` shows the version. `kreis --install-completion` lets the shell complete commands, options, disciplines
and kinds; `kreis --show-completion` prints what it would install. `KREIS_TRACEBACK=1` shows the traceback of an
unforeseen error.
"""


def commands(command: Any = None, name: str = "kreis") -> Iterator[tuple[str, Any]]:
    command = typer.main.get_command(app) if command is None else command
    if not hasattr(command, "commands"):
        yield name, command
    for each in getattr(command, "commands", {}):
        yield from commands(command.commands[each], f"{name} {each}")


def reference() -> str:
    """The page, from what each command says of itself."""
    return HEAD + "".join(section(name, command) for name, command in commands())


def section(name: str, command: Any) -> str:
    prose, examples = said(command.help)
    shown = [each for each in command.params if not getattr(each, "hidden", False)]
    arguments = [each for each in shown if each.param_type_name == "argument"]
    usage = " ".join([name, *(each.metavar if each.required else f"[{each.metavar}]" for each in arguments)])
    rows = "".join(row(each) for each in shown)
    table = f"\n| | |\n|---|---|\n{rows}" if rows else ""
    fenced = "\n```\n" + "\n".join(examples) + "\n```\n" if examples else ""
    return f"\n## `{usage}`\n\n{prose}\n{table}{fenced}"


def said(text: str) -> tuple[str, list[str]]:
    """A command's help as prose, and its examples."""
    before, _, after = inspect.cleandoc(text).partition("Example")
    paragraphs = [textwrap.fill(" ".join(part.split()), 120) for part in before.split("\n\n") if part.strip()]
    examples = [line.strip() for line in after.splitlines() if line.strip().startswith("kreis")]
    return "\n\n".join(paragraphs), examples


def row(each: Any) -> str:
    text = re.sub(r" \[default: (.*)\]", r" Default: \1.", each.help)
    if each.param_type_name == "argument":
        return f"| `{each.metavar}` | {text} |\n"
    metavar = f" {each.metavar}" if each.metavar else ""
    if each.required:
        text += " Needed."
    elif each.metavar and each.default and each.show_default:
        text += f" Default: {each.default}."
    return f"| `{', '.join(each.opts)}{metavar}` | {text} |\n"


def test_the_page_says_what_the_commands_say() -> None:
    assert PAGE.read_text() == reference(), "python tests/docs/test_cli_reference.py writes it again"


if __name__ == "__main__":
    PAGE.write_text(reference())
