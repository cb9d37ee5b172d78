"""The view of a run: seven disciplines that fill in as it goes, or plain lines when not on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import typer

from kreis.disciplines import DISCIPLINES, Discipline
from kreis.loop.observer import Lines, Observer, Silent, StepCounts, unfollowed
from kreis.loop.steps import StepOutput, StepResult
from kreis.loop.verdicts import Advance, Fail, Hold, SendBack, Verdict, in_words, warnings_of
from kreis.project import Project
from kreis.texts import mark

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

__all__ = ["observer_for"]

_COLOURS: dict[type[Verdict], str] = {Advance: "green", SendBack: "yellow", Hold: "yellow", Fail: "red"}


@contextmanager
def observer_for(project: Project, as_of: datetime, *, json: bool) -> Iterator[Observer]:
    """The observer that suits where standard output goes."""
    title = f"{project.name} as of {as_of:%Y-%m-%d %H:%M} UTC"
    if json:
        yield Silent()
    elif sys.stdout.isatty():
        from rich.live import Live

        view = _LiveView(title)
        with Live(get_renderable=view.table, refresh_per_second=8) as live:
            view.live = live
            yield view
    else:
        yield Lines(title, typer.echo)


class _LiveView:
    """A table that redraws in place."""

    def __init__(self, title: str) -> None:
        from rich.spinner import Spinner

        self._spinner = Spinner("dots")
        self._counts = StepCounts()
        self._title = title
        self._present: Discipline | None = None
        self._step = ""
        self._verdicts: dict[Discipline, Verdict] = {}
        self._seconds: dict[Discipline, float] = {}
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
                row = Text.assemble(in_words(verdict), ("  " + self._counts.text(discipline), "dim"))
                seconds = f"{self._seconds[discipline]:.1f}"
                table.add_row(Text(mark(verdict.kind), _COLOURS[type(verdict)]), discipline, seconds, row)
                for warning in warnings_of(verdict):
                    table.add_row("", "", "", Text(f"! {warning}", "yellow"))
            elif discipline == self._present:
                seconds = f"{self._counts.seconds(discipline):.1f}"
                table.add_row(self._spinner, Text(discipline, "bold"), seconds, Text(self._step, "dim"))
            else:
                table.add_row(Text("·", "dim"), Text(discipline, "dim"), "", "")
        return table

    def begin(self, discipline: Discipline) -> None:
        self._counts.begin(discipline)
        self._present, self._step = discipline, ""
        self._draw()

    def working(self, step: str) -> None:
        self._step = f"{step} …"
        self._draw()

    def done(self, step: StepResult[StepOutput]) -> None:
        if self._present is not None:
            self._counts.count(self._present, step)
        if self.live is not None:
            for line in unfollowed(step):
                self.live.console.print(line, markup=False)

    def conclude(self, discipline: Discipline, verdict: Verdict) -> None:
        self._seconds[discipline] = self._counts.seconds(discipline)
        self._verdicts[discipline] = verdict
        self._draw()

    def go_back(self, number: int, verdict: SendBack) -> None:
        self._title = f"{self._title.partition(', round')[0]}, round {number}"
        self.note(f"round {number}, from {verdict.to}: {verdict.reason}")
        for discipline in DISCIPLINES[DISCIPLINES.index(verdict.to) :]:
            self._verdicts.pop(discipline, None)

    def note(self, text: str) -> None:
        if self.live is not None:
            self.live.console.print(text, markup=False)

    def _draw(self) -> None:
        if self.live is not None:
            self.live.refresh()
