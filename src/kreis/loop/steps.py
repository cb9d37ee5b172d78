"""Remembered steps: a finished key is never computed again.

A step's key is the hash of its code, its parameters, the versions of its inputs and of the libraries that
compute it. Resuming after a crash, running again with nothing changed and comparing two runs are this one
mechanism: the ledger is the checkpoint.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import metadata
from typing import Any, Generic, Self, TypeVar

import msgspec
from sqlalchemy import Connection

from kreis.code import Code
from kreis.digests import canonical_json, digest_of_document
from kreis.disciplines import Discipline
from kreis.ledger import steps as ledger_steps
from kreis.ledger.records import RunStep, Step, StepBasis
from kreis.ledger.store import Ledger
from kreis.ledger.tables import removal_of
from kreis.tracking.tracker import Tracker

__all__ = [
    "Memory",
    "Output",
    "StepAsked",
    "StepNotes",
    "StepOutput",
    "StepResult",
    "is_gone",
    "result_of",
    "short_digest",
    "step_key",
    "table_left",
]

_NO_CODE = Code()
NOTE = "note"
"""What stands for the discipline in the record of a part of a step."""
_SHORT = 16
"""Digits of a digest that only has to tell what has changed."""


class StepOutput(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a step leaves behind; the record holds its document. A field that comes later has a default."""

    def to_document(self) -> dict[str, Any]:
        """As plain JSON data."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        return document

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """The inverse of `to_document`; reads what earlier versions wrote."""
        return msgspec.convert(document, cls)


Output = TypeVar("Output", bound=StepOutput)
Left = TypeVar("Left", bound=StepOutput, covariant=True)


@dataclass(frozen=True, kw_only=True)
class StepResult(Generic[Left]):
    """What a step left, and whether it was computed now or remembered."""

    key: str
    discipline: str
    name: str
    output: Left
    document: Mapping[str, Any] = field(repr=False)
    """The output as the record holds it."""
    remembered: bool
    seconds: float
    unknown: tuple[str, ...] = ()
    """What kreis could not follow of its code: so it is computed in every run."""


def result_of(step: Step, kind: type[Output]) -> StepResult[Output]:
    """A step on record, as a run that remembers it has it."""
    return StepResult(
        key=step.key,
        discipline=step.discipline,
        name=step.name,
        output=kind.from_document(step.outputs),
        document=step.outputs,
        remembered=True,
        seconds=0.0,
    )


def step_key(
    discipline: str,
    name: str,
    *,
    code: str,
    parameters: Mapping[str, Any],
    inputs: Mapping[str, Any],
    libraries: tuple[str, ...] = (),
) -> str:
    """The hash that names a step. `libraries` are the distributions that compute it."""
    return digest_of_document(
        {
            "discipline": discipline,
            "name": name,
            "code": code,
            "parameters": parameters,
            "inputs": inputs,
            "libraries": _versions(libraries),
        }
    )


def short_digest(value: Any) -> str:
    """What a `StepBasis` holds of a parameter."""
    return digest_of_document(value)[:_SHORT]


@cache
def _versions(libraries: tuple[str, ...]) -> dict[str, str]:
    versions = {library: metadata.version(library) for library in libraries}
    versions["python"] = f"{sys.version_info.major}.{sys.version_info.minor}"
    return versions


@dataclass(frozen=True, kw_only=True)
class StepAsked:
    """A step, before it is known whether it has finished."""

    discipline: Discipline
    name: str
    key: str
    inputs: Mapping[str, Any]
    basis: StepBasis
    unknown: tuple[str, ...]
    recompute: bool


class Memory:
    """Computes steps for one run, or remembers them; for none, where a person asks beside all runs.

    Steps of the disciplines in `recompute` get keys of this run alone, so they are computed whatever is known.
    """

    planning = False
    """Whether nothing may be done, only said: then a discipline changes nothing outside its steps either."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        run: str = "",
        actor: str,
        libraries: Mapping[Discipline, tuple[str, ...]],
        recompute: frozenset[str] = frozenset(),
        tracker: Tracker | None = None,
    ) -> None:
        self._ledger = ledger
        self._tracker = tracker
        self._libraries = libraries
        self._recompute = recompute
        self._run = run
        self._actor = actor
        self._position = 0
        self._failed: dict[str, Exception] = {}
        self.pending: list[RunStep] = []
        """Remembered steps not yet in the record; the next write takes them along."""
        self.on_working: Callable[[str], None] = lambda step: None
        self.on_done: Callable[[StepResult[StepOutput]], None] = lambda step: None

    def step(
        self,
        discipline: Discipline,
        name: str,
        *,
        code: Code = _NO_CODE,
        parameters: Mapping[str, Any],
        inputs: Mapping[str, Any],
        result: type[Output],
        compute: Callable[[str], Output],
    ) -> StepResult[Output]:
        """Return what a step leaves, computing it only if its key has never finished.

        A step that failed is not tried again in the same run: its error is raised again.

        Args:
            discipline: Where it belongs.
            name: What it is called in the run.
            code: The user's code that it runs. Where not all of it could be followed, the step is computed.
            parameters: All else that its result depends on; JSON.
            inputs: Versions of what it reads; JSON.
            result: What it leaves.
            compute: Called with the key. What it writes must be whole or absent, and harmless to write twice under
                the same key.
        """
        asked, known = self._asked(discipline, name, code, parameters, inputs)
        return self._done(asked, known, result, compute)

    def recomputes(self, discipline: str) -> bool:
        """Whether a discipline's steps are computed whatever is known."""
        return discipline in self._recompute

    def progress(self, name: str) -> Callable[[str, int, int], None]:
        """A progress callback that names the step: told what is done, how many, of how many."""
        return lambda stage, done, total: self.on_working(
            f"{name}: {stage}" + (f" {done + 1} of {total}" if total > 1 else "")
        )

    def notes(self, key: str, name: str) -> StepNotes:
        """What a step that is not finished has found so far, on record: begun again, it goes on there.

        Args:
            key: Of the step.
            name: What it is called.
        """
        return StepNotes(self._ledger, key=key, name=name, actor=self._actor)

    def enter(self, steps: Iterable[Step]) -> None:
        """Let the run rest on steps that it takes over as they are."""
        self.pending += [self._use(step.key, remembered=True) for step in steps]

    def write_pending(self, tx: Any) -> None:
        """Put the remembered steps into the record, within a transaction that is open anyway."""
        for used in self.pending:
            ledger_steps.use_step(tx, used)
        self.pending.clear()

    def _readable(self, key: str) -> tuple[str, Step | None]:
        """The key, or where the table that it left is gone on record, the one under which it is computed again; and
        the step that finished under it, if one did.
        """
        with self._ledger.read() as connection:
            while (known := ledger_steps.find_step(connection, key)) is not None:
                removal = _removal(connection, known)
                if removal is None:
                    break
                key = digest_of_document([key, removal])
        return key, known

    def _asked(
        self,
        discipline: Discipline,
        name: str,
        code: Code,
        parameters: Mapping[str, Any],
        inputs: Mapping[str, Any],
    ) -> tuple[StepAsked, Step | None]:
        if code.files:
            inputs = {**inputs, "files": dict(code.files)}
        libraries = self._libraries.get(discipline, ())
        key = step_key(discipline, name, code=code.digest, parameters=parameters, inputs=inputs, libraries=libraries)
        recompute = discipline in self._recompute
        if recompute or code.unknown:
            key = digest_of_document([key, self._run])
        key, known = self._readable(key)
        asked = StepAsked(
            discipline=discipline,
            name=name,
            key=key,
            inputs={**inputs, "unknown": list(code.unknown)} if code.unknown else inputs,
            basis=StepBasis(
                code=code.digest[:_SHORT],
                parameters={each: short_digest(value) for each, value in parameters.items()},
                libraries=_versions(libraries),
            ),
            unknown=code.unknown,
            recompute=recompute,
        )
        return asked, known

    def _done(
        self, asked: StepAsked, known: Step | None, result: type[Output], compute: Callable[[str], Output]
    ) -> StepResult[Output]:
        if known is not None:
            if self._run:
                self.pending.append(self._use(known.key, remembered=True))
            done = result_of(known, result)
        else:
            step = self._compute(asked, compute)
            done = replace(result_of(step, result), remembered=False, seconds=step.seconds, unknown=asked.unknown)
        self.on_done(done)
        return done

    def _compute(self, asked: StepAsked, compute: Callable[[str], StepOutput]) -> Step:
        if asked.key in self._failed:
            raise self._failed[asked.key]
        self.on_working(asked.name)
        started = time.perf_counter()
        try:
            with self._tracked(asked):
                output = compute(asked.key).to_document()
        except Exception as error:
            self._failed[asked.key] = error
            raise
        seconds = time.perf_counter() - started
        with self._ledger.record(
            event="step.finished",
            subject=asked.key,
            actor=self._actor,
            reason=f"{asked.discipline} {asked.name}",
            inputs=dict(asked.inputs),
        ) as tx:
            step = Step(
                key=asked.key,
                discipline=asked.discipline,
                name=asked.name,
                inputs=dict(asked.inputs),
                outputs=msgspec.json.decode(canonical_json(output)),  # as it will be remembered, order and all
                seconds=seconds,
                finished_at=tx.now,
                basis=asked.basis,
            )
            ledger_steps.add_step(tx, step)
            self.write_pending(tx)
            if self._run:
                ledger_steps.use_step(tx, self._use(asked.key, remembered=False))
        return step

    def _tracked(self, asked: StepAsked) -> AbstractContextManager[None]:
        """What the step logs while it is computed is kept."""
        tracker = self._tracker
        return nullcontext() if tracker is None else tracker.step(asked.key, asked.discipline, asked.name)

    def _use(self, key: str, *, remembered: bool) -> RunStep:
        self._position += 1
        return RunStep(run=self._run, key=key, position=self._position, remembered=remembered)


class StepNotes:
    """Parts of one step's result, each a record of its own that belongs to no run; found again by what they are of."""

    def __init__(self, ledger: Ledger, *, key: str, name: str, actor: str) -> None:
        self._ledger, self._key, self._name, self._actor = ledger, key, name, actor

    def recall(self, what: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """What was kept of something, by its JSON document; None where nothing was."""
        with self._ledger.read() as connection:
            known = ledger_steps.find_step(connection, digest_of_document([self._key, what]))
        return None if known is None else known.outputs

    def keep(self, what: Mapping[str, Any], found: Mapping[str, Any]) -> None:
        """Keep a JSON document; it is durable when this returns."""
        key = digest_of_document([self._key, what])
        with self._ledger.record(
            event="step.noted", subject=key, actor=self._actor, reason=f"a part of {self._name}", inputs={}
        ) as tx:
            document = msgspec.json.decode(canonical_json(found))
            note = Step(
                key=key,
                discipline=NOTE,
                name=self._name,
                inputs={"step": self._key},
                outputs=document,
                seconds=0.0,
                finished_at=tx.now,
            )
            ledger_steps.add_step(tx, note)


def table_left(step: Step) -> tuple[str, int] | None:
    """The table and version that a step left; None where it left none."""
    table, version = step.outputs.get("table"), step.outputs.get("version")
    return (table, version) if isinstance(table, str) and isinstance(version, int) else None


def is_gone(connection: Connection, step: Step) -> bool:
    """Whether the table version that a step left was erased or deleted, on record."""
    return _removal(connection, step) is not None


def _removal(connection: Connection, step: Step) -> str | None:
    """The removal by which the table version that a step left is gone; None where it is there, or it left none."""
    left = table_left(step)
    found = None if left is None else removal_of(connection, *left)
    return None if found is None else found.id
