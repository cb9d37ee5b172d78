"""`kreis parity`: what the service used, against the point-in-time join."""

from __future__ import annotations

from typing import Annotated

import typer

from kreis.cli.output import JsonOption, console, emit, here, working

__all__ = ["parity"]

EXIT_DIFFERS = 7


def parity(
    rows: Annotated[int, typer.Option(help="How many served predictions to replay.", min=1, metavar="NUMBER")] = 10_000,
    json: JsonOption = False,
) -> None:
    """Prove that service and training agree.

    Replays served predictions: each feature is recomputed by the point-in-time join, each score by the package.

    Example:

        kreis parity --rows 10000
    """
    from kreis.actions.parity import prove_parity
    from kreis.governance.views.parity import parity_view

    with working("replaying what was served", quiet=json):
        found = prove_parity(here(), rows=rows)
    if json:
        emit(parity_view(found))
    else:
        out = console()
        mark = "[green]✓[/]" if found.ok else "[red]✗[/]"
        since = f", {found.corrected:,} answered before their data were corrected" if found.corrected else ""
        out.print(f"{mark} {found.rows:,} served predictions, {found.differences:,} differences{since}")
        for version, report in found.models.items():
            out.print(f"  version {version}: {report.summary}", soft_wrap=True)
            for feature in report.differing:
                for example in feature.examples[:2]:
                    out.print(f"    {feature.feature}: {example}", soft_wrap=True, markup=False)
    raise typer.Exit(0 if found.ok else EXIT_DIFFERS)
