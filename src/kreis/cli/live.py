"""The view of a run: seven disciplines that fill in as it goes, or plain lines when not on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import typer

from kreis.loop.observer import Observer, Silent
from kreis.loop.steps import StepResult
from kreis.loop.verdicts import DISCIPLINES, Advance, Discipline, Fail, Hold, SendBack, Verdict
from kreis.project import Project

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

__all__ = ["observer_for"]

_MARKS = {Advance: ("✓", "green"), SendBack: ("↩", "yellow"), Hold: ("‖", "yellow"), Fail: ("✗", "red")}


@contextmanager
def observer_for(project: Project, as_of: datetime, *, json: bool) -> Iterator[Observer]:
    """The observer that suits where standard output goes."""
    if json:
        yield Silent()
    elif sys.stdout.isatty():
        from rich.live import Live

        view = _LiveView(project, as_of)
        with Live(get_renderable=view.table, refresh_per_second=8) as live:
            view.live = live
            yield view
    else:
        yield _PlainLines(project, as_of)


def verdict_text(verdict: Verdict) -> str:
    """A verdict in one line."""
    match verdict:
        case Advance():
            return verdict.summary
        case SendBack():
            return f"back to {verdict.to}: {verdict.reason}"
        case Hold():
            return f"waits for {verdict.needs}: {verdict.reason}"
        case Fail():
            return verdict.reason


class _Counts:
    """Steps and seconds of each discipline so far."""

    def __init__(self) -> None:
        self.computed = dict.fromkeys(DISCIPLINES, 0)
        self.remembered = dict.fromkeys(DISCIPLINES, 0)
        self.started: dict[Discipline, float] = {}
        self.seconds: dict[Discipline, float] = {}

    def count(self, discipline: Discipline, step: StepResult) -> None:
        counted = self.remembered if step.remembered else self.computed
        counted[discipline] += 1

    def text(self, discipline: Discipline) -> str:
        computed, remembered = self.computed[discipline], self.remembered[discipline]
        parts = [f"{computed} computed"] if computed else []
        parts += [f"{remembered} remembered"] if remembered else []
        return ", ".join(parts)


class _PlainLines:
    """One line per verdict, and one per step that was computed."""

    def __init__(self, project: Project, as_of: datetime) -> None:
        self._counts = _Counts()
        self._present: Discipline = "requirements"
        typer.echo(f"{project.name} as of {as_of:%Y-%m-%d %H:%M} UTC")

    def begin(self, discipline: Discipline) -> None:
        self._present = discipline
        self._counts.started[discipline] = time.perf_counter()

    def working(self, step: str) -> None:
        """Told when the step is done."""

    def done(self, step: StepResult) -> None:
        self._counts.count(self._present, step)
        if not step.remembered and step.seconds >= 2:
            typer.echo(f"  {step.name}: {step.seconds:.1f} s")

    def conclude(self, discipline: Discipline, verdict: Verdict) -> None:
        seconds = time.perf_counter() - self._counts.started[discipline]
        steps = self._counts.text(discipline)
        mark = _MARKS[type(verdict)][0]
        typer.echo(
            f"{mark} {discipline:<13}{seconds:6.1f} s  {verdict_text(verdict)}" + (f"  [{steps}]" if steps else "")
        )


class _LiveView:
    """A table that redraws in place."""

    def __init__(self, project: Project, as_of: datetime) -> None:
        from rich.spinner import Spinner

        self._spinner = Spinner("dots")
        self._counts = _Counts()
        self._title = f"{project.name} as of {as_of:%Y-%m-%d %H:%M} UTC"
        self._present: Discipline | None = None
        self._step = ""
        self._verdicts: dict[Discipline, Verdict] = {}
        self.live: Live | None = None

    def table(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        table = Table(title=self._title, title_justify="left", title_style="bold", box=None, pad_edge=False)
        table.add_column("", width=2)
        table.add_column("discipline", header_style="dim")
        table.add_column("s", justify="right", header_style="dim")
        table.add_column("", ratio=1)
        for discipline in DISCIPLINES[:-1]:
            verdict = self._verdicts.get(discipline)
            if verdict is not None:
                mark, colour = _MARKS[type(verdict)]
                row = Text.assemble(verdict_text(verdict), ("  " + self._counts.text(discipline), "dim"))
                table.add_row(Text(mark, colour), discipline, f"{self._counts.seconds[discipline]:.1f}", row)
            elif discipline == self._present:
                seconds = time.perf_counter() - self._counts.started[discipline]
                table.add_row(self._spinner, Text(discipline, "bold"), f"{seconds:.1f}", Text(self._step, "dim"))
            else:
                table.add_row(Text("·", "dim"), Text(discipline, "dim"), "", "")
        return table

    def begin(self, discipline: Discipline) -> None:
        self._present, self._step = discipline, ""
        self._counts.started[discipline] = time.perf_counter()
        self._draw()

    def working(self, step: str) -> None:
        self._step = f"{step} …"
        self._draw()

    def done(self, step: StepResult) -> None:
        if self._present is not None:
            self._counts.count(self._present, step)

    def conclude(self, discipline: Discipline, verdict: Verdict) -> None:
        self._counts.seconds[discipline] = time.perf_counter() - self._counts.started[discipline]
        self._verdicts[discipline] = verdict
        self._draw()

    def _draw(self) -> None:
        if self.live is not None:
            self.live.refresh()
