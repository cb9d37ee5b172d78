"""Metrics of classes agree with scikit-learn's, and their influences with leaving rows out."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from kreis.tasks.metrics.classes import ClassRows, of_classes
from kreis.tasks.multiclass.cost_matrix import CostMatrix
from kreis.tasks.task import metric_named

COSTS = CostMatrix("EUR per 1,000", ["a", "b", "c", "never"], wrong=2.0, costs={"a": {"b": 9.0}})


def rows_of(seed: int, n: int = 400) -> ClassRows:
    rng = np.random.default_rng(seed)
    scores = np.concatenate([rng.dirichlet([2.0, 1.0, 1.0], n), np.zeros((n, 1))], axis=1)
    happened = COSTS.numbers(COSTS.names)[[rng.choice(4, p=each) for each in scores]]
    return of_classes(COSTS.task.rows(happened, scores, COSTS.task.plain, where="here"))


def test_metrics_agree_with_scikit_learn():
    rows = rows_of(1)
    expected = {
        "accuracy": reference.accuracy_score(rows.happened, rows.chosen),
        "macro_recall": reference.balanced_accuracy_score(rows.happened, rows.chosen),
        "log_loss": reference.log_loss(rows.happened, rows.scores, labels=[0, 1, 2, 3]),
        "value": -1_000 * COSTS.matrix[rows.chosen, rows.happened].mean(),
    }
    for name, number in expected.items():
        assert metric_named(name, COSTS.task).value(rows) == pytest.approx(number, rel=1e-9)


@pytest.mark.parametrize("name", ["value", "accuracy", "macro_recall", "log_loss"])
def test_influence_is_the_derivative_of_the_metric_in_each_rows_weight(name: str):
    metric, rows = metric_named(name, COSTS.task), rows_of(3, 300)
    keep = np.ones(300, dtype=bool)
    left_out = np.empty(300)
    for row in range(300):
        keep[row] = False
        left_out[row] = metric.value(rows.where(keep))
        keep[row] = True
    jackknife = metric.value(rows) - left_out
    assert np.corrcoef(jackknife, metric.influence(rows))[0, 1] > 0.99
    assert np.std(jackknife) == pytest.approx(np.std(metric.influence(rows)), rel=0.1)


def test_calibration_is_of_the_probability_of_the_chosen_class():
    rows, sure = rows_of(4, 4_000), metric_named("calibration_error", COSTS.task)
    assert sure.value(rows) < 0.05
    chosen = np.take_along_axis(rows.scores, rows.chosen[:, None], axis=1)[:, 0]
    said = sum(each["score"] * each["rows"] for each in COSTS.task.reliability(rows)) / len(rows)
    assert said == pytest.approx(chosen.mean())
    surer = ClassRows(rows.outcomes, (rows.scores > 0.4).astype(float), rows.decisions, numbers=rows.numbers)
    assert sure.value(surer) > 0.2


def test_rows_of_the_most_frequent_class_are_no_evidence_where_they_are_most():
    numbers = COSTS.numbers(["a", "b"])
    outcomes = np.repeat(numbers, [90, 10])
    rows = ClassRows(outcomes, np.eye(4)[np.zeros(100, dtype=int)], outcomes, numbers=COSTS.numbers(COSTS.names))
    assert int(rows.evidence.sum()) == 10
    assert int(rows.where(outcomes == numbers[0]).evidence.sum()) == 0
    alike = ClassRows(np.tile(numbers, 50), np.eye(4)[np.zeros(100, dtype=int)], np.tile(numbers, 50), numbers=numbers)
    assert int(alike.evidence.sum()) == 50
