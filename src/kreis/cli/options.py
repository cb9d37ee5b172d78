"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["ModelOption", "NoHeaderOption", "PortOption", "SeparatorOption", "between"]

ModelOption = Annotated[str, typer.Option(help="Version or digest; the one in service if not given.", metavar="MODEL")]
NoHeaderOption = Annotated[bool, typer.Option("--no-header", help="The first line of a CSV file is a row.")]
PortOption = Annotated[
    int, typer.Option(help="Port of the service. [default: a free one]", metavar="NUMBER", show_default=False)
]
SeparatorOption = Annotated[str | None, typer.Option(help="Between the fields of a CSV file.", metavar="TEXT")]


def between(separator: str | None) -> str | None:
    """What stands between the fields: a tab can be written \\t."""
    return None if separator is None else separator.replace("\\t", "\t")
