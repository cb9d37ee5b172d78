"""Which rows are asked about, and which of them may teach and judge. Training, evaluation and notebook use this alone.

A row is *past* when its time has come; its outcome counts from `outcome_known_at` on. It is *mature* when
`time + outcome_within <= as_of`; a younger row is left out of training, validation and test, known or not: otherwise
the outcomes that come quickly would be over-represented. A mature row whose outcome is known *teaches*; so does any
mature row where the task asks for no outcomes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, cast

import msgspec
import polars as pl

from kreis.errors import ProjectError
from kreis.preparation.outcomes import TOLERATED, Delays, delays_of
from kreis.preparation.point_in_time import column_of
from kreis.preparation.tables import NO_OUTCOME, Spine
from kreis.preparation.view_rules import check_moment
from kreis.tasks.task import Task
from kreis.texts import counted

__all__ = ["SpineRows", "is_mature", "past_rows", "teaches"]

_EXAMPLES = 3
_STALE = timedelta(days=7)
"""Rows that end longer before the run's moment are told of."""


class SpineRows(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the rows of a spine; nothing of it is silent."""

    rows: int
    """Asked about by the run's moment."""
    known: int
    """Mature, and their outcome is known, or is not asked for: they teach and judge."""
    described: str
    """What these outcomes are, in words: "1,024 returned"."""
    young: int
    """Not mature yet: they wait."""
    within: str
    without_outcome: int
    """Mature, and no outcome has come."""
    without_time: int
    """Left out: they have no time."""
    without_key: dict[str, int]
    """Per key, how many rows lack it; features by it are missing there."""
    undated: int
    """Their outcome has no moment from which it was known, so it is not used."""
    early: int
    """Their outcome was known before the question, so it is not used."""
    newest: datetime | None
    """The time of the last row; None where rows have no times."""
    delays: Delays | None
    warnings: list[str]

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> SpineRows:
        """From a step's outputs; versions before 0.2 counted the rows that are yes."""
        if "means_yes" in document:
            described = f"{document['positive']:,} {document['means_yes']}"
            kept = {name: each for name, each in document.items() if name not in ("positive", "means_yes")}
            return msgspec.convert({**kept, "described": described}, type=cls)
        return msgspec.convert(document, type=cls)

    @property
    def summary(self) -> str:
        """In one sentence."""
        said = f"{self.known:,} may teach ({self.described})"
        said += f", {self.young:,} younger than {self.within} wait" if self.young else ""
        return said + (f", {self.without_outcome:,} have no outcome" if self.without_outcome else "")


def is_mature(spine: Spine, as_of: datetime) -> pl.Expr:
    """Whether a row is old enough for its outcome to be known."""
    return pl.col(spine.time) <= as_of - spine.horizon


def teaches(spine: Spine, task: Task, as_of: datetime) -> pl.Expr:
    """Whether a row of `past_rows` may teach and judge."""
    return is_mature(spine, as_of) & (pl.col(spine.outcome).is_not_null() | (not task.needs_outcomes))


def past_rows(
    spine: Spine,
    frame: pl.DataFrame,
    task: Task,
    *,
    as_of: datetime,
    inputs: Mapping[str, pl.LazyFrame] | None = None,
) -> tuple[pl.DataFrame, SpineRows]:
    """The rows to predict as of a moment, in order of time, with outcomes as far as they were known.

    Args:
        spine: As declared.
        frame: What its function returned.
        task: Says what an outcome is.
        as_of: What lies, or became known, after it does not exist yet.
        inputs: What the function read, to say where repeated ids come from.

    Returns:
        The rows, outcomes as numbers or null; and what became of the rest.

    Raises:
        ProjectError: a column is missing or of another type, an id is missing or repeated, an outcome is none of
            the task, or outcomes come later than declared, or before the question.
    """
    where = f"{spine.table.where}, table {spine.table.name!r}"
    if spine.outcome == NO_OUTCOME:
        frame = frame.with_columns(pl.lit(None, pl.Float64).alias(NO_OUTCOME))
    for column in (spine.id, spine.time, *spine.keys, spine.outcome, spine.outcome_known_at):
        column_of(frame, column, where=where)
    for column in (spine.time, spine.outcome_known_at):
        check_moment(frame.schema[column], column, where)
    timed = frame.filter(pl.col(spine.time).is_not_null())
    rows = timed.filter(pl.col(spine.time) <= as_of)
    _check_ids(spine, rows, inputs or {}, where)
    rows, undated, early = _with_known_outcomes(spine, rows, task, as_of, where)
    report = _described(spine, rows, task, as_of, where)
    report = msgspec.structs.replace(report, without_time=frame.height - timed.height, undated=undated, early=early)
    report.warnings.extend(_warnings(spine, report, as_of))
    return rows.sort(spine.time, spine.id), report


def _check_ids(spine: Spine, rows: pl.DataFrame, inputs: Mapping[str, pl.LazyFrame], where: str) -> None:
    """Every row is named once: the service's client sends outcomes by this name."""
    missing = rows[spine.id].null_count()
    if missing:
        raise ProjectError(f"{missing:,} of {rows.height:,} rows have no {spine.id!r}", where=where, hint="drop them")
    if rows[spine.id].n_unique() == rows.height:
        return
    counts = rows.group_by(spine.id).len().filter(pl.col("len") > 1).sort("len", spine.id, descending=[True, False])
    some = ", ".join(f"{name!r} ({counted(count, 'time')})" for name, count in counts.head(_EXAMPLES).iter_rows())
    raise ProjectError(
        f"{counted(rows.height, 'row has', 'rows have')} {rows[spine.id].n_unique():,} different {spine.id!r}: {some}",
        where=where,
        hint=_where_repeated(spine, inputs),
    )


def _where_repeated(spine: Spine, inputs: Mapping[str, pl.LazyFrame]) -> str:
    for name, frame in inputs.items():
        if spine.id in frame.collect_schema():
            ids = frame.select(spine.id).collect()[spine.id].drop_nulls()
            if ids.n_unique() < len(ids):
                return (
                    f"{name!r} has {counted(len(ids), 'row')} for {ids.n_unique():,} of them: make it"
                    " one before the join"
                )
    return (
        f"a join repeats rows, or {spine.id!r} does not name one: join on a unique key, or make the id of two columns"
    )


def _with_known_outcomes(
    spine: Spine, rows: pl.DataFrame, task: Task, as_of: datetime, where: str
) -> tuple[pl.DataFrame, int, int]:
    """Outcomes as far as known by then; how many have no moment, and how many came before the question."""
    at, asked = pl.col(spine.outcome_known_at), pl.col(spine.time)
    given = rows[spine.outcome].is_not_null() & ~_is_nan(rows[spine.outcome])
    undated = int(rows.filter(given & rows[spine.outcome_known_at].is_null()).height)
    early = int(rows.filter(given & (at < asked)).height)
    for count, what, hint in (
        (undated, f"have no {spine.outcome_known_at!r}", "say from when each outcome could be known"),
        (early, f"were known before the question, at {spine.time!r}", "ask at a moment when the answer is open"),
    ):
        if count > TOLERATED * int(given.sum()):
            said = f"{count:,} of {int(given.sum()):,} outcomes {what}"
            raise ProjectError(said, where=f"{where}, column {spine.outcome!r}", hint=hint)
    known = (at <= as_of) & (at >= asked)
    seen = rows.with_columns(pl.when(known).then(spine.outcome).alias(spine.outcome))[spine.outcome]
    outcome = task.read_outcomes(seen, spine.positive, where=f"{where}, column {spine.outcome!r}")
    moments = [] if spine.outcome_known_at == spine.time else [pl.when(known).then(at).alias(spine.outcome_known_at)]
    return rows.with_columns(*moments, outcome), undated, early


def _is_nan(column: pl.Series) -> pl.Series:
    return column.is_nan().fill_null(False) if column.dtype.is_float() else pl.repeat(False, len(column), eager=True)


def _described(spine: Spine, rows: pl.DataFrame, task: Task, as_of: datetime, where: str) -> SpineRows:
    old = rows.filter(is_mature(spine, as_of))
    known = old.filter(pl.col(spine.outcome).is_not_null())
    took = known[spine.outcome_known_at] - known[spine.time]
    timed = not spine.timeless
    delays = delays_of(took, known[spine.outcome], task=task, within=spine.horizon) if timed else None
    if delays is not None:
        delays.check(spine, where=where)
    return SpineRows(
        rows=rows.height,
        known=rows.filter(teaches(spine, task, as_of)).height,
        described=task.describe(known[spine.outcome].to_numpy(), spine.means),
        young=rows.height - old.height,
        within=spine.outcome_within,
        without_outcome=0 if spine.outcome == NO_OUTCOME else old.height - known.height,
        without_time=0,
        without_key={key: rows[key].null_count() for key in spine.keys if rows[key].null_count()},
        undated=0,
        early=0,
        newest=cast("datetime | None", rows[spine.time].max()) if timed else None,
        delays=delays,
        warnings=[] if delays is None else delays.warnings(spine),
    )


def _warnings(spine: Spine, found: SpineRows, as_of: datetime) -> list[str]:
    told: list[tuple[int, str]] = [
        (found.without_time, f"{counted(found.without_time, 'row has', 'rows have')} no {spine.time!r}: left out"),
        (
            found.undated,
            f"{counted(found.undated, 'outcome has', 'outcomes have')} no {spine.outcome_known_at!r}: not used",
        ),
        (found.early, f"{counted(found.early, 'outcome was', 'outcomes were')} known before the question: not used"),
    ]
    if found.newest is not None and as_of - found.newest > _STALE:
        days = (as_of - found.newest).days
        told.append(
            (days, f"the newest row is of {found.newest:%Y-%m-%d}, {counted(days, 'day')} before the run's moment")
        )
    for key, count in found.without_key.items():
        told.append((count, f"{count:,} of {found.rows:,} rows have no {key!r}: features by it are missing there"))
    return [text for count, text in told if count]
