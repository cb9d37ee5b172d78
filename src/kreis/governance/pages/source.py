"""A source: what its last collection found; or the list of all sources."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from kreis.governance.pages.page import Cell, Grid, Number, Page
from kreis.texts import counted, date, short, size

if TYPE_CHECKING:
    from kreis.governance.views.source import SourcesView, SourceView

__all__ = ["ListedSource", "source_page", "sources_grid"]

_COUNTS = {
    "late": "came late",
    "corrected": "corrected with a later known-at",
    "replaced": "with other values, and replaced",
    "repeated": "exact copies, left out",
    "vanished": "no longer given",
    "held": "read again, as they were",
}


class _Batch(msgspec.Struct, frozen=True):
    good: int
    late: int = 0
    corrected: int = 0
    replaced: int = 0
    repeated: int = 0
    warnings: list[str] = []


class ListedSource(msgspec.Struct, frozen=True):
    """What a list says of a source; a verdict's detail holds as much."""

    rows: int
    quarantined: int
    known_until: datetime | None
    report: _Batch


def source_page(view: SourceView | SourcesView) -> Page:
    """The page of a source, or of the list."""
    from kreis.governance.views.source import SourcesView

    if isinstance(view, SourcesView):
        listed = msgspec.convert(view.sources, dict[str, ListedSource], from_attributes=True)
        return Page(title=counted(len(listed), "source"), grids=(sources_grid("", listed),))
    report = view.report
    counts = ", ".join(f"{getattr(report, each):,} {told}" for each, told in _COUNTS.items() if getattr(report, each))
    files: list[tuple[Cell, ...]] = [
        (path, Number(each.size, size(max(each.size, 0))), short(each.sha256)) for path, each in view.files.items()
    ]
    warnings: list[tuple[Cell, ...]] = [(warning,) for warning in report.warnings]
    return Page(
        title=f"Source {view.source}: {counted(view.rows, 'row')}, {view.quarantined:,} in quarantine",
        facts=(
            ("known until", f"{date(view.known_until)} UTC"),
            ("collected", f"{date(view.at)} UTC"),
            ("last batch", f"{counted(report.rows, 'row')}: {report.good:,} good, {report.quarantined:,} bad"),
            ("of these", counts),
            (
                "reads again",
                (
                    "all of it, where it has changed"
                    if view.whole
                    else f"{view.late_days:g} days before the last collection"
                )
                + f"; changed rows: {view.changed}",
            ),
            ("contract", short(view.contract)),
        ),
        grids=tuple(
            grid
            for grid in (
                Grid("Warnings", ("",), warnings),
                Grid("Bad rows of the last batch", ("reason", "rows"), list(report.by_rule.items())),
                Grid("Columns as they came", ("column", "type"), list(view.came.items())),
                Grid("Files", ("file", "size", "digest"), files),
            )
            if grid.rows
        ),
    )


def sources_grid(title: str, sources: Mapping[str, ListedSource]) -> Grid:
    """The sources by name, a row each, with what a person should look at."""
    rows: list[tuple[Cell, ...]] = []
    for name, each in sources.items():
        report = each.report
        counts = {kind: getattr(report, kind) for kind in ("late", "corrected", "replaced", "repeated")}
        kinds = [f"{count:,} {kind}" for kind, count in counts.items() if count]
        kinds += [f"{warned} warning{'s' if warned > 1 else ''}"] if (warned := len(report.warnings)) else []
        rows.append((name, each.known_until, each.rows, report.good, each.quarantined, ", ".join(kinds)))
    return Grid(title, ("source", "known until", "rows", "new", "quarantine", "of the new"), rows)
