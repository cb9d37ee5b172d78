"""Metrics over labels agree with scikit-learn's, and their influences with leaving rows out."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from kreis.tasks.metrics.labels import LabelRows, bits_of
from kreis.tasks.multilabel.label_value import LabelValue
from kreis.tasks.task import metric_named

VALUE = LabelValue("EUR", ["a", "b", "c"], right=2.0, missed={"a": 0.0, "b": -5.0, "c": -1.0}, false_alarm=-1.0)


def rows_of(seed: int, n: int = 400) -> LabelRows:
    rng = np.random.default_rng(seed)
    scores = rng.beta(1, 2, (n, 3))
    carried = (rng.random((n, 3)) < scores) @ [1.0, 2.0, 4.0]
    rows = VALUE.task.rows(carried, scores, VALUE.task.plain, where="here")
    assert isinstance(rows, LabelRows)
    return rows


def test_metrics_agree_with_scikit_learn():
    rows = rows_of(1)
    carried, given = bits_of(rows.outcomes, 3), bits_of(rows.decisions, 3)
    losses = [reference.log_loss(carried[:, i], rows.scores[:, i]) for i in range(3)]
    expected = {
        "micro_recall": reference.recall_score(carried, given, average="micro"),
        "micro_precision": reference.precision_score(carried, given, average="micro"),
        "macro_recall": reference.recall_score(carried, given, average="macro"),
        "macro_precision": reference.precision_score(carried, given, average="macro"),
        "subset_accuracy": reference.accuracy_score(carried, given),
        "auc": reference.roc_auc_score(carried, rows.scores, average="macro"),
        "log_loss": np.mean(losses),
    }
    for name, number in expected.items():
        assert metric_named(name, VALUE.task).value(rows) == pytest.approx(number, rel=1e-9)


@pytest.mark.parametrize("name", ["value", "micro_recall", "micro_precision", "macro_recall", "auc", "log_loss"])
def test_influence_is_the_derivative_of_the_metric_in_each_rows_weight(name: str):
    metric, rows = metric_named(name, VALUE.task), rows_of(3, 200)
    keep = np.ones(200, dtype=bool)
    left_out = np.empty(200)
    for row in range(200):
        keep[row] = False
        left_out[row] = metric.value(rows.where(keep))
        keep[row] = True
    jackknife = metric.value(rows) - left_out
    assert np.corrcoef(jackknife, metric.influence(rows))[0, 1] > 0.99
    assert np.std(jackknife) == pytest.approx(np.std(metric.influence(rows)), rel=0.1)


def test_a_label_that_no_row_carries_counts_in_no_mean_of_recalls():
    rows = LabelRows(np.array([1.0, 1.0, 0.0]), np.full((3, 3), 0.5), np.array([1.0, 0.0, 0.0]))
    assert metric_named("macro_recall", VALUE.task).value(rows) == 0.5
    nothing = LabelRows(np.zeros(3), np.full((3, 3), 0.5), np.zeros(3))
    assert np.isnan(metric_named("macro_recall", VALUE.task).value(nothing))
