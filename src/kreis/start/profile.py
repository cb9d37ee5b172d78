"""What a table holds, seen from what is to be predicted: pure functions over a frame."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
import polars as pl

from kreis.errors import ProjectError
from kreis.start.columns import Column, columns_of
from kreis.start.leaks import Leak, later_moments, likely_leaks, strengths_of
from kreis.start.questions.kinds import question_of
from kreis.start.questions.question import Question
from kreis.texts import counted

__all__ = ["Profile", "profile_of"]

_DATED = 0.99
"""Share of rows that must have a moment before a table is taken to be one over time."""
_MOMENTS = 10
_FEWEST_DAYS: Final = 24
"""Over fewer days, those that judge would be too few to say how much days differ; rows are then split at random."""
_FEW_ROWS = 200
_OF_PEOPLE = re.compile(
    r"(?i)(^|_| )(sex|gender|race|ethnic\w*|religion|nationality|native_country|age|age_?group|disab\w*)($|_| )"
)


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in a table."""

    rows: int
    columns: list[Column]
    outcome: str
    task: str
    question: str
    """The outcome in words."""
    without_outcome: int
    id: str | None
    """The column that names a row; None: the rows are named by their content."""
    keys: list[str]
    """All columns of which each row has its own value."""
    time: str | None
    """The column with the moment of a row."""
    first: datetime | None
    """The moment of the first row."""
    last: datetime | None
    """The moment of the last row."""
    duplicates: int
    """Rows that repeat another one in all columns."""
    strengths: dict[str, float]
    """How well each column alone tells the outcome, from 0.5 to 1."""
    strength_is: str
    leaks: list[Leak]
    warnings: list[str]

    @property
    def left_out(self) -> dict[str, str]:
        """Columns that are no features, each with the reason: likely leaks first."""
        roles = {self.id, self.time, self.outcome}
        unfit = {each.name: each.unfit for each in self.columns if each.unfit and each.name not in roles}
        return {each.column: each.reason for each in self.leaks} | unfit

    @property
    def of_people(self) -> list[str]:
        """Columns that are called like what nobody should be treated worse for (article 21 of the EU's Charter)."""
        out = {self.id, self.time, self.outcome, *self.left_out}
        return [each.name for each in self.columns if each.name not in out and _OF_PEOPLE.search(each.name)]

    @property
    def of_words(self) -> bool:
        """Whether texts to be read are all that may be features."""
        out = {self.id, self.time, self.outcome, *self.left_out}
        return all(each.kind == "text" for each in self.columns if each.name not in out)


def profile_of(
    frame: pl.DataFrame,
    predict: str,
    *,
    id: str = "",  # noqa: A002 (the word that the user writes)
    time: str = "",
    task: str = "",
    where: str = "",
) -> tuple[Profile, Question]:
    """Look at a table.

    Args:
        frame: The table, typed.
        predict: The column to be predicted.
        id: The column that names a row; found if not given.
        time: The column with the moment of a row; found if not given; "none" for none.
        task: What kind of question it is; found if not given.
        where: Names the table in errors.

    Raises:
        ProjectError: no rows, no such column, or nothing can be asked of it.
    """
    _check_named(frame, where, {"--predict": predict, "--id": id, "--time": "" if time == "none" else time})
    question = question_of(frame[predict], task)
    columns = columns_of(frame)
    keys = [each.name for each in columns if each.names_rows and each.name != predict]
    chosen = id or next((each.name for each in columns if each.likely_key and each.name != predict), None)
    _check_id(columns, id, where)
    dated = _time(frame, columns, time, predict, where)
    first, last = _ends(frame, dated)
    moment = dated if time or (first is not None and last is not None and (last - first).days >= _FEWEST_DAYS) else None
    usable = [each for each in columns if each.name not in (chosen, moment)]
    strengths = strengths_of(frame, usable, question)
    leaks = likely_leaks(frame, usable, question, strengths)
    named = {each.column for each in leaks}
    if dated is not None:
        leaks += [each for each in later_moments(frame, columns, dated) if each.column not in {*named, predict}]
    profile = Profile(
        rows=frame.height,
        columns=columns,
        outcome=predict,
        task=question.task,
        question=question.said,
        without_outcome=frame[predict].null_count(),
        id=chosen,
        keys=keys,
        time=moment,
        first=None if moment is None else first,
        last=None if moment is None else last,
        duplicates=frame.height - frame.hash_rows().n_unique(),
        strengths=dict(sorted(strengths.items(), key=lambda each: -each[1])),
        strength_is=question.strength_is,
        leaks=leaks,
        warnings=_warnings(frame, columns, predict, dated, split=moment is not None),
    )
    return profile, question


def _check_named(frame: pl.DataFrame, where: str, named: Mapping[str, str]) -> None:
    """Refuse a table that nothing can be asked of, and columns that it has not, by the options that name them."""
    if frame.is_empty():
        raise ProjectError("the table has no rows", where=where, hint="name the file that holds the rows")
    for option, name in named.items():
        if name and name not in frame.columns:
            raise ProjectError.unknown_name("column", name, frame.columns, where=f"{where}, {option}")
    if frame.width < 2:
        why = f"the table has one column, {frame.columns[0]!r}, and nothing to predict it from"
        raise ProjectError(why, where=where, hint="is another separator used? --separator ';'")


def _check_id(columns: Sequence[Column], id: str, where: str) -> None:  # noqa: A002
    for each in columns:
        if each.name == id and (each.missing or each.distinct != each.rows):
            again = each.rows - each.missing - each.distinct
            said = f"{id!r} does not name the rows: {again:,} repeat another's value, {each.missing:,} have none"
            raise ProjectError(
                said, where=f"{where}, --id", hint="leave --id out: rows are then named by their content"
            )


def _time(frame: pl.DataFrame, columns: Sequence[Column], time: str, predict: str, where: str) -> str | None:
    """The named column of moments, or the one that comes first in most rows."""
    if time == "none":
        return None
    if time:
        if not frame[time].dtype.is_temporal():
            example = frame[time].drop_nulls().first()
            hint = "dates are read as 2024-01-31, 31.01.2024 and the like, with or without a time of day"
            raise ProjectError(f"{time!r} holds no moments, but {example!r}", where=f"{where}, --time", hint=hint)
        return time
    dated = [
        each.name
        for each in columns
        if each.kind in ("date", "moment") and each.name != predict
        and each.given >= _DATED * each.rows and each.distinct >= _MOMENTS
    ]  # fmt: skip
    if not dated:
        return None
    return min(dated, key=lambda name: frame[name].cast(pl.Datetime("us")).to_physical().mean() or 0.0)


def _ends(frame: pl.DataFrame, time: str | None) -> tuple[datetime | None, datetime | None]:
    if time is None:
        return None, None
    moments = frame[time].cast(pl.Datetime("us"))
    first: Any = moments.min()
    last: Any = moments.max()
    return first, last


def _warnings(
    frame: pl.DataFrame, columns: Sequence[Column], predict: str, time: str | None, *, split: bool
) -> list[str]:
    said = []
    if frame.height < _FEW_ROWS:
        said.append(
            f"{counted(frame.height, 'row is', 'rows are')} few: expect wide intervals, and gates that stay undecided"
        )
    outcome = frame[predict]
    if missing := outcome.null_count():
        said.append(f"{_rows_have(missing)} no {predict}, and no part in training")
    if time is not None and not split:
        said.append(f"{time} spans less than {_FEWEST_DAYS} days, too few to judge by: rows are split at random")
    if time is not None and split:
        zone = getattr(frame[time].dtype, "time_zone", None)
        if zone is None:
            said.append(f"{time} has no time zone: it is taken as UTC")
        if undated := frame[time].null_count():
            said.append(f"{_rows_have(undated)} no {time}, and no part in anything")
    holes = [each for each in columns if each.missing > 0.5 * each.rows and not each.unfit]
    said += [f"{each.name} is missing in {each.missing / each.rows:.0%} of the rows" for each in holes]
    return said


def _rows_have(count: int) -> str:
    return counted(count, "row has", "rows have")
