"""`kreis release`: what a canary can show, said beforehand."""

from __future__ import annotations

from typing import Annotated

import typer

from kreis.cli.output import JsonOption, answer, here

__all__ = ["app"]

app = typer.Typer(help="What a canary can show, said beforehand.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def plan(
    per_day: Annotated[
        float | None,
        typer.Option(help="Requests a day. [default: as in the last week]", min=0.01, metavar="NUMBER"),
    ] = None,
    differ: Annotated[
        float | None,
        typer.Option(
            help="Share of decisions in which two models differ. [default: as seen, or 0.1]",
            min=0.0001,
            max=1.0,
            metavar="SHARE",
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Say how long each step of the declared canary takes.

    In requests and days, for a challenger as good as the champion, 6 and 21% worse, at random, or inverted. While a
    canary is going on, its own days say how often the two models differ.

    Example:

        kreis release plan --per-day 900
    """
    from kreis.actions.release import plan_canary
    from kreis.governance.pages.release import plan_page

    planned = plan_canary(here(), per_day=per_day, differing=differ)
    answer(planned, plan_page, json=json)
