"""Finished steps: found by key, they are never computed again."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from kreis.ledger import schema
from kreis.ledger.records import RunStep, Step
from kreis.ledger.rows import Records
from kreis.ledger.transaction import Transaction

__all__ = [
    "add_step",
    "computed_in",
    "find_step",
    "find_steps",
    "get_step",
    "last_step",
    "last_steps",
    "steps_beginning",
    "steps_called",
    "steps_in",
    "steps_of",
    "use_step",
]

_STEPS = Records(schema.steps, Step, called="step")
_USES = Records(schema.run_steps, RunStep, called="use of a step")
_steps = schema.steps.c
_uses = schema.run_steps.c

_AT_ONCE = 500
"""Keys in one query; SQLite takes at most 32,766 parameters, and a plan for each length is kept."""


def find_step(connection: Connection, key: str) -> Step | None:
    """The finished step with this key, or None if it was never finished."""
    return _STEPS.first(connection, _steps.key == key)


def get_step(connection: Connection, key: str) -> Step:
    """The step with this key, or the only one whose key begins so.

    Raises:
        ProjectError: there is none, or several.
    """
    return _STEPS.by_prefix(connection, key)


def find_steps(connection: Connection, keys: Iterable[str]) -> dict[str, Step]:
    """Those of the keys that are finished, by key."""
    wanted = list(dict.fromkeys(keys))
    found: dict[str, Step] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        part = _STEPS.find(connection, _steps.key.in_(wanted[start : start + _AT_ONCE]))
        found.update((step.key, step) for step in part)
    return found


def last_steps(connection: Connection, discipline: str) -> dict[str, Step]:
    """Of each step of a discipline the one that finished last, by name."""
    return {
        step.name: step for step in _STEPS.find(connection, _steps.discipline == discipline, order=[_steps.finished_at])
    }


def last_step(connection: Connection, discipline: str, name: str) -> Step | None:
    """The step of this name that finished last, or None if none ever did."""
    order = [_steps.finished_at.desc(), _steps.key]
    return _STEPS.first(connection, _steps.discipline == discipline, _steps.name == name, order=order)


def steps_called(connection: Connection, discipline: str, name: str) -> list[Step]:
    """The finished steps of this name, in the order in which they finished."""
    return _STEPS.find(
        connection, _steps.discipline == discipline, _steps.name == name, order=[_steps.finished_at, _steps.key]
    )


def steps_beginning(connection: Connection, discipline: str, beginning: str) -> list[Step]:
    """The finished steps whose names begin so, in the order in which they finished."""
    named = _steps.name.startswith(beginning, autoescape=True)
    return _STEPS.find(connection, _steps.discipline == discipline, named, order=[_steps.finished_at, _steps.key])


def add_step(tx: Transaction, step: Step) -> Step:
    """Record a finished step and return what stands: if the key is known, the first one, unchanged."""
    known = find_step(tx.connection, step.key)
    if known is not None:
        return known
    _STEPS.insert(tx, step)
    return step


def use_step(tx: Transaction, use: RunStep) -> None:
    """Record that a run rests on a step. Idempotent: a second call with the same run and key does nothing."""
    if _USES.first(tx.connection, _uses.run == use.run, _uses.key == use.key) is None:
        _USES.insert(tx, use)


def steps_of(connection: Connection, run: str) -> list[tuple[RunStep, Step]]:
    """What a run rests on, in order."""
    uses = _USES.find(connection, _uses.run == run, order=[_uses.position, _uses.key])
    steps = find_steps(connection, (use.key for use in uses))
    return [(use, steps[use.key]) for use in uses]


def computed_in(connection: Connection, key: str) -> str | None:
    """The run that computed a step first; None where none is on record."""
    found = _USES.first(connection, _uses.key == key, _uses.remembered == 0, order=[_uses.run])
    return None if found is None else found.run


def steps_in(connection: Connection, discipline: str) -> list[Step]:
    """All finished steps of a discipline, the oldest first."""
    return _STEPS.find(connection, _steps.discipline == discipline, order=[_steps.finished_at, _steps.key])
