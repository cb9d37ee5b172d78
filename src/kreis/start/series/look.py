"""A look at a table whose series are to be forecast."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from kreis.errors import ProjectError
from kreis.start.columns import columns_of
from kreis.start.profile import Profile
from kreis.start.series.found import Found, found_of
from kreis.start.series.question import TASK, SeriesQuestion, question_of
from kreis.start.series.times import times_of
from kreis.texts import counted

__all__ = ["series_of"]

_FEWEST_DAYS = 24


def series_of(
    frame: pl.DataFrame, predict: str, *, key: str = "", time: str = "", where: str = ""
) -> tuple[Profile, SeriesQuestion]:
    """Look at a table of series.

    Args:
        frame: The table, typed.
        predict: The column to be forecast.
        key: The column that names a series; empty: there is one.
        time: The column with the moments; found if not given.
        where: Names the table in errors.

    Raises:
        ProjectError: no such column, no numbers, no times, or no regular ones.
    """
    for option, name in (("--predict", predict), ("--id", key), ("--time", time)):
        if name and name not in frame.columns:
            raise ProjectError.unknown_name("column", name, frame.columns, where=f"{where}, {option}")
    if not frame[predict].dtype.is_numeric():
        example = frame[predict].drop_nulls().first()
        said = f"{predict!r} holds {frame[predict].dtype} values such as {example!r}, and a forecast needs numbers"
        raise ProjectError(said, where=f"{where}, --predict", hint="name a column of numbers")
    if frame[predict].null_count() == frame.height:
        hint = "name the column that says what really happened"
        raise ProjectError("it has no value in any row", where=f"{where}, {predict}", hint=hint)
    columns = columns_of(frame)
    found = found_of(frame, columns, times_of(frame, columns, time, predict, where), predict, key=key, where=where)
    question = question_of(frame[predict], found)
    profile = Profile(
        rows=frame.height,
        columns=columns,
        outcome=predict,
        task=TASK,
        question=question.said,
        without_outcome=found.missing,
        id=key or None,
        keys=[],
        time=found.times.said,
        first=found.first,
        last=found.last,
        duplicates=frame.height - frame.hash_rows().n_unique(),
        strengths={},
        strength_is=question.amount.strength_is,
        leaks=[],
        warnings=list(_warnings(found, predict)),
    )
    return profile, question


def _warnings(found: Found, predict: str) -> Iterable[str]:
    if found.missing:
        yield (
            f"{counted(found.missing, 'row has', 'rows have')} no {predict}: forecasts of such periods"
            " neither teach nor judge"
        )
    if found.gaps:
        yield f"{found.gaps:,} periods of {found.every} have no row: a lag still counts periods, not rows"
    if found.undated:
        yield f"{counted(found.undated, 'row has', 'rows have')} no moment or no series, and no part in anything"
    if not found.times.zoned:
        yield f"{found.times.said} {'has' if len(found.times.columns) == 1 else 'have'} no time zone: taken as UTC"
    if (found.last - found.first).days < _FEWEST_DAYS:
        yield f"the series span less than {_FEWEST_DAYS} days, few to judge by: gates may stay undecided"
    if found.season is None:
        yield f"no season is proposed for periods of {found.every}: write season= where things repeat"
