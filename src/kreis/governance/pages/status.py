"""Where a project stands: what is in service, the last runs, what is open."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from kreis.governance.pages.page import Cell, Grid, Number, Page
from kreis.governance.pages.release import routes_grid
from kreis.governance.pages.run import verdict_rows
from kreis.governance.pages.source import ListedSource, sources_grid
from kreis.texts import date, short_id, trigger

if TYPE_CHECKING:
    from kreis.governance.views.status import StatusView
    from kreis.ledger.records import Run

__all__ = ["status_page"]

_ALERTS = 3
"""Open alerts that are shown; the document has all."""


def status_page(document: StatusView) -> Page:
    """The page of a status."""
    release = document.release
    if release is None:
        title = "In service: nothing yet"
        facts: tuple[tuple[str, str], ...] = (("next", "kreis run walks the circle to the first release"),)
    else:
        title = f"In service: release {release.number} since {date(release.at)} UTC"
        facts = (("because", release.reason),)
    if document.runs and document.runs[0].status == "interrupted":
        facts = (*facts, ("interrupted", "the last run's process is gone; kreis run goes on where it stopped"))
    return Page(title=title, facts=facts, grids=tuple(_grids(document)))


def _grids(document: StatusView) -> Iterator[Grid]:
    if document.release is not None:
        yield routes_grid("", document.release.routes)
    if document.runs:
        columns = ("run", "as of", "status", "took", "started", "because")
        yield Grid("Last runs (times in UTC)", columns, [_run(run) for run in document.runs])
        yield Grid("The last one", ("", "discipline", "conclusion"), verdict_rows(document.verdicts))
        for verdict in document.verdicts:
            if sources := verdict.detail.get("sources"):
                yield sources_grid("What it collected", msgspec.convert(sources, dict[str, ListedSource]))
    if alerts := document.alerts:
        last = sorted(alerts, key=lambda each: each.at)[-_ALERTS:]
        more = f", the last {len(last)} (kreis alerts shows all)" if len(alerts) > len(last) else ""
        rows = [(each.at, each.monitor, each.level, each.summary) for each in last]
        yield Grid(f"Open alerts: {len(alerts)}{more}", ("at (UTC)", "monitor", "level", "finding"), rows)


def _run(run: Run) -> tuple[Cell, ...]:
    took = None if run.finished_at is None else (run.finished_at - run.started_at).total_seconds()
    return (
        short_id(run.id),
        run.as_of,
        run.status.replace("_", " "),
        None if took is None else Number(took, f"{took:.1f} s"),
        run.started_at,
        trigger(run.trigger),
    )
