"""What is written: names, places, files, and values from data in them, which stay values whatever they hold."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from kreis.durable import make_directory
from kreis.errors import ProjectError
from kreis.texts import plain

__all__ = ["DEFAULTS", "as_python", "in_quotes", "name_of", "seen_from", "write"]

DEFAULTS = "# Settings of the project: docs/reference/settings.md. All have defaults.\n"
"""A kreis.toml that sets nothing."""


def as_python(value: str | float | bool) -> str:
    """A value as Python writes it; a text in double quotes where that is as short."""
    written = repr(value)
    return f'"{value}"' if isinstance(value, str) and written == f"'{value}'" and '"' not in value else written


def in_quotes(text: str) -> str:
    """A text in one line that cannot end the quotes around it."""
    return plain(text).replace("\\", "/").replace('"', "'")


def name_of(folder: Path) -> str:
    """The name of the project that is to be written into a folder.

    Raises:
        ProjectError: it cannot name a project, or the folder is not empty.
    """
    name = folder.resolve().name.replace("_", "-")
    if not name.replace("-", "").isalnum() or not name.isascii():
        hint = "use letters, digits and hyphens: kreis init churn --file …"
        raise ProjectError(f"{name!r} cannot name a project", where="kreis init", hint=hint)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ProjectError(
            f"{folder} is there already", where="kreis init", hint="choose another name; nothing was written"
        )
    return name


def seen_from(folder: Path, path: Path) -> str:
    """The path as project.py names it: relative where both lie in one folder, so that it can be moved as a whole."""
    around, absolute = folder.resolve().parent, path.resolve()
    if absolute.is_relative_to(around):
        return Path(os.path.relpath(absolute, folder.resolve())).as_posix()
    return absolute.as_posix()


def write(folder: Path, texts: Mapping[str, str]) -> list[str]:
    """Write files, by their names in a folder.

    Returns:
        Their paths.
    """
    written = []
    for name, text in texts.items():
        path = folder / name
        make_directory(path.parent)
        path.write_text(text, encoding="utf-8")
        written.append(str(path))
    return written
