"""What users hold on to: commands, options and public names, reviewed in surface.txt and nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer.main

import kreis
from kreis.cli.main import app

SNAPSHOT = Path(__file__).parent / "surface.txt"


def commands(command: Any = None, name: str = "kreis") -> Iterator[tuple[str, Any]]:
    """Every command with its full name, groups before what is in them."""
    command = typer.main.get_command(app) if command is None else command
    yield name, command
    for each in getattr(command, "commands", {}):
        yield from commands(command.commands[each], f"{name} {each}")


def surface() -> str:
    lines = []
    for name, command in commands():
        parameters = [each for each in command.params if not getattr(each, "hidden", False)]
        arguments = [each for each in parameters if each.param_type_name == "argument"]
        lines.append(" ".join([name, *(each.name.upper() for each in arguments)]))
        for each in parameters:
            if each.param_type_name == "option":
                needed = " (needed)" if each.required else ""
                lines.append("    " + ", ".join([*each.opts, *each.secondary_opts]) + needed)
    lines += ["", "kreis.__all__", *(f"    {name}" for name in kreis.__all__)]
    return "\n".join(lines) + "\n"


def test_the_surface_is_the_reviewed_one() -> None:
    assert surface() == SNAPSHOT.read_text(), "review it, then: python tests/cli/test_surface.py"


def test_every_public_name_can_be_loaded() -> None:
    for name in kreis.__all__:
        assert getattr(kreis, name).__name__ == name
    assert sorted(kreis.__all__) == kreis.__all__ == dir(kreis)
    with pytest.raises(AttributeError, match="Projekt"):
        _ = kreis.Projekt


@pytest.mark.parametrize(("name", "command"), [(n, c) for n, c in commands() if not hasattr(c, "commands")])
def test_help_says_in_one_line_what_a_command_does_and_shows_an_example(name: str, command: Any) -> None:
    first, *_ = command.help.splitlines()
    assert first.endswith((".", "?")), first
    assert len(first) <= 60, "the list of commands would cut it off"
    assert f"        {name}" in command.help or f"\n    {name}" in command.help, "no example"
    for each in command.params:
        assert each.param_type_name == "argument" or getattr(each, "hidden", False) or each.help, each.name


@pytest.mark.parametrize("line", ["ru", "run --from tr", "show mod", "audit ver"])
def test_the_shell_completes(line: str) -> None:
    words = line.split()
    environment = {
        **os.environ,
        "_KREIS_COMPLETE": "complete_bash",
        "COMP_WORDS": f"kreis {line}",
        "COMP_CWORD": str(len(words)),
    }
    program = "import sys; sys.argv[0] = 'kreis'; from kreis.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    found = {"ru": "run runs", "tr": "training", "mod": "model", "ver": "verify"}[words[-1]]
    assert done.stdout.split() == found.split(), done.stderr


def test_every_module_says_what_is_public() -> None:
    """A name that a module does not list in `__all__` is its own affair."""
    root = Path(kreis.__file__).parent
    for path in root.rglob("*.py"):
        if path.name in ("__init__.py", "__main__.py") or {"migrations", "flights", "minimal"} & set(path.parts):
            continue
        name = ".".join(("kreis", *path.relative_to(root).with_suffix("").parts))
        try:
            module = import_module(name)
        except ModuleNotFoundError as missing:
            if missing.name != "torch":  # the one extra that the development lock leaves out
                raise
            continue
        for each in getattr(module, "__all__", ()):
            assert hasattr(module, each), f"{name} lists {each!r} and has none"


if __name__ == "__main__":
    SNAPSHOT.write_text(surface())
