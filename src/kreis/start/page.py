"""What was found in a table, or in a folder of documents, as a page."""

from __future__ import annotations

from collections.abc import Mapping

from kreis.governance.pages.page import Cell, Grid, Number, Page
from kreis.start.begin import Begun
from kreis.start.columns import Column
from kreis.start.documents.begin import BegunWithDocuments
from kreis.start.profile import Profile
from kreis.start.series.found import Found
from kreis.texts import counted

__all__ = ["begun_page", "begun_with_documents_page"]

_MOST_COLUMNS = 40


def begun_page(begun: Begun) -> Page:
    """What was found in a table and what became of it."""
    profile = begun.profile
    grids = [Grid("columns", ["column", "type", "missing", "different", "alone", "holds", ""], _columns(begun))]
    if profile.leaks:
        leaks: list[list[Cell]] = [[each.column, each.reason] for each in profile.leaks]
        grids.append(Grid("likely leaks, left out for now", ["column", "why"], leaks))
    told = [*begun.notes, *profile.warnings]
    if told:
        grids.append(Grid("said of the file", [""], [[f"! {each}"] for each in told]))
    return Page(
        title=f"{counted(profile.rows, 'row')}, {counted(len(profile.columns), 'column')};"
        f" to be predicted: {profile.outcome}",
        facts=[
            ("question", f"{profile.question} ({profile.task})"),
            *(_of_rows(profile) if begun.series is None else _of_series(begun.series)),
            ("repeated rows", f"{profile.duplicates:,}" if profile.duplicates else ""),
        ],
        grids=grids,
    )


def begun_with_documents_page(begun: BegunWithDocuments) -> Page:
    """What was found in a folder of documents and what became of it."""
    held = begun.held
    unreadable: list[list[Cell]] = [[name, why] for name, why in held.unreadable.items()]
    told: list[list[Cell]] = [
        [
            f"! the {begun.questions:,} questions are made from headings and are not real ones: replace them in"
            " questions.jsonl"
        ]
    ]
    return Page(
        title=f"{counted(held.documents, 'document')}, {held.words:,} words in {begun.documents}",
        facts=[
            ("kinds", _counted(held.endings)),
            ("languages", _counted(held.languages) or "not to be told"),
            (
                "repeated",
                f"{counted(held.repeated, 'document has', 'documents have')} the text of another one"
                if held.repeated
                else "",
            ),
            ("personal data", f"documents that seem to hold some: {_counted(held.personal)}" if held.personal else ""),
        ],
        grids=[
            *([Grid("could not be read", ["file", "why"], unreadable)] if unreadable else []),
            Grid("said of the questions", [""], told),
        ],
    )


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _of_rows(profile: Profile) -> list[tuple[str, str]]:
    return [("names a row", profile.id or "nothing: a row is named by its content"), ("time", _time(profile))]


def _of_series(series: Found) -> list[tuple[str, str]]:
    ends = f"{series.first:%Y-%m-%d %H:%M} to {series.last:%Y-%m-%d %H:%M}"
    many = "one" if series.key is None else f"{series.count:,}, named by {series.key}"
    return [
        ("series", f"{many}; a row every {series.every}"),
        ("time", f"of {series.times.said}, {ends}: the last fifth judges"),
        ("known besides", f"{counted(len(series.latest), 'column')}, as of the last period" if series.latest else ""),
    ]


def _time(profile: Profile) -> str:
    if profile.time is None:
        return "none: rows are split at random. If they have times, name the column: a split in time shows what will be"
    ends = f"{profile.first:%Y-%m-%d} to {profile.last:%Y-%m-%d}"
    return f"{profile.time}, {ends}: the last rows judge, so nothing is judged by what came before it"


def _columns(begun: Begun) -> list[list[Cell]]:
    profile = begun.profile
    shown = [_row(each, begun) for each in profile.columns[:_MOST_COLUMNS]]
    more = len(profile.columns) - _MOST_COLUMNS
    rest: list[list[Cell]] = [[f"and {more:,} more", "", None, None, None, "", ""]]
    return [*shown, *rest] if more > 0 else shown


def _row(column: Column, begun: Begun) -> list[Cell]:
    profile = begun.profile
    missing = Number(column.missing / column.rows, f"{column.missing / column.rows:.1%}") if column.missing else None
    alone = profile.strengths.get(column.name)
    strength = None if alone is None else Number(alone, f"{alone:.2f}")
    holds = ", ".join(column.examples)
    if column.low is not None and column.high is not None:
        holds = f"{column.low:,.6g} to {column.high:,.6g}"
    return [column.name, column.kind, missing, column.distinct, strength, holds[:60], _role(column, begun)]


def _role(column: Column, begun: Begun) -> str:
    profile = begun.profile
    if begun.series is not None:
        return _role_in_series(column, begun.series, profile.outcome)
    roles = {profile.outcome: "to be predicted", profile.id: "names the row", profile.time: "time"}
    if column.name in roles:
        return roles[column.name]
    if any(each.column == column.name for each in profile.leaks):
        return "likely leak"
    return f"left out: {column.unfit}" if column.unfit else ""


def _role_in_series(column: Column, series: Found, outcome: str) -> str:
    roles = {outcome: "to be predicted", series.key: "names the series"} | dict.fromkeys(series.times.columns, "time")
    unfit = f"left out: {column.unfit or 'no numbers'}"
    return roles.get(column.name, "as of the last period" if column.name in series.latest else unfit)
