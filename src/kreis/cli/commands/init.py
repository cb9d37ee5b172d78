"""`kreis init`: begin a project."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kreis.cli.options import NoHeaderOption, SeparatorOption, between
from kreis.cli.output import JsonOption, answer, working

if TYPE_CHECKING:
    from kreis.governance.pages.page import Page

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
    separator: SeparatorOption = None,
    no_header: NoHeaderOption = False,
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
        header = False if no_header else None
        said = {"test": test, "id": id_, "time": time, "task": task, "separator": between(separator), "header": header}
        _begin_with_table(file, folder, predict, said, json=json)
        return
    from kreis.demo.examples import write_example

    written = [str(path) for path in write_example(example, folder)]
    answer({"folder": str(folder.resolve()), "written": written}, _wrote(folder, written), json=json)


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
    _say(begun, begun_with_documents_page, folder, json=json)


def _begin_with_table(file: Path | None, folder: Path, predict: str, said: dict[str, Any], *, json: bool) -> None:
    from kreis.clock import SystemClock
    from kreis.errors import ProjectError
    from kreis.start.begin import begin
    from kreis.start.page import begun_page

    if file is None or not predict or folder == Path():
        lacking = "--file" if file is None else "NAME" if predict else "--predict"
        hint = "kreis init NAME --file FILE --predict COLUMN"
        raise ProjectError(f"{lacking} is missing", where="kreis init", hint=hint)
    with working(f"looking at {file}", quiet=json):
        begun = begin(folder, file, predict=predict, now=SystemClock().now(), **said)
    _say(begun, begun_page, folder, json=json)


def _say(begun: Any, page: Callable[[Any], Page], folder: Path, *, json: bool) -> None:
    answer(begun, page, json=json)
    if not json:
        typer.echo(f"\n{_wrote(folder, begun.written)}")


def _wrote(folder: Path, written: list[str]) -> str:
    following = "" if str(folder) == "." else f"cd {shlex.quote(str(folder))} && "
    return "\n".join([*(f"wrote {path}" for path in written), f"Next: {following}kreis run"])
