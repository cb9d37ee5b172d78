"""A run walked again in a clean state comes out the same; where it does not, the first step and the cause are named."""

from __future__ import annotations

import subprocess
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kreis.actions.reproduce import Reproduction, reproduce
from kreis.actions.run import run_circle
from kreis.digests import digest_of_file
from kreis.errors import ProjectError, StoreError
from kreis.governance.pages.reproduction import reproduction_page
from kreis.governance.views.runs import runs_view
from kreis.loop import steps as loop_steps
from kreis.workspace import Workspace

if TYPE_CHECKING:
    from tests.conftest import Shop

WHO = {"GIT_AUTHOR_NAME": "ann", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "ann", "GIT_COMMITTER_EMAIL": "a@b"}


@pytest.fixture(autouse=True)
def as_ann(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KREIS__PEOPLE__ACTOR", "ann")


def last_run(shop: Shop) -> str:
    return runs_view(Workspace(shop.folder), limit=1).runs[0].run


def again(shop: Shop, folder: Path | None = None) -> Reproduction:
    return reproduce(Workspace(shop.folder), last_run(shop)[:20], folder=folder)


def test_a_run_comes_out_the_same_and_nothing_of_the_project_is_touched(evaluated: Shop, tmp_path: Path) -> None:
    run = last_run(evaluated)
    before = {path: digest_of_file(path) for path in evaluated.state.rglob("*") if path.is_file()}
    done = evaluated.run("reproduce", run, "--folder", str(tmp_path / "again"))
    assert "every step came out the same" in done.stdout
    assert {path: digest_of_file(path) for path in evaluated.state.rglob("*") if path.is_file()} == before
    assert (tmp_path / "again" / ".kreis" / "ledger.db").exists()
    evaluated.run("reproduce", run, "--folder", str(tmp_path / "again"), code=StoreError.exit_code)


@pytest.mark.slow
def test_another_seed_and_other_threads_are_named_with_what_they_do_to_predictions(evaluated: Shop) -> None:
    (evaluated.folder / "kreis.toml").write_text(
        (evaluated.folder / "kreis.toml").read_text() + "[training]\nseed = 8\nthreads = 1\n"
    )
    evaluated.edit("leaves=7)", "leaves=7, row_share=0.5)")
    evaluated.run("run", "--until", "evaluation")
    (evaluated.folder / "kreis.toml").write_text(
        (evaluated.folder / "kreis.toml")
        .read_text()
        .replace("seed = 8", "seed = 9")
        .replace("threads = 1", "threads = 2")
    )
    found = again(evaluated)
    assert not found.same
    assert found.first is not None
    assert found.first.discipline == "training"
    assert found.causes == ["seed 8, now 9", "threads 1, now 2"]
    assert [each.candidate for each in found.predictions] == ["gbdt"]
    assert found.predictions[0].most_apart > 0
    page = str(reproduction_page(found))
    assert "because  seed 8, now 9; threads 1, now 2" in page


@pytest.mark.slow
def test_changed_data_are_named_by_their_file(shop: Shop) -> None:
    shop.run("run", "--until", "preparation")
    shop.edit("o00001,", "o99999,", file="data/orders.csv")
    found = again(shop)
    assert found.first is not None
    assert (found.first.discipline, found.first.name) == ("collection", "orders")
    assert found.first.differs == ["1 of 2,812 rows"]
    assert found.causes == ["data: the file data/orders.csv is another"]
    assert not {each.name: each.same for each in found.steps}["settled"]


@pytest.mark.slow
def test_another_library_is_named_even_where_it_changed_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, whole = Workspace(shop.folder), metadata.version
    with monkeypatch.context() as patched:
        patched.setattr(metadata, "version", lambda name: "0.1" if name == "polars" else whole(name))
        loop_steps._versions.cache_clear()
        run_circle(workspace.load_project(), workspace, as_of=workspace.moment(""), until="preparation")
    loop_steps._versions.cache_clear()
    found = again(shop)
    now = metadata.version("polars")
    assert found.same
    assert found.notes == [f"library polars 0.1, now {now}; it changed nothing in collection/orders"]


@pytest.mark.slow
def test_the_code_is_that_of_the_commit_and_what_differed_from_it(shop: Shop) -> None:
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "first"]):
        subprocess.run(["git", *command], cwd=shop.folder, env={**shop.environment(), **WHO}, check=True)
    (shop.folder / ".git" / "info" / "exclude").write_text(".kreis/\n__pycache__/\n")
    shop.edit("cast(pl.Float64))", "cast(pl.Float64), half=pl.lit(HALF))")
    shop.edit("import polars as pl\n", "import polars as pl\nfrom half import HALF\n")
    (shop.folder / "half.py").write_text("HALF = 0.5\n")
    shop.run("run", "--until", "preparation")
    (shop.folder / "half.py").unlink()
    shop.edit("pl.lit(HALF)", "pl.lit(2)")
    shop.edit("from half import HALF\n", "")
    found = again(shop)
    assert found.code.endswith("and what differed from it")
    assert (found.same, found.notes) == (True, [])


@pytest.mark.slow
def test_what_does_not_come_out_the_same_twice_is_told_from_what_was_changed(shop: Shop) -> None:
    shop.edit("import polars as pl\n", "import random\n\nimport polars as pl\n")
    shop.edit("cast(pl.Float64))", "cast(pl.Float64), luck=pl.lit(random.random()))")
    shop.run("run", "--until", "preparation")
    found = again(shop)
    assert found.first is not None
    assert found.first.name == "settled"
    assert "does not come out the same twice" in found.causes[0]
    shop.edit("random.random())", "0.25)")
    found = again(shop)
    assert found.causes == ["code: it is another than on record"]


@pytest.mark.slow
def test_data_collected_in_pieces_are_the_same_when_collected_at_once(shop: Shop) -> None:
    shop.run("run", "--as-of", "2025-06-01", "--until", "preparation")
    shop.run("run", "--until", "preparation")
    found = again(shop)
    assert [each.name for each in found.steps if not each.same] == []


def test_an_unknown_run_is_refused(evaluated: Shop) -> None:
    with pytest.raises(ProjectError, match="unknown run 'abc'"):
        reproduce(Workspace(evaluated.folder), "abc")
