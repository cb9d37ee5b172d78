"""Rows in clusters: the distance to each of some centres."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from kreis.arrays import Codes, Floats
from kreis.models.form import Onnx
from kreis.models.scoring import Matrix
from kreis.tasks.task import Loss
from kreis.texts import counted
from kreis.training.candidate import Fitted, Outcomes, UsualCandidate, require, require_whole
from kreis.training.candidates.standardised import Standardised, standardise
from kreis.training.fidelity import prove_same
from kreis.training.graph import finish_graph
from kreis.training.nodes import Nodes

__all__ = ["KMeans"]

_HALVES = 5
"""So often the rows are cut into halves, to see whether these give the same clusters."""
_LOOKED_AT = 4_000
"""Rows at most that this looks at."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class KMeans(UsualCandidate):
    """K-means (Lloyd 1982, begun as by Arthur and Vassilvitskii 2007), over standardised features.

    A missing value is taken as the median. It asks for no outcomes. How stable its clusters are is measured with each
    fit: the rows are cut into halves five times, and the adjusted Rand index (Hubert and Arabie 1985) says how alike
    both halves part all rows; 1 is the same, 0 is chance (Ben-Hur, Elisseeff and Guyon 2002).

    Example:

    >>> KMeans(clusters=4).with_parameters(clusters=6).clusters
    6
    """

    kind: ClassVar[str] = "kmeans"
    side_by_side: ClassVar[bool] = False  # threads of BLAS are set for the whole process
    encode: ClassVar[str] = "one-hot"
    clusters: int = 8
    batch: int = 0
    """Rows for each step, of very many rows (Sculley 2010); all of them in each step where it is 0."""
    starts: int = 4
    """So many beginnings, of which the best is taken."""

    def __post_init__(self) -> None:
        require_whole(self, where="KMeans", clusters=1, batch=0, starts=1)

    def fit(
        self,
        matrix: Matrix,
        outcomes: Outcomes,
        features: Sequence[str],
        *,
        loss: Loss,
        seed: int,
        threads: int,
        groups: Codes | None = None,
    ) -> Fitted:
        """Find the centres by scikit-learn, and the distances to them as ONNX; outcomes are not looked at.

        Raises:
            ProjectError: there are fewer rows than clusters, or both would give other distances.
        """
        from threadpoolctl import threadpool_limits

        rows, where = standardise(matrix, indicators=False), "KMeans"
        require(
            len(matrix) >= self.clusters,
            f"{counted(len(matrix), 'row makes', 'rows make')} no {counted(self.clusters, 'cluster')}",
            where=where,
        )
        with threadpool_limits(threads):
            centres = self._centres(rows.design, seed)
            stability = {"stability": self._stability(rows.design, seed)} if self.clusters > 1 else {}
        content = _graph(rows, centres)

        def native(given: Matrix) -> Floats:
            filled = np.where(np.isfinite(given), given, rows.medians).astype(np.float64)
            return _distances((filled - rows.means) / rows.deviations, centres)

        prove_same(content, native, matrix, where=where)
        return Fitted(form=Onnx.of(content), features=tuple(features), found=stability)

    def _centres(self, design: Floats, seed: int) -> Floats:
        from sklearn import cluster

        options: dict[str, Any] = {
            "n_clusters": self.clusters,
            "n_init": self.starts,
            "random_state": np.random.RandomState(seed % 2**32),
        }
        kind = cluster.MiniBatchKMeans(batch_size=self.batch, **options) if self.batch else cluster.KMeans(**options)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # fewer different rows than clusters: some centres are then the same
            found: Floats = kind.fit(design).cluster_centers_.astype(np.float64)
        return found[np.lexsort(found.T[::-1])]  # in an order that chance does not decide

    def _stability(self, design: Floats, seed: int) -> float:
        from sklearn.metrics import adjusted_rand_score

        rng = np.random.default_rng(seed)
        some = design[np.sort(rng.permutation(len(design))[:_LOOKED_AT])]
        half = len(some) // 2
        if half < self.clusters:
            return 0.0
        alike = []
        for number in range(_HALVES):
            order = rng.permutation(len(some))
            parts = (some[order[:half]], some[order[half:]])
            one, other = (_distances(some, self._centres(part, seed + number)).argmin(axis=1) for part in parts)
            alike.append(adjusted_rand_score(one, other))
        return float(np.mean(alike))


def _distances(design: Floats, centres: Floats) -> Floats:
    """Of rows to centres, shape (n, k); (n,) to one."""
    apart: Floats = np.sqrt(((design[:, np.newaxis] - centres) ** 2).sum(axis=2))
    return apart[:, 0] if len(centres) == 1 else apart


def _graph(rows: Standardised, centres: Floats) -> bytes:
    """Missing as median, standardised, and the Euclidean distance to each centre."""
    graph = Nodes()
    median, mean = graph.constant(rows.medians), graph.constant(rows.means)
    scale, centre = graph.constant(1 / rows.deviations), graph.constant(centres[np.newaxis])
    axis = graph.constant([1], np.int64)
    filled, _ = graph.filled("x", median)
    design = graph.node("Mul", graph.node("Sub", filled, mean), scale)
    apart = graph.node("Sub", graph.node("Unsqueeze", design, axis), centre)
    score = graph.node("ReduceL2", apart, axes=[2], keepdims=0)
    if len(centres) == 1:
        score = graph.node("Squeeze", score, axis)
    return finish_graph(
        graph.nodes, graph.constants, "x", len(rows.medians), {"": 17}, outputs=len(centres), score=score
    )
