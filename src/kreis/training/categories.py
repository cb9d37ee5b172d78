"""Categories as numbers that a model can learn from: each one's place in the order of what happened on average.

A category comes as a number that only names it (`kreis.expressions.scalars.category`). Ordering by the mean outcome is
the classic choice for trees: the best split of k categories is among k - 1 of this order (Breiman et al. 1984, theorem
4.5), and a linear model finds a slope in it. The order is fitted on the rows that teach, with each fit, and leaves
training inside the ONNX graph.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from kreis.arrays import Floats
from kreis.models.form import Onnx
from kreis.models.scoring import Matrix
from kreis.tasks.task import Task
from kreis.training.candidate import Candidate, Fitted
from kreis.training.data import TrainingData
from kreis.training.fidelity import prove_same

__all__ = ["LEAST", "encoded", "fit_candidate", "orders_of"]

LEAST = 10
"""A category with fewer rows is taken as missing, as one that was never seen: its mean would be chance."""


def orders_of(rows: TrainingData) -> dict[str, list[float]]:
    """Each category feature's numbers, in the order of the mean outcome; of equal means in the order of the numbers."""
    found = {}
    for feature in rows.categories:
        column = rows.matrix[:, rows.features.index(feature)]
        present = ~np.isnan(column)
        numbers, place, counts = np.unique(column[present], return_inverse=True, return_counts=True)
        means = np.bincount(place, weights=rows.outcomes[present], minlength=len(numbers)) / np.maximum(counts, 1)
        order = np.argsort(means, kind="stable")
        found[feature] = [float(numbers[each]) for each in order if counts[each] >= LEAST]
    return found


def encoded(matrix: Matrix, features: Sequence[str], orders: Mapping[str, Sequence[float]]) -> Matrix:
    """The rows with each category as its place in the order; unknown ones as missing."""
    if not orders:
        return matrix
    given = matrix.copy()
    for feature, order in orders.items():
        column = matrix[:, features.index(feature)]
        given[:, features.index(feature)] = _places(column, np.array(order, dtype=np.float64))
    return given


def _places(column: Matrix, order: Floats) -> Matrix:
    if not len(order):
        return np.full(len(column), np.nan, dtype=np.float32)
    rank = np.argsort(order)
    at = np.minimum(np.searchsorted(order[rank], column), len(order) - 1)
    known = order[rank][at] == column
    places: Matrix = np.where(known, rank[at], np.nan).astype(np.float32)
    return places


def fit_candidate(candidate: Candidate, rows: TrainingData, task: Task, *, seed: int, threads: int) -> Fitted:
    """Fit a candidate on rows, categories in order; what leaves takes the categories as they come.

    Raises:
        ProjectError: as for `Candidate.fit`.
    """
    orders = orders_of(rows)
    matrix, labels = encoded(rows.matrix, rows.features, orders), task.labels(rows.outcomes)
    fitted = candidate.fit(matrix, labels, rows.features, loss=task.loss, seed=seed, threads=threads)
    if not orders or fitted.form.content is None:  # a formula learns nothing of categories
        return fitted
    from kreis.training.graph import in_order

    inner = fitted.scorer()
    content = in_order(fitted.form.content, {rows.features.index(name): order for name, order in orders.items()})
    where = "the order of categories"
    prove_same(content, lambda given: inner.score(encoded(given, rows.features, orders)), rows.matrix, where=where)
    return dataclasses.replace(fitted, form=Onnx.of(content), orders=orders)
