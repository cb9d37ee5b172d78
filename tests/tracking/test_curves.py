"""Boosters log their training curves by themselves, and learn the same with them as without."""

from __future__ import annotations

from pathlib import Path

import lightgbm
import numpy as np
import pytest

from kreis.artifacts.folder import ArtifactFolder
from kreis.tasks.task import Loss
from kreis.tracking.curves import lightgbm_curve
from kreis.tracking.points import Point, read_run
from kreis.tracking.tracker import Tracker
from kreis.training.candidates.estimator import Estimator
from kreis.training.candidates.gradient_boosting import GradientBoosting
from kreis.training.candidates.xgboost import XGBoost

generator = np.random.default_rng(3)
MATRIX = generator.normal(size=(400, 3)).astype(np.float32)
OUTCOMES = MATRIX[:, 0] + generator.normal(size=400) > 0
NAMES = ("a", "b", "c")
LOG = Loss("log")


def logged(folder: Path) -> list[Point]:
    records = [each for found in read_run(folder / "tracking" / "run1") for each in found.records]
    return [each for each in records if isinstance(each, Point)]


def tracked(folder: Path) -> Tracker:
    return Tracker(folder / "tracking", "run1", ArtifactFolder(folder / "artifacts"))


def test_gradient_boosting_logs_its_loss_and_is_the_same_model(tmp_path: Path) -> None:
    candidate, tracker = GradientBoosting(trees=50, leaves=7), tracked(tmp_path)
    alone = candidate.fit(MATRIX, OUTCOMES, NAMES, loss=LOG, seed=1, threads=1)
    with tracker.step("k", "training", "gbdt"):
        watched = candidate.fit(MATRIX, OUTCOMES, NAMES, loss=LOG, seed=1, threads=1)
    tracker.close()
    assert watched.form == alone.form
    curve = [(each.step, each.values["training_binary_logloss"] or 9) for each in logged(tmp_path)]
    assert [step for step, _ in curve] == [1, *range(5, 51, 5)]
    assert curve[-1][1] < curve[0][1] < np.log(2)


def test_xgboost_logs_its_loss_and_is_the_same_model(tmp_path: Path) -> None:
    pytest.importorskip("xgboost", reason="it comes with kreis[xgboost]")
    candidate, tracker = XGBoost(trees=20, leaves=7), tracked(tmp_path)
    alone = candidate.fit(MATRIX, OUTCOMES, NAMES, loss=LOG, seed=1, threads=1)
    with tracker.step("k", "training", "xgboost"):
        watched = candidate.fit(MATRIX, OUTCOMES, NAMES, loss=LOG, seed=1, threads=1)
    tracker.close()
    assert watched.form == alone.form
    curve = [(each.step, each.values["training_logloss"] or 9) for each in logged(tmp_path)]
    assert [step for step, _ in curve] == [1, 5, 10, 15, 20]
    assert curve[-1][1] < curve[0][1] < np.log(2)


def test_a_wrapped_lightgbm_logs_its_loss_too(tmp_path: Path) -> None:
    tracker = tracked(tmp_path)
    with tracker.step("k", "training", "lgbm"):
        model = Estimator(lightgbm.LGBMClassifier(n_estimators=10, num_leaves=4))
        model.fit(MATRIX, OUTCOMES, NAMES, loss=LOG, seed=1, threads=1)
    tracker.close()
    assert [each.step for each in logged(tmp_path)] == [1, 5, 10]


def test_the_losses_on_validation_rows_are_taken_where_there_are_some(tmp_path: Path) -> None:
    tracker, train = tracked(tmp_path), lightgbm.Dataset(MATRIX, OUTCOMES)
    with tracker.step("k", "training", "lgbm"):
        lightgbm.train(
            {"objective": "binary", "verbosity": -1, "num_threads": 1}, train, 4,
            valid_sets=[train.create_valid(MATRIX, OUTCOMES)], valid_names=["validation"], callbacks=lightgbm_curve(4),
        )  # fmt: skip
    tracker.close()
    assert [list(each.values) for each in logged(tmp_path)] == [["validation_binary_logloss"]] * 2


def test_where_nobody_keeps_it_nothing_is_worked_out() -> None:
    assert lightgbm_curve(100) == []
