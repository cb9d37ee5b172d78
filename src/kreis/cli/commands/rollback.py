"""`kreis rollback`: a new release that names an old version."""

from __future__ import annotations

from typing import Annotated

import typer

from kreis.cli.output import JsonOption, answer, here

__all__ = ["rollback"]


def rollback(
    reason: Annotated[str, typer.Option(help="Why; it goes into the record.", metavar="TEXT")],
    to: Annotated[
        int | None,
        typer.Option(help="Number of the release to go back to. [default: the one before]", metavar="NUMBER"),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Put an earlier release back in service.

    As a new release: releases are never edited. The service follows within a second.

    Example:

        kreis rollback --reason "canary answers look wrong"
    """
    from kreis.actions.release import roll_back
    from kreis.texts import short

    release = roll_back(here(), reason=reason, to=to)
    models = ", ".join(f"{route.share:.0%} {short(route.model)}" for route in release.routes)
    answer(release, f"Release {release.number} is in service: {models}", json=json)
