"""What differs between two candidates, as tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from kreis.governance.pages.candidate import comparison_page, told
from kreis.governance.pages.page import Cell, Grid, Page
from kreis.texts import bounds, number, short

if TYPE_CHECKING:
    from kreis.governance.views.comparison import CandidatesView
    from kreis.governance.views.differences import Change, DifferencesView, PairedView

__all__ = ["compared_page", "difference_grids", "patch_lines"]


def compared_page(view: CandidatesView) -> Page:
    """Candidates side by side; of two, what differs as well."""
    page = comparison_page(view.candidates)
    if view.differences is None:
        return page
    grids = [*page.grids, *difference_grids(view.differences)]
    return Page(title=page.title, facts=_facts(view.differences), grids=grids)


def difference_grids(found: DifferencesView) -> Iterator[Grid]:
    """What differs, one table for each kind of thing."""
    if found.paired is not None:
        yield _paired(found.paired)
    if found.code or found.commits:
        rows: list[tuple[Cell, ...]] = [(each, "", "") for each in found.code]
        rows += [_row(found.commits)] if found.commits is not None else []
        yield Grid("Code that differs", ("", "first", "second"), rows)
    for title, changes in (
        ("Data that differ", found.data),
        ("Parameters that differ", found.parameters),
        ("Libraries that differ", found.libraries),
        ("The goal differs", found.goal),
    ):
        if changes:
            yield Grid(title, ("", "first", "second"), [_row(each) for each in changes])


def _facts(found: DifferencesView) -> tuple[tuple[str, str], ...]:
    nothing = not any((found.code, found.commits, found.data, found.parameters, found.libraries, found.goal))
    return (
        ("first", found.first),
        ("second", found.second),
        ("not compared row by row", found.unpaired),
        ("differs", "nothing of code, data, parameters, libraries and goal" if nothing else ""),
    )


def _paired(paired: PairedView) -> Grid:
    rows = []
    for each in paired.metrics:
        found = each.difference
        name = paired.unit if each.name == "value" else each.name.replace("_", " ")
        said = told(found.low, found.high, each.detectable, apart=each.told_apart)
        rows.append((name, found.value, bounds(found.low, found.high), said))
    title = f"Second less first, {paired.each} by {paired.each} on {paired.judged_on} {paired.which}"
    return Grid(title, ("metric", "difference", "95% interval", ""), rows)


def _row(change: Change) -> tuple[Cell, ...]:
    return change.name, _said(change.first), _said(change.second)


def _said(value: Any) -> str:
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case float():
            return number(value)
        case dict() if value and all(isinstance(each, str) and len(each) == 64 for each in value.values()):
            return ", ".join(f"{name} {short(each)}" for name, each in value.items())
    return str(value)


def patch_lines(patch: str) -> list[str]:
    """A difference of code, its lines as they are, without what could steer a terminal."""
    return ["".join(each if each.isprintable() else " " for each in line.expandtabs()) for line in patch.splitlines()]
