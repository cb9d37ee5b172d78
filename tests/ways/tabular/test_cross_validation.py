"""In a cross-validation every row is judged by a model that has not seen it, choices and all, and is counted once."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from kreis.actions.run import run_circle
from kreis.workspace import Workspace

PROJECT = """
import polars as pl
from datetime import UTC, datetime
from pathlib import Path
from kreis import CrossValidation, DecisionValue, Goal, GradientBoosting, Logistic, Mean, Project, Risk

project = Project("folds", goal=Goal(
    question="Will it?", decision="Do.", better_than_baseline=0, risk=Risk.minimal(because="a test"), least=5,
    metric=DecisionValue("EUR", per=1, true_positive=1.0, false_positive=-1.0),
))
project.rows(pl.read_parquet(Path(__file__).parent / "rows.parquet"), outcome="y", group="pair")
project.split(CrossValidation(folds=3, repeats=2))
project.candidate("mean", Mean(), baseline=True)
project.candidate("gbdt", GradientBoosting(trees=15, leaves=31, rows_per_leaf=2))
"""


def noise(rows: int) -> pl.DataFrame:
    """An outcome of which nothing tells: who knows it has seen it."""
    rng = np.random.default_rng(5)
    columns = {name: rng.normal(size=rows) for name in "ab"}
    return pl.DataFrame({**columns, "pair": np.arange(rows) // 2, "y": rng.random(rows) < 0.4})


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("folds")
    noise(300).write_parquet(folder / "rows.parquet")
    (folder / "project.py").write_text(PROJECT)
    (folder / "kreis.toml").write_text("[training]\nseed = 7\n")
    workspace = Workspace(folder)
    project = workspace.load_project()
    yield run_circle(project, workspace, as_of=datetime(2026, 1, 1, tzinfo=UTC)), workspace, project
    workspace.ledger.close()


def report_of(workspace: Workspace) -> Any:
    from kreis.ledger.steps import last_step
    from kreis.ways.results import Judged

    with workspace.ledger.read() as connection:
        step = last_step(connection, "evaluation", "gbdt")
    assert step is not None
    return Judged.from_document(step.outputs).report


def test_rows_are_judged_by_models_that_have_not_seen_them(judged: Any) -> None:
    report = report_of(judged[1])
    auc = report.challenger.metrics["auc"]
    assert auc.low < 0.5 < auc.high, auc
    assert auc.value < 0.65


def test_each_row_counts_once_in_however_many_repeats(judged: Any) -> None:
    report = report_of(judged[1])
    assert (report.rows, report.days, report.folds, report.blocks_are) == (300, 300, 6, "rows")
    assert report.judged_on == "300 rows in 6 folds"
    assert report.challenger.metrics["auc"].n == 300
    assert report.rarer == int(noise(300)["y"].sum())


def test_the_released_model_has_learned_from_all_rows(judged: Any) -> None:
    from kreis.ledger.steps import last_step
    from kreis.ways.results import Trained

    with judged[1].ledger.read() as connection:
        step = last_step(connection, "training", "gbdt")
    trained = Trained.from_document(step.outputs).candidate
    assert trained.training["rows"] == 300
    assert len(trained.folds) == 6
    assert len({fold.form.sha256 for fold in trained.folds}) == 6  # type: ignore[union-attr]
