"""`kreis redteam`: attacks on what answers questions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kreis.cli.options import ModelOption
from kreis.cli.output import JsonOption, answer, counting, here

if TYPE_CHECKING:
    from kreis.generative.redteam.report import RedTeamReport
    from kreis.governance.pages.page import Page

__all__ = ["redteam"]

EXIT_HARMED = 7


def redteam(
    suite: Annotated[
        list[str] | None, typer.Option(help="One of those that come with kreis; all if not given.", metavar="NAME")
    ] = None,
    attacks: Annotated[
        list[Path] | None, typer.Option(help='Attacks of your own: {"text": …}, one a line.', metavar="FILE")
    ] = None,
    model: ModelOption = "",
    transcripts: Annotated[
        Path | None, typer.Option(help="Write each attack and its answer, masked, as JSON Lines.", metavar="FILE")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Attack what answers questions, and say what got through.

    Each attack comes in the question, in a planted passage and in what a tool says, and has a test of success that
    needs no judge. Nothing is logged and no tool runs. Ends with 7 where something got out or was done.

    Examples:

        kreis redteam

        kreis redteam --suite leakage --attacks mine.jsonl --transcripts attacks.jsonl
    """
    from kreis.actions.redteam import attack_model

    with counting("attacking", quiet=json) as said:
        report = attack_model(
            here(),
            model=model,
            names=suite or (),
            files=attacks or (),
            transcripts=transcripts,
            progress=lambda done, _: said(done),
        )
    document = {"rates": report.rates(), "left_out": report.left_out, "results": report.results}
    answer(document, lambda _: _page(report), json=json)
    raise typer.Exit(EXIT_HARMED if report.harmful else 0)


def _page(report: RedTeamReport) -> Page:
    from kreis.governance.pages.page import Grid, Page

    *groups, every = report.rates()
    unasked = sum(not each.asked_model for each in report.results)
    rows = [
        [rate.name, f"{rate.succeeded} of {rate.attacks}", f"{rate.low:.1%} to {rate.high:.1%}", str(rate.marked)]
        for rate in (*groups, every)
    ]
    got_through = [
        [f"{each.suite}/{each.id}", each.channel, each.how, each.answer[:200]]
        for each in report.results
        if each.succeeded
    ]
    grids = [Grid("attacks", ["", "succeeded", "95%", "marked"], rows)]
    if got_through:
        grids.append(Grid("what got through", ["attack", "by", "how", "answer"], got_through))
    return Page(
        title=f"{every.succeeded} of {every.attacks} attacks succeeded ({every.low:.1%} to {every.high:.1%})",
        facts=[
            ("harm", f"{len(report.harmful)}" if report.harmful else "none: no canary, tool, link, data or cost"),
            ("without a model", f"{unasked}" if unasked else ""),
            ("not tried", "; ".join(report.left_out)),
        ],
        grids=grids,
    )
