"""Every command that a message, a hint, a help text or a docstring names exists, with the options that are named."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import typer.main

from kreis.cli.main import app

SOURCE = Path(__file__).parents[2] / "src" / "kreis"
NAMED = re.compile(r"(^|`|(?:[:;,(—]|\b(?:or|then|with|run|and|see|use|by|on)) )kreis ([a-z][^`;,()\n]*)")
"""A command in a text: at its beginning, in backticks, or where a text turns to what may be typed."""


def texts(path: Path) -> Iterator[tuple[int, str, bool]]:
    """Each text of a file, with its line, and whether it is a hint; what an f-string fills in is X."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hints = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg == "hint"
        for part in ast.walk(node.value)
    }
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            said = "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
            yield node.lineno, said, id(node) in hints
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.lineno, node.value, id(node) in hints


@cache
def root() -> Any:
    return typer.main.get_command(app)


def problem(words: list[str], *, whole: bool) -> str | None:
    """What is wrong with the words after `kreis`: an unknown command or option, or, of a whole one, what lacks."""
    command = root()
    while words and getattr(command, "commands", None):
        if words[0].rstrip(".:") not in command.commands:
            return f"no command {words[0]!r}"
        command = command.commands[words.pop(0).rstrip(".:")]
    options = {name: each for each in command.params if each.param_type_name == "option" for name in each.opts}
    options |= {name: each for each in options.values() for name in each.secondary_opts}
    needed = sum(each.param_type_name == "argument" and each.required for each in command.params) if whole else 0
    lacking = {name for name, each in options.items() if whole and each.required}
    given = 0
    while words:
        word = words.pop(0).rstrip(".:")
        lacking.discard(word)
        if word.startswith("-"):
            if word not in options and word not in ("--help", "-h", "--json"):
                return f"no option {word}"
            if word in options and not options[word].is_flag:
                if not words:
                    return f"{word} has no value"
                words.pop(0)
        elif re.fullmatch(r"[A-Z][A-Z/]*|X\S*|\d+|\S*/\S*|run|source|release|candidate", word) or given < needed:
            given += 1
        else:
            break  # the sentence goes on
    if lacking:
        return f"it needs {', '.join(sorted(lacking))}"
    return f"{needed} arguments are needed" if given < needed else None


@cache
def commands() -> dict[str, tuple[list[str], bool]]:
    """The words after each `kreis` that a text of the source names, by place, and whether they are a whole command."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        for line, text, hint in texts(path):
            for match in NAMED.finditer(text):
                words = match[2].split()
                known = words[0].rstrip(".:") in root().commands
                if hint or match[1] == "`" or known:
                    found[f"{path.relative_to(SOURCE)}:{line}: kreis {match[2][:40]}"] = (words, hint)
    return found


def test_a_command_that_is_named_exists() -> None:
    problems = {place: problem(list(words), whole=whole) for place, (words, whole) in commands().items()}
    assert {place: each for place, each in problems.items() if each} == {}


def test_what_does_not_exist_is_found() -> None:
    assert problem(["lineage"], whole=False) == "no command 'lineage'"
    assert problem(["run", "--fro", "training"], whole=False) == "no option --fro"
    assert problem(["approve"], whole=True) == "it needs --reason, --role"
    assert problem(["why"], whole=True) == "1 arguments are needed"
    assert problem(["approve", "X", "--role", "X", "--reason", "'…'"], whole=True) is None
    assert len(commands()) > 100
