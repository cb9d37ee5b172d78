"""Who watches a run: plain lines, nobody, or whatever else does what an `Observer` does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from kreis.disciplines import DISCIPLINES, Discipline
from kreis.loop.steps import StepOutput, StepResult
from kreis.loop.verdicts import SendBack, Verdict, in_words, warnings_of
from kreis.texts import mark

__all__ = ["Lines", "Observer", "Silent", "StepCounts", "unfollowed"]

_SLOW_S = 2.0
"""Steps that take longer get a line of their own."""


def unfollowed(step: StepResult[StepOutput]) -> list[str]:
    """Why a step is computed in every run, in at most three lines."""
    told = [
        f"! {step.name} is computed in every run: {each}; kreis cannot tell whether it changed" for each in step.unknown
    ]
    return [*told[:2], f"! {step.name}: and {len(told) - 2} more"] if len(told) > 3 else told


class Observer(Protocol):
    """Is told what a run does, as it does it."""

    def begin(self, discipline: Discipline) -> None:
        """A discipline begins."""
        ...

    def working(self, step: str) -> None:
        """A step is being computed."""
        ...

    def done(self, step: StepResult[StepOutput]) -> None:
        """A step was computed or remembered."""
        ...

    def conclude(self, discipline: Discipline, verdict: Verdict) -> None:
        """A discipline returned its verdict."""
        ...

    def go_back(self, number: int, verdict: SendBack) -> None:
        """A verdict sent the work back, and another round begins."""
        ...

    def note(self, text: str) -> None:
        """Something that a person should know of how the run goes."""
        ...


class Silent:
    """An observer that does nothing."""

    def begin(self, discipline: Discipline) -> None:
        """Nothing."""

    def working(self, step: str) -> None:
        """Nothing."""

    def done(self, step: StepResult[StepOutput]) -> None:
        """Nothing."""

    def conclude(self, discipline: Discipline, verdict: Verdict) -> None:
        """Nothing."""

    def go_back(self, number: int, verdict: SendBack) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""


class StepCounts:
    """Steps and seconds of each discipline so far."""

    def __init__(self) -> None:
        self.computed = dict.fromkeys(DISCIPLINES, 0)
        self.remembered = dict.fromkeys(DISCIPLINES, 0)
        self._started: dict[Discipline, float] = {}

    def begin(self, discipline: Discipline) -> None:
        """Start the discipline's clock, and count from zero."""
        self.computed[discipline] = self.remembered[discipline] = 0
        self._started[discipline] = time.perf_counter()

    def count(self, discipline: Discipline, step: StepResult[StepOutput]) -> None:
        """Count a step."""
        counted = self.remembered if step.remembered else self.computed
        counted[discipline] += 1

    def seconds(self, discipline: Discipline) -> float:
        """Since the discipline began."""
        return time.perf_counter() - self._started[discipline]

    def text(self, discipline: Discipline) -> str:
        """In words."""
        computed, remembered = self.computed[discipline], self.remembered[discipline]
        parts = [f"{computed} computed"] if computed else []
        parts += [f"{remembered} remembered"] if remembered else []
        return ", ".join(parts)


class Lines:
    """One line per verdict, and one per step that took long.

    Args:
        title: The first line.
        say: Is called with each line.
    """

    def __init__(self, title: str, say: Callable[[str], None]) -> None:
        self._counts = StepCounts()
        self._present: Discipline = "requirements"
        self._say = say
        say(title)

    def begin(self, discipline: Discipline) -> None:
        """Note when."""
        self._present = discipline
        self._counts.begin(discipline)

    def working(self, step: str) -> None:
        """Told when the step is done."""

    def done(self, step: StepResult[StepOutput]) -> None:
        """Count it."""
        self._counts.count(self._present, step)
        if not step.remembered and step.seconds >= _SLOW_S:
            self._say(f"  {step.name}: {step.seconds:.1f} s")
        for line in unfollowed(step):
            self._say(f"  {line}")

    def conclude(self, discipline: Discipline, verdict: Verdict) -> None:
        """Say it."""
        steps = self._counts.text(discipline)
        line = f"{mark(verdict.kind)} {discipline:<13}{self._counts.seconds(discipline):6.1f} s  {in_words(verdict)}"
        self._say(line + (f"  [{steps}]" if steps else ""))
        for warning in warnings_of(verdict):
            self._say(f"  ! {warning}")

    def go_back(self, number: int, verdict: SendBack) -> None:
        """Say which round begins, and where."""
        self._say(f"round {number}, from {verdict.to}")

    def note(self, text: str) -> None:
        """Say it."""
        self._say(f"  {text}")
