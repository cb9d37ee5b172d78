"""Who watches a run: the live view, plain lines, JSON, or nobody."""

from __future__ import annotations

from typing import Protocol

from kreis.loop.steps import StepResult
from kreis.loop.verdicts import Discipline, Verdict

__all__ = ["Observer", "Silent"]


class Observer(Protocol):
    """Is told what a run does, as it does it."""

    def begin(self, discipline: Discipline) -> None:
        """A discipline begins."""
        ...

    def working(self, step: str) -> None:
        """A step is being computed."""
        ...

    def done(self, step: StepResult) -> None:
        """A step was computed or remembered."""
        ...

    def conclude(self, discipline: Discipline, verdict: Verdict) -> None:
        """A discipline returned its verdict."""
        ...


class Silent:
    """An observer that does nothing."""

    def begin(self, discipline: Discipline) -> None:
        """Nothing."""

    def working(self, step: str) -> None:
        """Nothing."""

    def done(self, step: StepResult) -> None:
        """Nothing."""

    def conclude(self, discipline: Discipline, verdict: Verdict) -> None:
        """Nothing."""
