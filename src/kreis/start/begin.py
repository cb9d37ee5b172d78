"""From a file to a project: read a table, look at it, write the project that asks a question of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path

import msgspec
import polars as pl

from kreis.collection.connectors.files import notes
from kreis.collection.connectors.table import read_table
from kreis.errors import ProjectError
from kreis.start.contract import contract_text
from kreis.start.profile import Profile, profile_of
from kreis.start.project_file import Asked, project_text
from kreis.start.readme import readme_text
from kreis.start.series.found import Found
from kreis.start.series.look import series_of
from kreis.start.series.question import TASK
from kreis.start.series.texts import series_texts
from kreis.start.written import DEFAULTS, name_of, seen_from, write

__all__ = ["Begun", "begin"]

_SHOWN = 5
_RECENT = timedelta(days=7)
_OUTCOME = timedelta(days=2)
"""A bit more than outcomes take (`outcome_within`), so that the last rows teach."""


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """A project that was written."""

    folder: str
    written: list[str]
    notes: list[str]
    """What was done to the file when it was read."""
    profile: Profile
    series: Found | None = None
    """The series that are to be forecast; None: something else is asked."""


def begin(
    folder: Path,
    file: Path,
    *,
    predict: str,
    now: datetime,
    test: Path | None = None,
    id: str = "",  # noqa: A002 (the word that the user writes)
    time: str = "",
    task: str = "",
    separator: str | None = None,
    header: bool | None = None,
) -> Begun:
    """Write a project for a table.

    Args:
        folder: Where to; its name is the project's. It must be empty, or not there.
        file: The table: CSV of any form, Parquet, JSON Lines, Excel.
        predict: The column to be predicted.
        now: The moment.
        test: A second file with rows to judge by.
        id: The column that names a row; found if not given.
        time: The column with the moment of a row; found if not given; "none" for none.
        task: What kind of question it is; found if not given.
        separator: Between the fields of a CSV file; found if not given.
        header: Whether the first line names the columns; found if not given.

    Raises:
        ProjectError: the folder is not empty, a file cannot be read, or nothing can be asked of the column.
    """
    name = name_of(folder)
    with notes() as noted:
        frame = _read(file, separator, header)
    asked = Asked(
        name=name,
        file=seen_from(folder, file),
        separator=separator or "",
        header=header is not False and not _headless(noted),
        outcome=predict,
        contract=f"contracts/{name}.yaml",
    )
    if task == TASK:
        if test is not None:
            hint = "leave --test out: the last fifth of the periods judges"
            raise ProjectError("series are judged by what came later", where="kreis init, --test", hint=hint)
        profile, series = series_of(frame, predict, key=id, time=time, where=str(file))
        texts = series_texts(asked, file.name, profile, series)
        texts["kreis.toml"] = _stopped(series.found.last, series.found.ends, now)
        written = write(folder, texts)
        return Begun(folder=str(folder), written=written, notes=list(noted), profile=profile, series=series.found)
    profile, question = profile_of(frame, predict, id=id, time=time, task=task, where=str(file))
    told, both = list(noted), frame
    if test is not None:
        with notes() as noted_then:
            judging = _read(test, separator, header)
        both = _together(frame, judging, test)
        told += [f"{test.name}: {each}" for each in noted_then if each not in noted]
        told += _other_outcomes(frame[predict], judging[predict], test)
    asked = msgspec.structs.replace(asked, test="" if test is None else seen_from(folder, test))
    texts = {
        "project.py": project_text(asked, profile, question),
        asked.contract: contract_text(name, file.name, profile, both),
        "kreis.toml": _settings(profile, now),
        "README.md": readme_text(asked, profile, question, frame),
    }
    return Begun(folder=str(folder), written=write(folder, texts), notes=told, profile=profile)


def _read(file: Path, separator: str | None, header: bool | None) -> pl.DataFrame:
    try:
        return read_table(file, separator=separator, header=header).collect()
    except ProjectError as error:
        if separator is not None and "its header is one column" in error.message:
            error.hint = "leave --separator out: it is found out"
        raise
    except pl.exceptions.PolarsError as error:
        first = str(error).splitlines()[0]
        hint = "is another separator used? --separator ';'"
        raise ProjectError(f"its rows cannot be read: {first}", where=str(file), hint=hint) from error


def _headless(noted: Iterable[str]) -> bool:
    return any(each.startswith("the first line is a row") for each in noted)


def _together(frame: pl.DataFrame, judging: pl.DataFrame, test: Path) -> pl.DataFrame:
    """Both tables as one.

    Raises:
        ProjectError: a column of the first is not in the second.
    """
    for name in frame.columns:
        if name not in judging.columns:
            raise ProjectError.unknown_name("column", name, judging.columns, where=f"{test}, --test")
    return pl.concat([frame, judging.select(frame.columns)], how="vertical_relaxed")


def _other_outcomes(known: pl.Series, judging: pl.Series, test: Path) -> list[str]:
    """Outcomes that only the second file has, where outcomes are texts: they are often the same, otherwise written."""
    if known.dtype != pl.String() or judging.dtype != pl.String():
        return []
    new = sorted(set(judging.drop_nulls().unique()) - set(known.drop_nulls().unique()))
    shown = ", ".join(map(repr, new[:_SHOWN]))
    return [f"{test.name}: {known.name} has values that the first file has not: {shown}"] if new else []


def _settings(profile: Profile, now: datetime) -> str:
    if profile.last is None:
        return DEFAULTS
    end = profile.last.replace(tzinfo=UTC) if profile.last.tzinfo is None else profile.last.astimezone(UTC)
    day = datetime.combine((end + _OUTCOME + timedelta(days=1)).date(), time_of_day.min, UTC)
    return _stopped(end, day, now)


def _stopped(end: datetime, as_of: datetime, now: datetime) -> str:
    """The clock stands behind the end of the rows, where they are not of these days."""
    if end > now - _RECENT:
        return DEFAULTS
    moment = f"{as_of:%Y-%m-%d}" if as_of.time() == time_of_day.min else f"{as_of:%Y-%m-%dT%H:%M}Z"
    ends = f"the rows end on {end.date()}; remove this line once the file brings new rows"
    return f'[clock]\nas_of = "{moment}"  # {ends}\n'
