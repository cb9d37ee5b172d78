"""What a run logged is shown with it; a remembered step shows what the first run of it logged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kreis.governance.pages.logged import text_plot
from kreis.governance.views.run import run_view
from kreis.governance.views.runs import runs_view
from kreis.workspace import Workspace

if TYPE_CHECKING:
    from tests.conftest import Shop

LOGS = """    kreis.log_params(rounding="cents")
    for step, loss in enumerate([4.0, 2.0, float("nan"), 1.0]):
        kreis.log(step=step, loss=loss)
    kreis.log_artifact("note.txt", "hello")
    return settlements"""


def test_a_remembered_step_shows_the_first_runs_points(shop: Shop) -> None:
    shop.edit("import polars as pl\n", "import polars as pl\n\nimport kreis\n")
    shop.edit("    return settlements", LOGS)
    shop.run("run", "--until", "preparation")
    shop.run("run", "--until", "preparation")
    workspace = Workspace(shop.folder)
    last, first = (run_view(workspace, row.run) for row in runs_view(workspace).runs)
    assert [[each.remembered for each in view.steps if each.name == "settled"] for view in (first, last)] == [
        [False],
        [True],
    ]
    (series,) = last.logged.series
    assert (series.discipline, series.step, series.name, series.count) == ("preparation", "settled", "loss", 4)
    assert series.points == [(0, 4.0), (1, 2.0), (2, None), (3, 1.0)]
    assert (series.first, series.last, series.lowest, series.highest) == (4.0, 1.0, 1.0, 4.0)
    assert last.logged.params == {"preparation/settled": {"rounding": "cents"}}
    assert [each.name for each in last.logged.artefacts] == ["note.txt"]
    assert workspace.artifacts.get(last.logged.artefacts[0].digest) == b"hello"
    page = shop.kreis("show", first.id[:20])
    assert "█▃ ▁" in page
    assert first.logged.series == last.logged.series


def test_the_points_are_no_part_of_what_the_step_leaves(shop: Shop) -> None:
    shop.edit("import polars as pl\n", "import random\n\nimport polars as pl\n\nimport kreis\n")
    shop.edit("    return settlements", "    kreis.log(luck=random.random())\n    return settlements")
    shop.run("run", "--until", "preparation")
    again = shop.document("run", "--until", "preparation")
    assert again["steps"]["computed"] == 0
    (shop.state / "tracking").rename(shop.folder / "gone")
    assert run_view(Workspace(shop.folder), "").logged.series == []
    assert shop.document("run", "--until", "preparation")["steps"]["computed"] == 0


def test_training_that_cannot_log_trains_all_the_same(shop: Shop) -> None:
    shop.state.mkdir(mode=0o700)
    (shop.state / "tracking").write_text("a file where a folder should be")
    done = shop.run("run")
    assert "warning: not all that the run logs is kept" in done.stderr
    assert "logistic is version 2" in done.stdout


def test_a_curve_of_the_booster_and_the_use_of_the_machine_are_there_by_themselves(evaluated: Shop) -> None:
    view = run_view(Workspace(evaluated.folder), "")
    curves = {(each.step, each.part) for each in view.logged.series}
    assert curves == {("gbdt", "fit"), ("gbdt", "refit")}
    assert {each.step for each in view.logged.used} >= {"", "orders", "settled", "gbdt"}


@pytest.mark.slow
def test_the_curves_of_a_searchs_trials_stay_apart(shop: Shop) -> None:
    shop.edit("leaves=7))", 'leaves=7), search=Search({"leaves": Choice([3, 5])}, trials=3))')
    shop.edit("    BusinessMetric,\n", "    BusinessMetric,\n    Choice,\n    Search,\n")
    shop.run("run", "--until", "training")
    view = run_view(Workspace(shop.folder), "")
    parts = {each.part: each.count for each in view.logged.series}
    assert parts.pop("refit") == 13
    assert "trial: as declared" in parts
    assert len(parts) >= 2
    assert set(parts.values()) == {13}
    assert all(each.startswith("trial: ") for each in parts)


@pytest.mark.parametrize(
    ("values", "plot"),
    [
        ([], ""),
        ([None], ""),
        ([1.0], "▅"),
        ([1.0, 2.0], "▁█"),
        ([0.0, None, 1.0], "▁ █"),
        ([*map(float, range(64))], "▁" * 4 + "▂" * 4 + "▃" * 4 + "▄" * 4 + "▅" * 4 + "▆" * 4 + "▇" * 4 + "█" * 4),
    ],
)
def test_a_text_plot(values: list[float | None], plot: str) -> None:
    assert text_plot(values) == plot
