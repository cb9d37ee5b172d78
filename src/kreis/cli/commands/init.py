"""`kreis init`: begin a project."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kreis.cli.output import JsonOption, emit, print_page, working

if TYPE_CHECKING:
    from kreis.start.begin import Begun

__all__ = ["init"]


def init(
    folder: Annotated[
        Path,
        typer.Argument(help="Folder to create it in; its name is the project's.", metavar="NAME", show_default="here"),
    ] = Path(),
    example: Annotated[
        str, typer.Option(help="Begin with an example: minimal or flights.", metavar="NAME")
    ] = "minimal",
    file: Annotated[
        Path | None,
        typer.Option(help="Begin with a table: CSV of any form, Parquet, JSON Lines, Excel.", metavar="FILE"),
    ] = None,
    documents: Annotated[
        Path | None,
        typer.Option(
            help="Begin with a folder of documents: Markdown, text, HTML, PDF, Word, e-mail …", metavar="FOLDER"
        ),
    ] = None,
    predict: Annotated[str, typer.Option(help="With --file: the column to be predicted.", metavar="COLUMN")] = "",
    test: Annotated[Path | None, typer.Option(help="A second file, with the rows to judge by.", metavar="FILE")] = None,
    id_: Annotated[
        str, typer.Option("--id", help="The column that names a row; of forecasts, a series.", metavar="COLUMN")
    ] = "",
    time: Annotated[
        str, typer.Option(help='The column with the moment of a row; "none": no column.', metavar="COLUMN")
    ] = "",
    task: Annotated[
        str, typer.Option(help='What is asked: "binary classification", "forecasting" …', metavar="TASK")
    ] = "",
    separator: Annotated[str | None, typer.Option(help="Between the fields of a CSV file.", metavar="TEXT")] = None,
    no_header: Annotated[bool, typer.Option("--no-header", help="The first line of a CSV file is a row.")] = False,
    json: JsonOption = False,
) -> None:
    """Write a project that runs.

    Its project.py, data contracts, kreis.toml and README. Nothing is overwritten. With --file it is written for a
    table: what the columns hold, what is asked, which columns probably give the answer away. With --documents it
    answers questions from the documents of a folder.

    Examples:

        kreis init churn

        kreis init income --file adult.csv.gz --predict income

        kreis init air --file air.csv.gz --predict pm2.5 --task forecasting

        kreis init handbook --documents docs
    """
    if documents is not None:
        given = {"--file": file, "--predict": predict, "--test": test, "--task": task, "--id": id_, "--time": time}
        _begin_with_documents(documents, folder, [name for name, each in given.items() if each], json=json)
        return
    if file is not None or predict:
        begun = _begin(file, folder, predict, test, id_, time, task, separator, no_header, quiet=json)
        if json:
            emit(begun)
        else:
            _tell(begun, folder)
        return
    from kreis.demo.examples import write_example

    written = write_example(example, folder)
    if json:
        emit({"folder": str(folder.resolve()), "written": [str(path) for path in written]})
    else:
        _tell_written(folder, [str(path) for path in written])


def _begin_with_documents(documents: Path, folder: Path, besides: list[str], *, json: bool) -> None:
    from kreis.clock import SystemClock
    from kreis.errors import ProjectError
    from kreis.start.documents.begin import begin_with_documents
    from kreis.start.page import begun_with_documents_page

    if besides or folder == Path():
        problem = f"{besides[0]} is for tables" if besides else "NAME is missing"
        raise ProjectError(problem, where="kreis init, --documents", hint="kreis init NAME --documents FOLDER")
    with working(f"reading {documents}", quiet=json):
        begun = begin_with_documents(folder, documents, now=SystemClock().now())
    if json:
        emit(begun)
        return
    print_page(begun_with_documents_page(begun))
    typer.echo()
    _tell_written(folder, begun.written)


def _begin(
    file: Path | None,
    folder: Path,
    predict: str,
    test: Path | None,
    id_: str,
    time: str,
    task: str,
    separator: str | None,
    no_header: bool,
    *,
    quiet: bool,
) -> Begun:
    from kreis.clock import SystemClock
    from kreis.errors import ProjectError
    from kreis.start.begin import begin

    if file is None or not predict or folder == Path():
        lacking = "--file" if file is None else "NAME" if predict else "--predict"
        hint = "kreis init NAME --file FILE --predict COLUMN"
        raise ProjectError(f"{lacking} is missing", where="kreis init", hint=hint)
    between = None if separator is None else separator.replace("\\t", "\t")
    with working(f"looking at {file}", quiet=quiet):
        return begin(
            folder,
            file,
            predict=predict,
            now=SystemClock().now(),
            test=test,
            id=id_,
            time=time,
            task=task,
            separator=between,
            header=False if no_header else None,
        )


def _tell(begun: Begun, folder: Path) -> None:
    from kreis.start.page import begun_page

    print_page(begun_page(begun))
    typer.echo()
    _tell_written(folder, begun.written)


def _tell_written(folder: Path, written: list[str]) -> None:
    for path in written:
        typer.echo(f"wrote {path}")
    typer.echo(f"Next: cd {shlex.quote(str(folder))} && kreis run" if str(folder) != "." else "Next: kreis run")
