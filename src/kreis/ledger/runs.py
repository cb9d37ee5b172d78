"""Runs, and what the disciplines concluded in them."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import Connection, and_, func, select

from kreis.clock import microseconds
from kreis.errors import ProjectError
from kreis.ledger import schema
from kreis.ledger.records import Run, RunStatus, Verdict
from kreis.ledger.rows import Records
from kreis.ledger.transaction import Transaction

__all__ = [
    "add_verdict",
    "finish_run",
    "get_run",
    "last_run_through",
    "list_runs",
    "projects",
    "start_run",
    "unfinished_runs",
    "verdicts_of",
]

_RUNS = Records(schema.runs, Run, called="run")
_VERDICTS = Records(schema.verdicts, Verdict, called="verdict")
_runs = schema.runs.c
_verdicts = schema.verdicts.c


def start_run(tx: Transaction, run: Run) -> None:
    """Record that a run has begun."""
    _RUNS.insert(tx, run)


def finish_run(tx: Transaction, run: str, status: RunStatus, at: datetime, ended: str | None = None) -> Run:
    """Record how a run ended, and why. A run that was held may go on and end again.

    Raises:
        ProjectError: no such run, or it has ended for good.
    """
    found = get_run(tx.connection, run)
    if found.status not in {"running", "held"}:
        raise ProjectError(f"run {found.id} has ended ({found.status})", where="ledger", hint="start a new run")
    finished = msgspec.structs.replace(
        found, status=status, finished_at=None if status == "running" else at, ended=ended
    )
    _RUNS.update(tx, finished)
    return finished


def get_run(connection: Connection, run: str) -> Run:
    """The run with this id, or the only one whose id begins so.

    Raises:
        ProjectError: there is none, or several.
    """
    return _RUNS.by_prefix(connection, run)


def list_runs(connection: Connection, project: str | None = None, *, limit: int | None = 50) -> list[Run]:
    """Runs, the newest first."""
    where = [] if project is None else [_runs.project == project]
    return _RUNS.find(connection, *where, order=[_runs.id.desc()], limit=limit)


def last_run_through(
    connection: Connection, project: str, discipline: str, *, as_of: datetime | None = None
) -> Run | None:
    """The last run, of all or of those as of a moment, in which a discipline advanced and said nothing else after."""
    said = select(_verdicts.run, func.max(_verdicts.number).label("number"))
    last = said.where(_verdicts.discipline == discipline).group_by(_verdicts.run).subquery()
    is_last = and_(_verdicts.run == last.c.run, _verdicts.number == last.c.number)
    through = select(_verdicts.run).join(last, is_last).where(_verdicts.kind == "advance")
    where = [_runs.project == project, _runs.id.in_(through)]
    where += [] if as_of is None else [_runs.as_of == microseconds(as_of)]
    return _RUNS.first(connection, *where, order=[_runs.id.desc()])


def projects(connection: Connection) -> set[str]:
    """The names of all projects that have a run."""
    return set(connection.execute(select(_runs.project).distinct()).scalars())


def unfinished_runs(connection: Connection, project: str) -> list[Run]:
    """Runs that a crash or a missing approval left open (running or held), the newest first."""
    is_open = _runs.status.in_(["running", "held"])
    return _RUNS.find(connection, _runs.project == project, is_open, order=[_runs.id.desc()])


def add_verdict(tx: Transaction, verdict: Verdict) -> None:
    """Record what a discipline concluded; a discipline may conclude more than once in a run."""
    count = select(func.count()).where(_verdicts.run == verdict.run)
    number = tx.connection.execute(count).scalar_one() + 1
    _VERDICTS.insert(tx, verdict, number=number)


def verdicts_of(connection: Connection, run: str) -> list[Verdict]:
    """The verdicts of a run, in the order in which they fell."""
    return _VERDICTS.find(connection, _verdicts.run == run, order=[_verdicts.number])
