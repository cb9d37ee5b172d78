"""How unusual a row is: how few random cuts set it apart from the others."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from kreis.arrays import Codes
from kreis.models.form import Onnx
from kreis.models.scoring import Matrix
from kreis.tasks.task import Loss
from kreis.texts import counted
from kreis.training.candidate import Fitted, Outcomes, UsualCandidate, require, require_whole
from kreis.training.candidates.standardised import medians_of
from kreis.training.fidelity import prove_same
from kreis.training.float32 import float32_at_most
from kreis.training.graph import finish_graph
from kreis.training.nodes import Nodes

__all__ = ["IsolationForest"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class IsolationForest(UsualCandidate):
    """An isolation forest (Liu, Ting and Zhou 2008). It asks for no outcomes; a missing value is taken as the median.

    The score is 2 to the power of minus the mean number of cuts, relative to what is usual: about 0.5 of a usual row,
    near 1 of one that few cuts set apart.

    Example:

    >>> IsolationForest(trees=50).with_parameters(rows_per_tree=128).rows_per_tree
    128
    """

    kind: ClassVar[str] = "isolation_forest"
    side_by_side: ClassVar[bool] = True
    encode: ClassVar[str] = "one-hot"
    trees: int = 100
    rows_per_tree: int = 256
    """So many rows are drawn for each tree: few, so that unusual ones do not hide each other."""

    def __post_init__(self) -> None:
        require_whole(self, where="IsolationForest", trees=1, rows_per_tree=2)

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
        """Grow the trees by scikit-learn, and put them into one ONNX node; outcomes are not looked at.

        Raises:
            ProjectError: there are fewer than two rows, or both would score rows otherwise.
        """
        from sklearn.ensemble import IsolationForest as Forest

        require(len(matrix) >= 2, f"{counted(len(matrix), 'row')} cannot be told apart", where="IsolationForest")
        medians = medians_of(matrix, ~np.isfinite(matrix))

        def filled(rows: Matrix) -> Matrix:
            return np.where(np.isfinite(rows), rows, medians)

        drawn = min(self.rows_per_tree, len(matrix))
        model = Forest(n_estimators=self.trees, max_samples=drawn, random_state=seed % 2**32, n_jobs=1)
        model.fit(filled(matrix))
        content = _graph(model, medians, drawn)
        prove_same(content, lambda rows: -model.score_samples(filled(rows)), matrix, where="IsolationForest")
        return Fitted(form=Onnx.of(content), features=tuple(features))


def _usual_depth(rows: int) -> float:
    """The mean depth of a search in a tree of so many rows that fails (Liu, Ting and Zhou 2008, equation 1)."""
    if rows <= 1:
        return 0.0
    return 1.0 if rows == 2 else 2 * (math.log(rows - 1) + float(np.euler_gamma)) - 2 * (rows - 1) / rows


def _graph(model: Any, medians: Matrix, drawn: int) -> bytes:
    """Missing as median, the sum of the depths over all trees, and 2 to the power of minus their relative mean."""
    graph = Nodes()
    power = -math.log(2) / (len(model.estimators_) * _usual_depth(drawn))
    median, scale = graph.constant(medians), graph.constant(power)
    axis = graph.constant([1], np.int64)
    ensemble = _ensemble([each.tree_ for each in model.estimators_])
    depths = graph.node(
        "TreeEnsembleRegressor",
        graph.filled("x", median)[0],
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function="SUM",
        post_transform="NONE",
        **ensemble,
    )
    score = graph.node("Squeeze", graph.node("Exp", graph.node("Mul", depths, scale)), axis)
    return finish_graph(graph.nodes, graph.constants, "x", len(medians), {"": 17, "ai.onnx.ml": 3}, score=score)


def _ensemble(trees: Sequence[Any]) -> dict[str, Any]:
    """The attributes of a TreeEnsembleRegressor whose leaves hold their depth."""
    found: dict[str, list[Any]] = defaultdict(list)
    for number, tree in enumerate(trees):
        count, left, right = tree.node_count, tree.children_left, tree.children_right
        leaf = left < 0
        depth = np.zeros(count)
        for parent in range(count):  # children stand after their parents
            if not leaf[parent]:
                depth[left[parent]] = depth[right[parent]] = depth[parent] + 1
        columns: dict[str, Sequence[Any]] = {
            "nodes_treeids": [number] * count,
            "nodes_nodeids": range(count),
            "nodes_featureids": np.where(leaf, 0, tree.feature).tolist(),
            "nodes_modes": ["LEAF" if each else "BRANCH_LEQ" for each in leaf],
            "nodes_values": float32_at_most(np.where(leaf, 0.0, tree.threshold)).astype(float).tolist(),
            "nodes_truenodeids": np.where(leaf, 0, left).tolist(),
            "nodes_falsenodeids": np.where(leaf, 0, right).tolist(),
        }
        ends = np.flatnonzero(leaf).tolist()
        columns |= {
            "target_treeids": [number] * len(ends),
            "target_nodeids": ends,
            "target_ids": [0] * len(ends),
            "target_weights": [depth[end] + _usual_depth(int(tree.n_node_samples[end])) for end in ends],
        }
        for name, values in columns.items():
            found[name] += list(values)
    return found
