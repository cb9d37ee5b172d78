"""The trees, weights or layers of scikit-learn's models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from kreis.arrays import Floats
from kreis.models.explanations.additive import NEVER, Additive, Link
from kreis.models.explanations.layers import Activation
from kreis.models.explanations.trees import MOST_NODES
from kreis.models.explanations.weights import Weights
from kreis.models.scoring import Matrix
from kreis.training.explaining.chain import Step, chained
from kreis.training.explaining.joined import joined
from kreis.training.float32 import float32_at_most

__all__ = ["estimator_sum"]

_FORESTS = ("RandomForest", "ExtraTrees", "DecisionTree", "ExtraTree")
_HISTOGRAM_LINKS: dict[str, Link] = {"log_loss": "sigmoid", "poisson": "exp", "gamma": "exp"}

_NETWORK_LINKS: dict[str, Link] = {"identity": "identity", "logistic": "sigmoid", "softmax": "softmax", "exp": "exp"}
_BENDS: dict[str, Activation] = {"relu": "relu", "tanh": "tanh", "logistic": "sigmoid"}


def estimator_sum(
    model: Any, matrix: Matrix, columns: Sequence[str], *, outputs: int = 1, seen: Any = None
) -> Additive | None:
    """A fitted forest, boosted trees, linear model or network as a sum, with what a pipeline does to each column
    before; None for all others.

    Args:
        model: As scikit-learn fitted it.
        matrix: The rows that taught it, shape (n, w).
        columns: Their names.
        outputs: How many numbers a row is given.
        seen: Of a classifier, where each of the model's own classes stands.
    """
    if type(model).__name__ == "Pipeline":
        return _behind_steps(model, matrix, columns, outputs, seen)
    name = type(model).__name__.removesuffix("Classifier").removesuffix("Regressor")
    if not type(model).__module__.startswith("sklearn."):
        return None
    chosen = np.arange(outputs) if outputs == 1 or seen is None else np.asarray(seen)
    if name in _FORESTS:
        return _forest(model, columns, outputs, chosen)
    if name == "GradientBoosting":
        return _boosted(model, columns, outputs, chosen)
    if name == "HistGradientBoosting":
        return _histogram(model, columns, outputs, chosen)
    if name in ("LinearRegression", "Ridge", "Lasso", "ElasticNet") or type(model).__name__ == "LogisticRegression":
        return _linear(model, matrix, columns, outputs, chosen)
    return _network(model, matrix, columns, outputs, chosen) if name == "MLP" else None


def _behind_steps(model: Any, matrix: Matrix, columns: Sequence[str], outputs: int, seen: Any) -> Additive | None:
    """The last step's, where the others leave the columns apart: they impute and scale."""
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    from kreis.training.graph import single_score

    before, width = model[:-1], matrix.shape[1]
    plain = [f"x{place}" for place in range(width)]
    try:
        names = list(before.get_feature_names_out(plain))
    except (AttributeError, ValueError):
        return None
    if not set(names) <= set(plain) or not len(names):
        return None
    origins = tuple(plain.index(each) for each in names)
    given = before.transform(matrix).astype(np.float32)
    inner = estimator_sum(model[-1], given, [columns[each] for each in origins], outputs=outputs, seen=seen)
    if inner is None:
        return None
    types = [("X", FloatTensorType([None, width]))]
    graph = convert_sklearn(before, initial_types=types, target_opset={"": 17, "ai.onnx.ml": 3})
    front = single_score(graph, width, outputs=len(names), finite=True)
    origins = tuple(origins[each] for each in inner.origins)
    return replace(inner, origins=origins, features=width, fronts=(front, *inner.fronts))


def _forest(model: Any, columns: Sequence[str], outputs: int, chosen: Any) -> Additive | None:
    """Means of the shares of classes, or of numbers, in the leaves."""
    trees = [each.tree_ for each in getattr(model, "estimators_", [model])]
    classes = range(1, 2) if len(chosen) == 1 and hasattr(model, "classes_") else range(len(chosen))
    if trees[0].n_outputs != 1:
        return None
    nodes = []
    for tree in trees:
        said = tree.value[:, 0, :]
        if hasattr(model, "classes_"):
            said = said / said.sum(axis=1, keepdims=True)
        nodes += [(tree, said[:, each] / len(trees)) for each in classes]
    at = np.tile(chosen, len(trees))
    return _as_sum(nodes, at, columns, link="identity", offset=np.zeros(outputs))


def _boosted(model: Any, columns: Sequence[str], outputs: int, chosen: Any) -> Additive | None:
    link: Link = "identity"
    if hasattr(model, "classes_"):
        if model.loss != "log_loss":
            return None
        link = "sigmoid" if outputs == 1 else "softmax"
    start = model._raw_predict_init(np.zeros((1, model.n_features_in_), dtype=np.float32))[0]
    if model.estimators_.shape[1] != len(chosen):
        return None
    nodes = [(each.tree_, model.learning_rate * each.tree_.value[:, 0, 0]) for each in model.estimators_.ravel()]
    at = np.tile(chosen, len(model.estimators_))
    return _as_sum(nodes, at, columns, link=link, offset=_spread(start, outputs, chosen))


def _as_sum(
    nodes: Sequence[tuple[Any, Floats]], at: Any, columns: Sequence[str], *, link: Link, offset: Floats
) -> Additive | None:
    sizes = [tree.node_count for tree, _ in nodes]
    if sum(sizes) > MOST_NODES:
        return None

    def all_of(name: str) -> Any:
        return np.concatenate([getattr(tree, name) for tree, _ in nodes])

    left = all_of("children_left")
    trees = joined(
        sizes,
        left=left,
        right=all_of("children_right"),
        leaf=left < 0,
        column=all_of("feature"),
        threshold=float32_at_most(all_of("threshold")),
        missing_left=all_of("missing_go_to_left"),
        cover=all_of("weighted_n_node_samples"),
        value=np.concatenate([said for _, said in nodes]),
        outputs=at,
    )
    return Additive.of(trees, columns, link=link, offset=offset, outputs=len(offset), finite=True)


def _histogram(model: Any, columns: Sequence[str], outputs: int, chosen: Any) -> Additive | None:
    rounds = model._predictors
    nodes = [each.nodes for one in rounds for each in one]
    sizes = [len(each) for each in nodes]
    if sum(sizes) > MOST_NODES or len(rounds[0]) != len(chosen):
        return None
    found = np.concatenate(nodes)
    if found["is_categorical"].any():
        return None
    trees = joined(
        sizes,
        left=found["left"],
        right=found["right"],
        leaf=found["is_leaf"].astype(np.bool_),
        column=found["feature_idx"],
        threshold=float32_at_most(found["num_threshold"]),
        missing_left=found["missing_go_to_left"],
        cover=found["count"],
        value=found["value"],
        outputs=np.tile(chosen, len(rounds)),
    )
    link = _HISTOGRAM_LINKS.get(model.loss, "identity")
    offset = _spread(np.ravel(model._baseline_prediction), outputs, chosen)
    link = "softmax" if link == "sigmoid" and outputs > 1 else link
    return Additive.of(trees, columns, link=link, offset=offset, outputs=outputs, finite=True)


def _linear(model: Any, matrix: Matrix, columns: Sequence[str], outputs: int, chosen: Any) -> Additive | None:
    weights, start = np.atleast_2d(model.coef_).T, np.atleast_1d(model.intercept_)
    if weights.shape[1] != len(chosen) or np.isnan(matrix).any():
        return None
    wide, width = np.zeros((len(columns), outputs)), len(columns)
    wide[:, chosen] = weights
    means = matrix.mean(axis=0, dtype=np.float64)
    part = Weights(weights=wide, means=means, medians=means, flags=np.zeros_like(wide), absent=np.zeros(width))
    link: Link = "identity"
    if hasattr(model, "classes_"):
        link = "sigmoid" if outputs == 1 else "softmax"
    return Additive.of(part, columns, link=link, offset=_spread(start, outputs, chosen), outputs=outputs)


def _network(model: Any, matrix: Matrix, columns: Sequence[str], outputs: int, chosen: Any) -> Additive | None:
    link = _NETWORK_LINKS.get(model.out_activation_)
    if link is None or model.n_outputs_ != len(chosen) or np.isnan(matrix).any():
        return None
    bends = [_BENDS[model.activation]] if model.activation != "identity" else []
    means = matrix.mean(axis=0, dtype=np.float64)
    steps: list[Step] = [(np.ones(len(means)), means)]  # it takes columns as they are, not their distance from the mean
    for layer in zip(model.coefs_, model.intercepts_, strict=True):
        steps += [layer, *bends]
    part = chained(steps[: len(steps) - len(bends)], means=means)
    if part is None:
        return None
    part, offset = part.at_outputs(chosen.tolist(), outputs), _spread(0.0, outputs, chosen)
    return Additive.of(part, columns, link=link, offset=offset, outputs=outputs)


def _spread(start: Any, outputs: int, chosen: Any) -> Floats:
    """At the places of the classes that it saw; the others never are."""
    offset = np.full(outputs, NEVER)
    offset[chosen] = start
    return offset
