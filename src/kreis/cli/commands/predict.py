"""`kreis predict`: answer a whole file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kreis.cli.options import ModelOption, NoHeaderOption, SeparatorOption, between
from kreis.cli.output import JsonOption, answer, counting, here

if TYPE_CHECKING:
    from kreis.actions.predict import Predicted
    from kreis.governance.pages.page import Page

__all__ = ["predict"]

_MOST = 12


def predict(
    file: Annotated[
        Path, typer.Argument(help="The rows: CSV of any form, Parquet, JSON Lines, Excel.", metavar="FILE")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            help="Where to: .csv, .parquet or .jsonl.", metavar="FILE", show_default="FILE.predictions.csv, here"
        ),
    ] = None,
    model: ModelOption = "",
    id_: Annotated[str, typer.Option("--id", help="The column that names a row.", metavar="COLUMN")] = "",
    as_of: Annotated[
        str, typer.Option(help="What entities did later is not used. Now, if not given.", metavar="MOMENT")
    ] = "",
    separator: SeparatorOption = None,
    no_header: NoHeaderOption = False,
    json: JsonOption = False,
) -> None:
    """Answer each row of a file, as the service would.

    By the same package, through the same door; nothing is logged. Columns are the fields of a request. What is unusual
    about a row is said in `flags`, and why a row is not answered.

    Examples:

        kreis predict applications.csv

        kreis predict applications.parquet --output answers.parquet --model 2
    """
    from kreis.actions.predict import predict_file

    target = output or Path(f"{file.name.partition('.')[0]}.predictions.csv")
    with counting(f"answering {file.name}", quiet=json) as said:
        done = predict_file(
            here(),
            file,
            target,
            model=model,
            id=id_,
            as_of=as_of,
            separator=between(separator),
            header=False if no_header else None,
            said=said,
        )
    answer(done, _page, json=json)


def _page(done: Predicted) -> Page:
    from kreis.governance.pages.page import Grid, Page

    refused = done.rows - done.answered
    return Page(
        title=f"{done.answered:,} of {done.rows:,} rows answered by version {done.version}: {done.output}",
        facts=[
            ("decisions", ", ".join(f"{name} {count:,}" for name, count in list(done.decisions.items())[:_MOST])),
            ("not answered", f"{refused:,}" if refused else ""),
            ("unusual", f"{done.flagged:,}" if done.flagged else ""),
            ("not in the file", ", ".join(done.not_sent)),
        ],
        grids=[Grid("what was unusual", ["", "rows"], [list(each) for each in list(done.flags.items())[:_MOST]])]
        if done.flags
        else [],
    )
