"""What the handbook's demo asks and changes stands in the pages as they are."""

from __future__ import annotations

from pathlib import Path

from kreis.demo import handbook_story

PAGES = Path(__file__).parents[2] / "docs"


def test_the_sentence_that_changes_stands_in_its_page_once() -> None:
    page, before, after = handbook_story._CHANGED
    text = (PAGES / page).read_text(encoding="utf-8")
    assert text.count(before) == 1
    assert after not in text
