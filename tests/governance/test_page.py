"""Page: lays cells out by what they are."""

from __future__ import annotations

from datetime import UTC, date, datetime

from kreis.governance.pages.page import Grid, Number, Page

ROWS = [
    ("a", 1_234, 0.123456, Number(0.05, "5%"), datetime(2025, 8, 15, 3, 4, tzinfo=UTC), date(2025, 8, 15), True),
    ("longer\x1b[2J", None, "undefined", None, None, None, False),
]
GRID = Grid("", ("name", "int", "float", "share", "at", "day", "yes"), ROWS)


def test_cells_are_written_by_their_type() -> None:
    first, second = GRID.texts
    assert first == ["a", "1,234", "0.1235", "5%", "2025-08-15 03:04", "2025-08-15", "yes"]
    assert second[1:] == ["–", "undefined", "–", "–", "–", "no"]
    assert "\x1b" not in second[0]


def test_columns_of_numbers_are_set_right_whatever_their_title_says() -> None:
    assert GRID.right == [False, True, True, True, False, False, False]
    assert Grid("", ("n ",), []).right == [False]
    lines = str(Page(title="t", grids=(Grid("", ("n", "name"), [(5, "five"), (1_000, "k")]),))).splitlines()
    assert lines[2:] == ["    n  name", "    5  five", "1,000  k"]
    assert '<td style="text-align:right">1,234</td>' in Page(title="t", grids=(GRID,))._repr_html_()
