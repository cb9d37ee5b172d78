"""`kreis card fill`: what people add to the papers about a model and its data."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from kreis.cli.output import JsonOption, answer, here
from kreis.errors import ProjectError

__all__ = ["app"]

app = typer.Typer(help="What people add to cards, datasheets and reports.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _cards() -> None:
    """What people add to cards, datasheets and reports."""


@app.command()
def fill(
    said: Annotated[
        list[str] | None,
        typer.Option("--set", help="What you say, as often as you like.", metavar="KEY=TEXT", show_default=False),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Say what the record cannot know; it is kept with your name.

    Intended users, what it must not be used for, whom it may harm; of each source how it was collected, and whether
    people consented (a key such as orders.consent). In a terminal it asks for what nobody has said yet; an empty line
    leaves it open. Without --set and without a terminal it lists the questions.

    Examples:

        kreis card fill

        kreis card fill --set intended_users="the desk" --set orders.consent="a contract"
    """
    from kreis.actions.statements import asked_for, fill_card

    workspace = here()
    texts = dict(_pair(each) for each in said or ())
    asked = asked_for(workspace)
    open_questions = {each.key: each.question for each in asked if each.said is None}
    if not texts and sys.stdin.isatty() and not json:
        for key, question in open_questions.items():
            if text := typer.prompt(f"{question} [{key}]", default="", show_default=False).strip():
                texts[key] = text
    if not texts:
        lines = [f"{key:24}  {question}" for key, question in open_questions.items()]
        answer(asked, "\n".join(lines) or "all is said", json=json)
        return
    made = fill_card(workspace, texts)
    answer(made, f"{', '.join(each.key for each in made)}: on record as said by {made[0].actor}", json=json)


def _pair(text: str) -> tuple[str, str]:
    key, sign, said = text.partition("=")
    if not sign:
        raise ProjectError(f"{text!r} is not KEY=TEXT", where="--set", hint='--set intended_users="the desk"')
    return key.strip(), said
