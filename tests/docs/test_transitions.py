"""The table of transitions in the documentation is the one that the machine walks by."""

from __future__ import annotations

from pathlib import Path

from kreis.disciplines import DISCIPLINES, Discipline
from kreis.loop.transitions import TRANSITIONS

PAGE = Path(__file__).parents[2] / "docs" / "how-it-works.md"


def row(discipline: Discipline) -> str:
    (following,) = TRANSITIONS[discipline, "advance"]
    back = TRANSITIONS[discipline, "send_back"]
    named = back[0] if len(back) == 1 else f"{back[0]} … {back[-1]}"
    ends = " | ".join(f"ends: {TRANSITIONS[discipline, kind]}" for kind in ("hold", "fail"))
    return f"| {discipline} | {following} | {named} | {ends} |"


def test_the_page_prints_the_table() -> None:
    head = "| discipline | `Advance` | `SendBack` to one of | `Hold` | `Fail` |\n|---|---|---|---|---|\n"
    table = head + "\n".join(row(each) for each in DISCIPLINES) + "\n"
    assert table in PAGE.read_text(), f"it should be:\n{table}"
