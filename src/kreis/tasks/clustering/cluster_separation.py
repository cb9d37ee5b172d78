"""The goal's metric of clusters: how far they are set apart."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt

from kreis.arrays import Floats

if TYPE_CHECKING:
    from kreis.tasks.task import Task

__all__ = ["ClusterSeparation"]


class ClusterSeparation(msgspec.Struct, frozen=True):
    """How far clusters are set apart, from 0 to 1: the mean simplified silhouette (Hruschka et al. 2004).

    There is no outcome, so no decision has a value that could be known later: what is measured are the distances of
    each row to the centres.

    Example:

    >>> ClusterSeparation().task.name
    'clustering'
    """

    unit: str = "simplified silhouette"
    """As shown."""
    per: int = 1

    @property
    def task(self) -> Task:
        """Clustering."""
        from kreis.tasks.clustering.task import Clustering

        return Clustering(self)

    def values(self, outcomes: npt.ArrayLike, decisions: npt.ArrayLike) -> Floats:
        """NaN for each: nothing will ever be known, shape (n,)."""
        return np.full(np.asarray(outcomes).shape, math.nan)

    @property
    def bounds(self) -> tuple[float, float]:
        """Of a silhouette of the nearest centre."""
        return 0.0, 1.0

    @property
    def most_at_stake(self) -> float:
        """A row may be put into the same cluster, or not."""
        return 1.0

    def most_apart(self, first: npt.ArrayLike, second: npt.ArrayLike) -> float:
        """`most_at_stake`, whichever clusters they are."""
        return self.most_at_stake

    def check(self) -> None:
        """It always makes sense."""

    def to_document(self) -> dict[str, Any]:
        """As a plain JSON document."""
        return {"kind": "cluster_separation", **msgspec.to_builtins(self)}
