"""A source: what its last collection found; or the list of all sources."""

from __future__ import annotations

from typing import Any

from kreis.governance.pages.page import Grid, Page
from kreis.texts import date, short, size

__all__ = ["source_page", "sources_grid"]

_COUNTS = {
    "late": "came late",
    "corrected": "corrected with a later known-at",
    "replaced": "given otherwise, and replaced",
    "repeated": "exact copies, left out",
    "vanished": "no longer given",
    "held": "read again, as they were",
}


def source_page(document: dict[str, Any]) -> Page:
    """The page of a source's document, or of the list's."""
    if "sources" in document:
        return Page(title=f"{len(document['sources'])} sources", grids=(sources_grid("", document["sources"]),))
    report = document["report"]
    counts = ", ".join(f"{report[each]:,} {told}" for each, told in _COUNTS.items() if report.get(each))
    files = [(path, size(max(each["size"], 0)), short(each["sha256"])) for path, each in document["files"].items()]
    reasons = [(reason, f"{count:,}") for reason, count in report["by_rule"].items()]
    came = list(document["came"].items())
    return Page(
        title=f"Source {document['source']}: {document['rows']:,} rows, {document['quarantined']:,} in quarantine",
        facts=(
            ("known until", f"{date(document['known_until'])} UTC"),
            ("collected", f"{date(document['at'])} UTC"),
            ("last batch", f"{report['rows']:,} rows: {report['good']:,} good, {report['quarantined']:,} bad"),
            ("of these", counts),
            (
                "reads again",
                f"{document['late_days']:g} days before the last collection; changed rows: {document['changed']}",
            ),
            ("contract", short(document["contract"])),
        ),
        grids=tuple(
            grid
            for grid in (
                Grid("Warnings", ("",), [(warning,) for warning in report["warnings"]]),
                Grid("Bad rows of the last batch", ("reason", "rows "), reasons),
                Grid("Columns as they came", ("column", "type"), came),
                Grid("Files", ("file", "size ", "digest"), files),
            )
            if grid.rows
        ),
    )


def sources_grid(title: str, sources: dict[str, Any]) -> Grid:
    """The sources by name, a row each, with what a person should look at."""
    rows = []
    for name, each in sources.items():
        report = each["report"]
        kinds = [
            f"{report[kind]:,} {kind}" for kind in ("late", "corrected", "replaced", "repeated") if report.get(kind)
        ]
        kinds += [f"{len(report['warnings'])} warnings"] if report["warnings"] else []
        known = "–" if each["known_until"] is None else str(each["known_until"])[:16].replace("T", " ")
        rows.append(
            (name, known, f"{each['rows']:,}", f"{report['good']:,}", f"{each['quarantined']:,}", ", ".join(kinds))
        )
    return Grid(title, ("source", "known until", "rows ", "new ", "quarantine ", "of the new"), rows)
