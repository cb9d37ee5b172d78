"""Which outcomes are probably wrong, from what a model that has not seen them says of each (Northcutt, Jiang and Chuang
2021, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70, section 3.1).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kreis.arrays import Booleans, Codes, Floats
from kreis.errors import ProjectError

__all__ = ["probabilities_of", "suggested"]

_ALIKE = 1e-6
"""Probabilities that differ by less are the same."""


def probabilities_of(scores: Floats, labels: npt.NDArray[np.generic]) -> tuple[Codes, Floats] | None:
    """Labels as places of classes, shape (n,), and the probability of each class, shape (n, k).

    Args:
        scores: Of a model, shape (n,) of yes, or (n, k) of classes.
        labels: As trainers take them (`Task.labels`): booleans, or places of classes.

    Returns:
        None where the outcome is no class.
    """
    if labels.dtype == np.bool_ and labels.ndim == 1 and scores.ndim == 1:
        return labels.astype(np.int64), np.stack([1 - scores, scores], axis=1)
    if labels.dtype.kind == "i" and scores.ndim == 2:
        return labels.astype(np.int64), scores.astype(np.float64)
    return None


def suggested(labels: Codes, probabilities: Floats) -> tuple[Booleans, Codes]:
    """Rows whose label is probably wrong, and the label that each row has more likely; both of shape (n,).

    A row counts as one of class k where its probability of k is at least the mean probability of k among the rows
    labelled k. It is suspected where it counts as one of another class than its label, and that one is likelier too:
    the off-diagonal part of the confident joint.

    Args:
        labels: Places of classes, shape (n,).
        probabilities: By a model that has not learned from the row, shape (n, k).

    Raises:
        ProjectError: there are more or fewer rows of the one than of the other.
    """
    if len(labels) != len(probabilities):
        raise ProjectError(f"{len(labels)} labels but {len(probabilities)} rows of probabilities", where="labels")
    rows, count = np.arange(len(labels)), probabilities.shape[1]
    own = np.bincount(labels, weights=probabilities[rows, labels], minlength=count)
    sizes = np.bincount(labels, minlength=count)
    means = np.where(sizes > 0, own / np.maximum(sizes, 1), np.inf)
    counted = np.where(probabilities >= np.maximum(means, 2 * _ALIKE) - _ALIKE, probabilities, -1.0)
    likely = counted.argmax(axis=1)
    certain = counted[rows, likely] >= 0
    believed = probabilities[rows, labels] + _ALIKE >= probabilities.max(axis=1)
    return certain & (likely != labels) & ~believed, likely.astype(np.int64)
