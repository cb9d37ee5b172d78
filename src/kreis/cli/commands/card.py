"""`kreis card fill`: what people add to the papers about a model and its data."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from kreis.cli.output import JsonOption, emit
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
    from kreis.workspace import Workspace

    workspace = Workspace.find()
    texts = dict(_pair(each) for each in said or ())
    open_questions = {each.key: each.question for each in asked_for(workspace) if each.said is None}
    if not texts and sys.stdin.isatty() and not json:
        for key, question in open_questions.items():
            if answer := typer.prompt(f"{question} [{key}]", default="", show_default=False).strip():
                texts[key] = answer
    if not texts:
        if json:
            emit(asked_for(workspace))
        else:
            typer.echo("\n".join(f"{key:24}  {question}" for key, question in open_questions.items()) or "all is said")
        return
    made = fill_card(workspace, texts)
    if json:
        emit(made)
    else:
        typer.echo(f"{', '.join(each.key for each in made)}: on record as said by {made[0].actor}")


def _pair(text: str) -> tuple[str, str]:
    key, sign, said = text.partition("=")
    if not sign:
        raise ProjectError(f"{text!r} is not KEY=TEXT", where="--set", hint='--set intended_users="the desk"')
    return key.strip(), said
