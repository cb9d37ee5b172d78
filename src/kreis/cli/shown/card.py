"""A model's card, as Markdown."""

from __future__ import annotations

from typing import Any

import typer

__all__ = ["print_card"]


def print_card(card: dict[str, Any]) -> None:
    """Print it as it stands, for a file or a viewer."""
    typer.echo(card["markdown"], nl=False)
