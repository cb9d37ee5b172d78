"""A memory that computes nothing: it says of each step what a run would do, and why.

A step that would be computed is stood in for by what it left last, so that the plan can go on behind it. What rests on
such a step may change or not: that is only known when it has been computed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection

from kreis.digests import canonical_json
from kreis.disciplines import Discipline
from kreis.ledger import steps as ledger_steps
from kreis.ledger.records import Step, StepBasis
from kreis.ledger.store import Ledger
from kreis.loop.steps import Memory, Output, StepAsked, StepResult, is_gone, result_of

__all__ = ["NeverComputedError", "PlannedStep", "Planning"]

_DIGEST = re.compile(r"[0-9a-f]{16,}")
_SHORT = 8


class PlannedStep(msgspec.Struct, frozen=True, kw_only=True):
    """What would become of a step."""

    discipline: Discipline
    name: str
    fate: Literal["remembered", "computed", "depends"]
    why: list[str] = []
    """What has changed, or the steps that it depends on."""
    unknown: bool = False
    """Whether it is computed in every run, because kreis cannot follow its code."""


class NeverComputedError(Exception):
    """Nothing can be said of what comes after a step that has never been computed."""


class Planning(Memory):
    """Says of each step what a run would do."""

    planning = True

    def __init__(
        self,
        ledger: Ledger,
        *,
        libraries: Mapping[Discipline, tuple[str, ...]],
        recompute: frozenset[str] = frozenset(),
        among: Sequence[Step] | None = None,
    ) -> None:
        """A memory that computes nothing.

        Args:
            ledger: What is known.
            libraries: By discipline, the distributions that compute it.
            recompute: Disciplines whose steps would be computed whatever is known.
            among: If given, only these steps count as known: what one run left.
        """
        super().__init__(ledger, run="", actor="", libraries=libraries, recompute=recompute)
        self._among = None if among is None else {(step.discipline, step.name): step for step in among}
        self.planned: list[PlannedStep] = []
        self._left: dict[tuple[str, str], set[str]] = {}
        """Of each step that may change, the digests in what it left last: whoever reads one depends on it."""

    @property
    def changes(self) -> bool:
        """Whether a step would be computed, or may be."""
        return any(each.fate != "remembered" for each in self.planned)

    def _done(
        self, asked: StepAsked, known: Step | None, result: type[Output], compute: Callable[[str], Output]
    ) -> StepResult[Output]:
        with self._ledger.read() as connection:
            last = ledger_steps.last_step(connection, asked.discipline, asked.name)
            if self._among is not None:
                theirs = self._among.get((asked.discipline, asked.name))
                known = theirs if theirs is not None and _is_it(connection, asked, theirs) else None
                last = theirs or last
            gone = known is None and last is not None and is_gone(connection, last)
        planned = self._planned(asked, known, last, gone=gone)
        self.planned.append(planned)
        left = known or last
        if left is None:
            raise NeverComputedError(asked.name)
        if planned.fate != "remembered":
            texts = [each for each in left.outputs.values() if isinstance(each, str)]
            self._left[asked.discipline, asked.name] = {left.key, *(each for each in texts if _DIGEST.fullmatch(each))}
        return result_of(left, result)

    def _planned(self, asked: StepAsked, known: Step | None, last: Step | None, *, gone: bool) -> PlannedStep:
        text = canonical_json(asked.inputs).decode()
        rests_on = list(
            dict.fromkeys(
                name
                for (_, name), left in self._left.items()
                if name in asked.inputs or any(each in text for each in left)
            )
        )
        why = [] if known is not None else list(_reasons(asked, last, set(rests_on)))
        why += ["the table that it left was erased or deleted"] if gone else []
        if known is None and (why or not rests_on):
            return self._as(asked, "computed", why or ["what it left was for one run alone"])
        return self._as(asked, "depends" if rests_on else "remembered", rests_on)

    def _as(self, asked: StepAsked, fate: Literal["remembered", "computed", "depends"], why: list[str]) -> PlannedStep:
        unknown = bool(asked.unknown)
        return PlannedStep(discipline=asked.discipline, name=asked.name, fate=fate, why=why, unknown=unknown)


def _is_it(connection: Connection, asked: StepAsked, step: Step) -> bool:
    """Whether a step is the one asked for, though its key may have been for one run alone."""
    same = step.basis == asked.basis and canonical_json(step.inputs) == canonical_json(asked.inputs)
    return step.key == asked.key or (same and not is_gone(connection, step))


def _reasons(asked: StepAsked, last: Step | None, changing: set[str]) -> Iterator[str]:
    """Why a step would be computed: what differs from the last one of its name. Inputs that may change are left out."""
    if last is None:
        yield "never computed"
        return
    if asked.recompute:
        yield "asked for"
    for each in asked.unknown:
        yield f"kreis cannot follow its code: {each}"
    if last.basis is not None:
        yield from _changed(asked.basis, last.basis)
    elif canonical_json(last.inputs) == canonical_json(asked.inputs):
        yield "code, a parameter or a library changed"
    for name in sorted({*asked.inputs, *last.inputs} - changing - {"unknown"}):
        before, now = last.inputs.get(name), asked.inputs.get(name)
        if canonical_json(before) != canonical_json(now):
            yield _input(name, before, now)


def _changed(now: StepBasis, before: StepBasis) -> Iterator[str]:
    if now.code != before.code:
        yield "code changed"
    for name in sorted({*now.parameters, *before.parameters}):
        if now.parameters.get(name) != before.parameters.get(name):
            yield f"parameter {name} changed"
    for name in sorted({*now.libraries, *before.libraries}):
        old, new = before.libraries.get(name, "none"), now.libraries.get(name, "none")
        if old != new:
            yield f"{name} {old} → {new}"


def _input(name: str, before: Any, now: Any) -> str:
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        parts = [each for each in sorted({*before, *now}) if before.get(each) != now.get(each)]
        return f"input {name} changed: {', '.join(parts)}"
    if isinstance(before, str) and isinstance(now, str) and before and now:
        return f"input {name}: {_short(before)} → {_short(now)}"
    return f"input {name} changed"


def _short(text: str) -> str:
    return _DIGEST.sub(lambda found: found[0][:_SHORT], text)
