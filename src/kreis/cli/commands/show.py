"""`kreis show`: a run, a candidate, a model, its card, a table, a source, a release, a prompt, a file or an alert."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from kreis.cli.output import JsonOption, answer, emit, here, print_page
from kreis.errors import ProjectError

__all__ = ["show"]


_RUN = re.compile(r"[0-9a-f]{8}-[0-9a-f-]+")
"""A run's identifier, or the beginning of it."""
_KINDS = {
    "run": "what each discipline concluded, and every candidate",
    "candidate": "its metrics, groups, calibration, gates and importances",
    "model": "a registered model, and how it was judged",
    "card": "a model's card, as Markdown",
    "table": "the tables of the lake; columns, versions and first rows of one",
    "source": "what was collected, quarantined and warned of",
    "datasheet": "a source's datasheet, as Markdown (--croissant: as JSON-LD)",
    "release": "the releases; routes and reason of one",
    "prompt": "the prompts of models; text, versions and what changed of one",
    "record": "what stands at a place of the record that a report names, as JSON",
    "artefact": "the files that the last run kept; what one holds, by its name or digest",
    "alert": "the last alerts (`kreis alerts` filters them)",
}
"""Kind to what is shown of it."""


def _kinds() -> list[str]:
    return list(_KINDS)


def show(
    kind: Annotated[
        str,
        typer.Argument(
            help="run (or just its identifier), candidate, model, card, table, source, datasheet, release, prompt,"
            " record, artefact or alert. [default: lists them]",
            metavar="KIND",
            show_default=False,
            autocompletion=_kinds,
        ),
    ] = "",
    name: Annotated[
        str,
        typer.Argument(
            help="Identifier, digest, version or release number, or layer/table. [default: the last, or a list]",
            metavar="NAME",
            show_default=False,
        ),
    ] = "",
    version: Annotated[
        int | None, typer.Option(help="Version of the table. [default: the last]", metavar="NUMBER")
    ] = None,
    croissant: Annotated[bool, typer.Option("--croissant", help="A datasheet as Croissant, JSON-LD.")] = False,
    json: JsonOption = False,
) -> None:
    """Show a run, a candidate, a model or anything on record.

    Examples:

        kreis show run

        kreis show 01a217ed-6329

        kreis show candidate gbdt

        kreis show model 2

        kreis show card 2 > model-card.md

        kreis show table silver/landed --version 0

        kreis show source arrivals

        kreis show artefact "answers of passage.jsonl"

        kreis show datasheet arrivals --croissant > arrivals.json
    """
    from kreis.governance.views.kinds import SHOW

    if not kind:
        lines = (f"kreis show {name:9}  {what}" for name, what in _KINDS.items())
        answer({"kinds": _KINDS}, "\n".join(lines), json=json)
        return
    if kind not in SHOW and _RUN.fullmatch(kind):
        kind, name = "run", kind
    if kind not in SHOW:
        raise ProjectError.unknown_name("kind of thing", kind, SHOW)
    view = SHOW[kind](here(), name, version)
    if croissant:
        from kreis.governance.papers.croissant import croissant_of
        from kreis.governance.views.datasheet import DatasheetView

        if not isinstance(view, DatasheetView):
            hint = "kreis show datasheet SOURCE --croissant"
            raise ProjectError("only a datasheet is shown as Croissant", where="--croissant", hint=hint)
        emit(croissant_of(view))
    elif json:
        emit(view)
    else:
        _print(kind, view)


def _print(kind: str, view: Any) -> None:
    if kind in ("card", "datasheet"):
        typer.echo(view.markdown, nl=False)
    elif kind == "record":
        emit(view.value)
    elif kind == "artefact" and getattr(view, "text", None) is not None:
        typer.echo(view.text)
    else:
        from kreis.governance.pages.kinds import PAGES

        print_page(PAGES[kind](view))
