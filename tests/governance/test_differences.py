"""Of two candidates it is said what differs: code, data, parameters, and each metric row by row."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from kreis.governance.pages.comparison import comparison_html, image_html
from kreis.governance.pages.differences import compared_page
from kreis.governance.pages.html import patch_html
from kreis.governance.papers.plots import COLOURS, dots, lines
from kreis.governance.views.candidate import candidate_view
from kreis.governance.views.comparison import comparison, images_of
from kreis.governance.views.runs import runs_view
from kreis.workspace import Workspace

if TYPE_CHECKING:
    from tests.conftest import Shop

WHO = {"GIT_AUTHOR_NAME": "ann", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "ann", "GIT_COMMITTER_EMAIL": "a@b"}


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory, new_shop: Callable[..., Shop]) -> Shop:
    """A project in git, run twice: the second time with another booster, another table and a changed view."""
    shop = new_shop(tmp_path_factory.mktemp("twice") / "shop")
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "first"]):
        subprocess.run(["git", *command], cwd=shop.folder, env={**shop.environment(), **WHO}, check=True)
    (shop.folder / ".git" / "info" / "exclude").write_text(".kreis/\n__pycache__/\n")
    shop.run("run", "--until", "evaluation")
    shop.edit("leaves=7", "leaves=15")
    shop.edit('pl.col("category") == "books"', 'pl.col("category") == "toys"')
    shop.edit("cast(pl.Float64))", "cast(pl.Float64) * 1)")
    shop.run("run", "--until", "evaluation")
    return shop


def runs_of(shop: Shop) -> list[str]:
    """The runs, the oldest first."""
    return [each.run for each in reversed(runs_view(Workspace(shop.folder)).runs)]


def differences(shop: Shop, *names: str) -> dict[str, Any]:
    """What `kreis compare --json` says of them."""
    found = msgspec.json.decode(msgspec.json.encode(comparison(Workspace(shop.folder), [*names]), enc_hook=str))
    assert isinstance(found["differences"], dict)
    return found["differences"]


def test_what_differs_between_two_runs_is_said(twice: Shop) -> None:
    first, second = runs_of(twice)
    found = differences(twice, f"{first}/gbdt", f"{second}/gbdt")
    assert found["code"] == ["preparation/features order: its view", "preparation/settled"]
    assert [each["name"] for each in found["data"]] == ["preparation/features order"]
    changed = {each["name"]: (each["first"], each["second"]) for each in found["parameters"]}
    assert changed["leaves"] == (7, 15)
    assert changed.keys() <= {"leaves", "decides"}
    assert (found["libraries"], found["goal"]) == ([], [])
    assert "and changes" in found["commits"]["second"]
    assert '+        "books": pl.col("category") == "toys",' in found["patch"]
    page = twice.kreis("compare", f"{first}/gbdt", f"{second}/gbdt")
    for part in (
        "leaves",
        "row by row on 579 rows of 45 days that both runs tested on",
        "-project.candidate",
        "not told apart;",
    ):
        assert part in page
    assert [candidate_view(Workspace(twice.folder), each).name for each in (first, second)] == ["logistic"] * 2


def test_the_paired_difference_is_that_of_evaluation(twice: Shop) -> None:
    workspace = Workspace(twice.folder)
    view = comparison(workspace, ["rule", "gbdt"])
    judged, paired = candidate_view(workspace, "gbdt").evaluation, view.differences and view.differences.paired
    assert judged is not None
    assert paired is not None
    (mine,) = (each.difference for each in paired.metrics if each.name == "value")
    theirs = judged.differences["rule"]
    assert (mine.value, mine.low, mine.high) == (theirs.value, theirs.low, theirs.high)
    assert paired.which == "of the run's test"


def test_a_candidate_does_not_differ_from_itself(twice: Shop) -> None:
    view = comparison(Workspace(twice.folder), ["gbdt", "gbdt"])
    found = view.differences
    assert found is not None
    assert found.paired is not None
    assert not any((found.code, found.data, found.parameters, found.libraries, found.goal, found.patch))
    assert {each.difference.value for each in found.paired.metrics} == {0}
    assert "nothing of code, data" in str(compared_page(view))


@pytest.mark.slow
def test_runs_of_different_days_are_compared_on_rows_that_neither_learned_from(evaluated: Shop) -> None:
    evaluated.run("run", "--as-of", "2025-06-10", "--until", "training")
    earlier, later = runs_of(evaluated)[1], runs_of(evaluated)[0]
    found = differences(evaluated, f"{earlier}/gbdt", f"{later}/gbdt")
    assert "later run's test" in found["paired"]["which"]
    swapped = differences(evaluated, f"{later}/gbdt", f"{earlier}/gbdt")
    values = [
        next(each["difference"]["value"] for each in side["paired"]["metrics"] if each["name"] == "value")
        for side in (found, swapped)
    ]
    assert values[0] == -values[1] != 0
    assert {each["name"]: each["first"] for each in found["parameters"]}["as of"].startswith("2025-06-10")


def test_why_two_are_not_compared_row_by_row_is_said(
    twice: Shop, tmp_path: Path, new_shop: Callable[..., Shop]
) -> None:
    shop = new_shop(tmp_path / "shop", like=twice.folder)
    shop.edit('"customer__return_rate_180d") > 0.4', '"customer__return_rate_180d") > )')
    found = differences(shop, "rule", "gbdt")
    assert found["paired"] is None
    assert "SyntaxError" in found["unpaired"]
    assert "not compared row by row" in shop.kreis("compare", "rule", "gbdt")


def test_a_run_that_split_its_rows_otherwise_is_not_compared_row_by_row(
    twice: Shop, tmp_path: Path, new_shop: Callable[..., Shop]
) -> None:
    shop = new_shop(tmp_path / "shop", like=twice.folder)
    shop.edit('TimeSplit(test="45d")', 'TimeSplit(test="30d")')
    assert "split its rows otherwise" in differences(shop, "rule", "gbdt")["unpaired"]


class Loaded(HTMLParser):
    """What a page would load or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "iframe", "object", "link", "embed"):
            self.found.append(tag)
        self.found += [
            f"{tag} {name}"
            for name, value in attrs
            if name.startswith("on") or (name in ("src", "href") and not str(value).startswith("data:image/"))
        ]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_html_page_is_one_file_that_loads_and_runs_nothing(twice: Shop, tmp_path: Path) -> None:
    first, second = runs_of(twice)
    twice.run("compare", f"{first}/gbdt", f"{second}/gbdt", "--html", str(tmp_path / "page.html"))
    page = (tmp_path / "page.html").read_text()
    loaded = Loaded()
    loaded.feed(page)
    assert loaded.found == []
    assert "default-src 'none'" in page
    assert re.findall(r"https?://", page) == []
    for part in (
        "training binary logloss, fit",
        "leaves",
        "EUR per 1,000 orders, row by row",
        "lost without a feature",
    ):
        assert part in loaded.text


def test_names_from_data_bring_no_html(twice: Shop) -> None:
    hostile = "<script>alert(1)</script>\x1b[2J"
    workspace = Workspace(twice.folder)
    view = comparison(workspace, ["rule", "gbdt"])
    assert image_html("notes.txt", b"x") == ""
    for made in (
        lines([(hostile, [(0, 1.0), (1, None), (2, 3.0)])], title=hostile),
        dots([(hostile, 1.0, None, 2.0)], title=hostile),
        patch_html(f"+{hostile}"),
        image_html(f"{hostile}.svg", b"<svg onload='alert(1)'/>"),
        comparison_html(view, images_of(workspace, view) | {f"{hostile}.png": b"x"}),
    ):
        assert "<script" not in made
        assert "\x1b" not in made
        assert "onload" not in made


@pytest.mark.parametrize("values", [[], [None], [float("nan")]])
def test_a_plot_of_nothing_is_nothing(values: list[Any]) -> None:
    assert lines([("a", [*enumerate(values)])], title="empty") == ""
    assert dots([], title="empty") == ""


def test_a_line_keeps_its_colour() -> None:
    alone = lines([("first", []), ("second", [(1, 2.0), (2, None), (3, 1.0)])], title="loss")
    assert COLOURS[1] in alone
    assert COLOURS[0] not in alone
    assert "first" not in alone
