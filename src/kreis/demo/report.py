"""Prints the story of a replay: a table of months, the totals, and what to try next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from kreis.demo.story import Story
from kreis.evaluation.intervals import Estimate
from kreis.monitoring.timeline import Band
from kreis.texts import counted

__all__ = ["print_story"]


def print_story(story: Story, folder: Path, summary: dict[str, Any], prediction: str) -> None:
    """Print it."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=110)
    timeline = story.timeline
    console.print(_months(story))
    console.print()
    for label, found in (
        ("kreis", story.served),
        ("first version, had it stayed", story.frozen),
        (f"baseline ({timeline.baseline})", story.baseline),
        ("kreis less first version", story.gain),
        ("kreis less baseline", story.over_baseline),
    ):
        console.print(f"{label:<30} " + ("the same" if found is None else f"{_total(found)} {timeline.unit}"))
    console.print(
        f"\nSent back {counted(summary['send_backs'], 'time')}, replaced {counted(summary['replacements'], 'time')};"
        f" open alerts: {summary['open_alerts']}.",
        soft_wrap=True,
    )
    cpu = summary["service_cpu_us_per_prediction"]
    console.print(
        f"{counted(summary['predictions'], 'prediction')}, {counted(summary['outcomes'], 'outcome')},"
        f" {cpu:.0f} µs of service CPU each;"
        f" {summary['cpu_seconds']:.0f} CPU seconds, {summary['seconds']:.0f} s in all.",
        soft_wrap=True,
    )
    console.print(f"The plot: {folder}/timeline.png and timeline.html\n\n[bold]Try next[/]")
    for command in _next(folder, prediction):
        console.print(f"  {command}", soft_wrap=True)


def _months(story: Story) -> Table:
    timeline = story.timeline
    table = Table(title=timeline.unit, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name in ("month", "version", "AUC", "kreis (95%)", "first version", timeline.baseline, "drift (PSI)"):
        left = name in ("month", "version", "drift (PSI)")
        table.add_column(name, justify="left" if left else "right", header_style="dim", no_wrap=True)
    for month in timeline.months:
        drift = "–" if month.drift is None else f"{month.drift:.1f} {month.drifting}"
        table.add_row(
            f"{month.month:%Y-%m}",
            ", ".join(f"v{version}" for version in month.versions),
            "–" if month.auc is None else f"{month.auc.value:.3f}",
            _with_interval(month.value),
            "–" if month.frozen is None else f"{month.frozen.value:,.0f}",
            "–" if month.baseline is None else f"{month.baseline.value:,.0f}",
            drift,
        )
    return table


def _next(folder: Path, prediction: str) -> list[str]:
    return [
        f"cd {folder}",
        "kreis status",
        f"kreis why {prediction}",
        "kreis parity --rows 10000",
        "kreis show model 2",
        "kreis audit verify",
        "kreis serve",
    ]


def _with_interval(band: Band) -> str:
    return f"{band.value:,.0f} ({band.low:,.0f} to {band.high:,.0f})"


def _total(found: Estimate) -> str:
    return f"{found.value:>8,.0f} ({found.low:,.0f} to {found.high:,.0f})"
