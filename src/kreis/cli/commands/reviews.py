"""`kreis reviews`: people label items, blind to each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kreis.cli.output import JsonOption, answer, here

if TYPE_CHECKING:
    from kreis.governance.pages.page import Page
    from kreis.reviews.queue import ReviewState

__all__ = ["app"]

app = typer.Typer(
    help="People label items, blind to each other; how far they agree.", no_args_is_help=True, rich_markup_mode=None
)
_Queue = Annotated[str, typer.Argument(help="The queue's name.", metavar="QUEUE")]
_Who = Annotated[str, typer.Option("--as", help="Who labels. [default: you]", metavar="NAME", show_default=False)]


@app.callback()
def _group() -> None:
    """People label items, blind to each other; how far they agree."""


@app.command()
def put(
    queue: _Queue,
    file: Annotated[Path, typer.Argument(help="Items, one JSON object a line.", metavar="FILE")],
    label: Annotated[
        list[str] | None, typer.Option(help="What may be said, once for each, of a new queue.", metavar="TEXT")
    ] = None,
    per_item: Annotated[int, typer.Option(help="How many people label each item, of a new queue.", min=1)] = 2,
    json: JsonOption = False,
) -> None:
    """Add the items of a file to a queue.

    One JSON object a line: {"item": "a1", "shown": {"answer": "…"}, "judge": "right"}.

    Example:

        kreis reviews put answers items.jsonl --label right --label wrong
    """
    from kreis.actions.reviews import put_in

    _tell(put_in(here(), queue, file, labels=label or (), per_item=per_item), "new items", json)


@app.command("next")
def give(
    queue: _Queue,
    out: Annotated[Path, typer.Option(help="The file to fill in.", metavar="FILE")],
    reviewer: _Who = "",
    count: Annotated[int, typer.Option(help="How many at most.", min=1)] = 20,
    json: JsonOption = False,
) -> None:
    """Write a reviewer's next items to a file, to be filled in.

    Example:

        kreis reviews next answers --as bo --out bo.jsonl
    """
    from kreis.actions.reviews import give_out

    workspace = here()
    _tell(give_out(workspace, queue, reviewer or workspace.actor, out, count), f"items in {out}", json)


@app.command()
def take(
    queue: _Queue,
    file: Annotated[Path, typer.Argument(help="As it was filled in.", metavar="FILE")],
    reviewer: _Who = "",
    json: JsonOption = False,
) -> None:
    """Take the labels of a file that was filled in.

    Example:

        kreis reviews take answers bo.jsonl --as bo
    """
    from kreis.actions.reviews import take_back

    workspace = here()
    _tell(take_back(workspace, queue, reviewer or workspace.actor, file), "new labels", json)


@app.command()
def settle(
    queue: _Queue,
    item: Annotated[str, typer.Argument(help="The disputed item.", metavar="ITEM")],
    label: Annotated[str, typer.Argument(help="What it is.", metavar="LABEL")],
    because: Annotated[str, typer.Option(help="Why.", metavar="TEXT")],
) -> None:
    """Decide on an item on which people differ.

    Example:

        kreis reviews settle answers a7 wrong --because "the page says 30 days"
    """
    from kreis.actions.reviews import settle as decide

    decide(here(), queue, item, label, because)
    typer.echo(f"{item} is {label}.")


@app.command()
def show(
    queue: _Queue,
    item: Annotated[
        str, typer.Option(help="What was said of one item, for who settles it.", metavar="ITEM", show_default=False)
    ] = "",
    scale: Annotated[str, typer.Option(help="nominal, ordinal or interval.", metavar="SCALE")] = "nominal",
    json: JsonOption = False,
) -> None:
    """Show how far people agree, and what is disputed.

    Also the share of each label; where items carry what a model said, corrected by what people said.

    Examples:

        kreis reviews show answers

        kreis reviews show answers --item a7
    """
    from typing import get_args

    from kreis.actions.reviews import state_of
    from kreis.errors import ProjectError
    from kreis.evaluation.agreement import Scale

    if scale not in get_args(Scale):
        raise ProjectError.unknown_name("scale", scale, get_args(Scale), where="--scale")
    if item:
        said = here().reviews.get(queue).said_of(item)
        lines = [f"{by}: {label}" + (f" ({comment})" if comment else "") for by, label, comment in said]
        answer(
            [{"by": by, "label": label, "comment": comment} for by, label, comment in said], "\n".join(lines), json=json
        )
        return
    chosen: Any = scale
    state = state_of(here(), queue, chosen)
    answer(state, _page, json=json)


def _tell(count: int, what: str, as_json: bool) -> None:
    answer({"count": count}, f"{count:,} {what}", json=as_json)


def _page(state: ReviewState) -> Page:
    from kreis.governance.pages.page import Grid, Page
    from kreis.texts import counted

    shares = [[label, str(found), found.method] for label, found in state.shares.items()]
    return Page(
        title=f"{state.queue}: {counted(state.items, 'item')}, {state.open:,} lack labels",
        facts=[
            ("labels", ", ".join(state.labels)),
            ("reviewers", ", ".join(f"{name} {count:,}" for name, count in state.reviewers.items())),
            ("agreement", "no item was labelled by two" if state.agreement is None else str(state.agreement)),
            ("judge", "" if state.judge_agreement is None else f"{state.judge_agreement} with people"),
            ("disputed", ", ".join(state.disputed)),
        ],
        grids=[Grid("share of all items", ["", "95%", "how"], shares)] if shares else [],
    )
