"""A project in a notebook: what it returns, and how it shows itself."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

import kreis
from kreis.errors import ProjectError
from kreis.notebook import OpenProject


@pytest.fixture
def project(released: Any) -> OpenProject:
    return kreis.open_project(released.folder)


def test_open_shows_what_is_declared(project: OpenProject) -> None:
    assert "returns: Will this order be returned?" in repr(project)
    assert "<h4>returns: Will this order be returned?</h4>" in project._repr_html_()


def test_open_finds_the_folder_above(released: Any) -> None:
    assert kreis.open_project(released.folder / "contracts").workspace.folder == released.folder.resolve()


def test_open_sees_an_edit(project: OpenProject, released: Any) -> None:
    released.edit("Will this order be returned?", "Will it come back?")
    assert kreis.open_project(released.folder).project.goal.question == "Will it come back?"


def test_open_keeps_two_projects_apart(shop: Any, released: Any) -> None:
    """Both have a module of the same name, as projects do."""
    for folder, said in ((shop.folder, "one"), (released.folder, "two"), (shop.folder, "one")):
        (folder / "words.py").write_text(f"QUESTION = {said!r}\n")
        file = folder / "project.py"
        if "import words" not in file.read_text():
            text = file.read_text().replace('question="Will this order be returned?"', "question=words.QUESTION")
            file.write_text(text.replace("import polars as pl", "import polars as pl\nimport words"))
        assert kreis.open_project(folder).project.goal.question == said


def test_run_returns_its_page_and_says_how_it_goes(project: OpenProject) -> None:
    lines: list[str] = []
    run = project.run(say=lines.append)
    assert run["status"] == "advanced"
    assert [verdict["discipline"] for verdict in run["verdicts"]][-1] == "deployment"
    assert lines[0] == "returns as of 2025-08-15 00:00 UTC"
    assert len(lines) == 7
    assert "remembered" in repr(run)
    with pytest.raises(KeyError, match="there are"):
        run["verdict"]


def test_run_takes_a_day(project: OpenProject) -> None:
    run = project.run(date(2025, 8, 1), until="collection", say=lambda line: None)
    assert f"{run['as_of']:%Y-%m-%d %H:%M %Z}" == "2025-08-01 00:00 UTC"


def test_run_refuses_a_wrong_name(project: OpenProject) -> None:
    with pytest.raises(ProjectError, match="unknown discipline"):
        project.run(until="trainin")


def test_table_reads_by_short_and_full_name(project: OpenProject) -> None:
    assert project.table("settled").equals(project.table("silver/settled", 0))
    assert project.tables["table"].to_list() == sorted(project.tables["table"])
    with pytest.raises(ProjectError, match="unknown table"):
        project.table("setled")


def test_training_frame_holds_spine_and_features(project: OpenProject) -> None:
    frame = project.training_frame()
    assert frame["returned"].null_count() == 0
    assert set(project.project.feature_names) < set(frame.columns)
    assert len(project.training_frame(only_known=False)) > len(frame)


def test_training_frame_of_a_project_that_has_changed_says_so(project: OpenProject, released: Any) -> None:
    released.edit('request_view(\n    "order"', 'request_view(\n    "basket"')
    with pytest.raises(ProjectError, match="has no 'features basket'"):
        kreis.open_project(released.folder).training_frame()


def test_score_is_what_the_champion_answers(project: OpenProject) -> None:
    frame = project.training_frame()
    scores = project.score(frame)
    assert scores.is_between(0, 1).all()
    assert scores.equals(project.score(frame, 2))
    assert not scores.equals(project.score(frame, 1))
    with pytest.raises(ProjectError, match="unknown feature"):
        project.score(frame.select("order_id"))


def test_models_come_with_their_value_and_interval(project: OpenProject) -> None:
    best = project.models.filter(pl.col("share") == 1.0).row(0, named=True)
    assert best["low"] < best["value"] < best["high"]
    assert set(project.models["candidate"]) == {best["candidate"], "rule"}


def test_release_and_status_show_what_is_in_service(project: OpenProject, shop: Any) -> None:
    assert project.release is not None
    assert project.release["number"] == 1
    assert "In service: release 1" in repr(project.status)
    fresh = kreis.open_project(shop.folder)
    assert fresh.release is None
    assert fresh.models.is_empty()
    assert "nothing yet" in repr(fresh.status)
    with pytest.raises(ProjectError, match="no run got through preparation yet"):
        fresh.training_frame()


def test_card_is_markdown(project: OpenProject) -> None:
    assert "## Intended use" in project.card()


def test_pages_escape_what_comes_from_outside(released: Any) -> None:
    released.kreis("rollback", "--reason", "x", "--to", "1")
    released.kreis("rollback", "--reason", "<script>alert(1)</script> \x1b[2J", "--to", "1")
    shown = kreis.open_project(released.folder).show("release")
    assert "<script>" not in shown._repr_html_()
    assert "&lt;script&gt;" in shown._repr_html_()
    assert "\x1b" not in shown._repr_html_() + repr(shown)


def test_show_takes_a_number_for_a_version_and_never_for_the_beginning_of_a_digest(project: OpenProject) -> None:
    for row in project.models.iter_rows(named=True):
        assert project.show("model", row["version"])["digest"] == row["digest"]
        assert project.show("model", row["digest"][:12])["version"] == row["version"]
    for beginning in range(3, 10):
        with pytest.raises(ProjectError):
            project.show("model", beginning)
