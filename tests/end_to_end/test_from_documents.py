"""From a folder of documents to a released answerer: two commands, as a person types them."""

from __future__ import annotations

from typing import Any

import pytest

SUBJECTS = {
    "Leave": ("days", "thirty", "calendar"),
    "Travel": ("train", "desk", "voucher"),
    "Laptops": ("order", "keyboard", "warranty"),
    "Salary": ("bank", "transfer", "bonus"),
    "Canteen": ("soup", "lunch", "tray"),
    "Parking": ("garage", "ticket", "barrier"),
}
PARTS = ("Requests", "Exceptions", "Deadlines", "Costs")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, new_shop: Any) -> Any:
    """A folder with seven pages and a picture, and the project that was made of it and run."""
    shop = new_shop(tmp_path_factory.mktemp("documents") / "shop")
    pages = shop.folder / "pages"
    pages.mkdir()
    for title, (one, two, three) in SUBJECTS.items():
        sections = [
            f"## {part}\n\nA {one} comes first. The {two} follows soon.\n\n"
            f"Whoever needs the {three} number {place} asks the office of {title} in writing before noon.\n"
            for place, part in enumerate(PARTS)
        ]
        (pages / f"{title.lower()}.md").write_text(f"# {title}\n\n" + "\n".join(sections))
    # sentences that hold the words of the questions, and answer none: whole passages do better than the best sentence
    said = [f"What {title} says about {part} stands in the page on {title}." for title in SUBJECTS for part in PARTS]
    (pages / "where.txt").write_text("\n\n".join(said))
    (pages / "logo.png").write_bytes(b"\x89PNG")
    shop.told = shop.kreis("init", "desk", "--documents", "pages")
    shop.folder /= "desk"
    shop.ran = shop.kreis("run")
    return shop


def test_what_was_found_is_said(desk: Any) -> None:
    assert "7 documents" in desk.told
    assert "logo.png" in desk.told
    assert "Next: cd desk && kreis run" in desk.told


def test_a_run_says_that_the_questions_are_not_real_and_releases(desk: Any) -> None:
    assert "24 of 24 questions were made from headings and are not real ones" in desk.ran
    assert "logo.png could not be read and was set aside" in desk.ran
    assert "release 1: 100%" in desk.ran


def test_options_of_tables_are_refused(desk: Any) -> None:
    told = desk.kreis("init", "other", "--documents", "../pages", "--predict", "x", code=2)
    assert "--predict is for tables" in told
