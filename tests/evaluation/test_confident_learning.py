"""Suspected label errors are those that cleanlab names, on made sets and on real ones."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from tests.end_to_end.real_tables import DATA

from kreis.errors import ProjectError
from kreis.evaluation.confident_learning import probabilities_of, suggested


def by_cleanlab(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    from cleanlab.filter import find_label_issues

    return find_label_issues(labels, probabilities, filter_by="confident_learning", n_jobs=1)


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_suggested_are_those_of_cleanlab(classes: int) -> None:
    rng = np.random.default_rng(classes)
    truth = rng.integers(0, classes, 2_000)
    probabilities = rng.dirichlet(np.ones(classes), 2_000)
    probabilities[np.arange(2_000), truth] += rng.uniform(0, 2, 2_000)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    labels = np.where(rng.random(2_000) < 0.1, rng.integers(0, classes, 2_000), truth)
    wrong, likely = suggested(labels, probabilities)
    assert np.array_equal(wrong, by_cleanlab(labels, probabilities))
    assert 0 < wrong.sum() < 400
    assert (likely[wrong] == truth[wrong]).mean() > 1 / classes


@pytest.mark.parametrize("name", ["20news", "imdb", "cifar10", "mnist"])
def test_suggested_are_those_of_cleanlab_on_real_sets(name: str) -> None:
    file = DATA / "label_errors" / f"{name}_test_pred_probs.parquet"
    if not file.exists():
        pytest.skip(f"the data are not here: {file.name}")
    frame = pl.read_parquet(file)
    labels = frame["given_label"].to_numpy().astype(np.int64)
    probabilities = frame.select(pl.selectors.matches(r"^p\d+$")).to_numpy().astype(np.float64).clip(0, 1)
    assert np.array_equal(suggested(labels, probabilities)[0], by_cleanlab(labels, probabilities))


def test_a_row_whose_own_label_is_the_likeliest_is_never_suspected() -> None:
    probabilities = np.array([[0.99, 0.01], [0.98, 0.02], [0.55, 0.45], [0.6, 0.4], [0.58, 0.42]])
    labels = np.array([0, 0, 0, 1, 1])  # the third counts as one of class 1 alone, and is likelier one of class 0
    wrong, likely = suggested(labels, probabilities)
    assert likely[2] == 1
    assert not wrong[2]
    assert np.array_equal(wrong, by_cleanlab(labels, probabilities))


def test_a_class_without_rows_is_nobodys() -> None:
    probabilities = np.array([[0.1, 0.1, 0.8], [0.7, 0.1, 0.2], [0.2, 0.7, 0.1]])
    wrong, _ = suggested(np.array([0, 0, 1]), probabilities)
    assert not wrong.any()


def test_suggested_needs_as_many_labels_as_rows() -> None:
    with pytest.raises(ProjectError, match="2 labels but 3 rows"):
        suggested(np.array([0, 1]), np.ones((3, 2)) / 2)


def test_probabilities_of_numbers_are_none() -> None:
    assert probabilities_of(np.array([0.5]), np.array([1.5])) is None
