"""Values from data in written files: they stay values, whatever they hold."""

from __future__ import annotations

from kreis.texts import plain

__all__ = ["as_python", "in_quotes"]


def as_python(value: str | float | bool) -> str:
    """A value as Python writes it; a text in double quotes where that is as short."""
    written = repr(value)
    return f'"{value}"' if isinstance(value, str) and written == f"'{value}'" and '"' not in value else written


def in_quotes(text: str) -> str:
    """A text in one line that cannot end the quotes around it."""
    return plain(text).replace("\\", "/").replace('"', "'")
