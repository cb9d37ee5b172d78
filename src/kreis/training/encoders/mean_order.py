"""Categories in the order of what happened on average."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from kreis.arrays import Floats
from kreis.training.encoders.encoder import Column
from kreis.training.encoders.table import Table
from kreis.training.encoders.targets import Places, Targets, seen

__all__ = ["MeanOrder"]


@dataclasses.dataclass(frozen=True)
class MeanOrder:
    """Each category's place in the order of the mean outcome; of equal means in the order of the numbers.

    The classic choice for trees: the best split of k categories is among k - 1 of this order (Breiman et al. 1984,
    theorem 4.5). Of several classes, the order of the first principal component of the categories' class frequencies
    (Coppersmith, Hong and Hosking 1999, section 4), which for two classes is the same. Where nothing is known of what
    happened, the commonest comes first. Others are missing.
    """

    name: ClassVar[str] = "order"

    def fit(self, column: Column, targets: Targets, *, seed: int) -> Table:
        """Order the categories."""
        numbers, places, counts = seen(column.numbers)
        order = np.argsort(_means(targets, places, counts), kind="stable")
        return Table.of_places(numbers[order])


def _means(targets: Targets, places: Places, counts: Places) -> Floats:
    if not targets.known:
        return -counts.astype(np.float64)
    sums, sizes = targets.sums(places, len(counts) + 1)
    means: Floats = sums[:-1] / np.maximum(sizes[:-1], 1)[:, np.newaxis]
    if targets.width == 1 or len(means) < 2:
        return means[:, 0]
    centred = means - np.average(means, axis=0, weights=counts)
    _, vectors = np.linalg.eigh(centred.T @ (counts[:, np.newaxis] * centred))
    axis = vectors[:, -1]
    component: Floats = centred @ (axis * np.sign(axis[np.abs(axis).argmax()]))
    return component
