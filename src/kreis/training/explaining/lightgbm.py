"""The trees of a LightGBM Booster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kreis.models.explanations.additive import NEVER, Additive, Link
from kreis.models.explanations.trees import MOST_CELLS, MOST_NODES, Trees
from kreis.training.float32 import float32_at_most

__all__ = ["lightgbm_sum"]

_CATEGORICAL, _DEFAULT_LEFT, _MISSING = 1, 2, 12
_ZERO_IS_MISSING = 4
"""Bits of `decision_type` (LightGBM, include/LightGBM/tree.h)."""

_LINKS: dict[str, Link] = {
    "binary": "sigmoid",
    "cross_entropy": "sigmoid",
    "multiclass": "softmax",
    "poisson": "exp",
    "tweedie": "exp",
    "gamma": "exp",
}
_AS_IT_IS = ("regression", "regression_l1", "quantile", "huber", "fair", "mape", "lambdarank", "rank_xendcg")


def lightgbm_sum(
    booster: Any, columns: Sequence[str], *, outputs: int = 1, places: Sequence[int] | None = None, finite: bool = False
) -> Additive | None:
    """Its trees as a sum; None where what it says is none that is known here.

    Args:
        booster: As LightGBM gives it.
        columns: The names of what it reads.
        outputs: How many numbers a row is given.
        places: Of several, where each of the booster's own stands.
        finite: Whether an infinite value counts as missing.
    """
    head, *blocks = booster.model_to_string().split("\nTree=")
    said = dict(line.partition("=")[::2] for line in head.splitlines())
    objective, *options = said.get("objective", "").split(" ")
    link = _LINKS.get(objective, "identity" if objective in _AS_IT_IS else None)
    if (
        link is None
        or "sqrt" in options
        or any(each.startswith("sigmoid:") and each != "sigmoid:1" for each in options)
    ):
        return None
    found = [dict(line.partition("=")[::2] for line in block.splitlines()) for block in blocks]
    if any(int(tree.get("is_linear", "0")) for tree in found) or not found:
        return None
    if sum(2 * int(tree["num_leaves"]) for tree in found) > MOST_NODES:
        return None
    each_round = int(said.get("num_tree_per_iteration", "1"))
    trees = _trees(found, each_round, places)
    if trees is None:
        return None
    if trees.cells > MOST_CELLS:
        return None
    offset = np.where(np.isin(np.arange(outputs), range(outputs) if places is None else places), 0.0, NEVER)
    additive = Additive.of(trees, columns, link=link, offset=offset, outputs=outputs, finite=finite)
    return additive.times(each_round / len(found)) if "average_output" in said else additive


def _trees(found: list[dict[str, str]], each_round: int, places: Sequence[int] | None) -> Trees | None:
    parts: dict[str, list[Any]] = {}
    sets: list[np.ndarray[Any, np.dtype[np.int32]]] = []
    roots, begin = [], 0
    for tree in found:
        leaves = int(tree["num_leaves"])
        part = _nodes(tree, leaves, begin, sets)
        if part is None:
            return None
        for name, values in part.items():
            parts.setdefault(name, []).append(values)
        roots.append(begin)
        begin += 2 * leaves - 1
    whole = {name: np.concatenate(values) for name, values in parts.items()}
    outputs = np.arange(len(found)) % each_round
    return Trees.of(**whole, roots=roots, outputs=outputs if places is None else np.asarray(places)[outputs], sets=sets)


def _nodes(
    tree: dict[str, str], leaves: int, begin: int, sets: list[np.ndarray[Any, np.dtype[np.int32]]]
) -> dict[str, Any] | None:
    """One tree's inner nodes, then its leaves; None where 0 counts as missing."""

    def numbers(name: str, kind: Any) -> Any:
        return np.array(tree.get(name, "").split(), dtype=kind)

    inner = leaves - 1
    decision, threshold = numbers("decision_type", np.int64), numbers("threshold", np.float64)
    if ((decision & _MISSING) == _ZERO_IS_MISSING).any():
        return None
    categorical = (decision & _CATEGORICAL) > 0
    as_zero = (decision & _MISSING) == 0
    missing_left = np.where(as_zero, threshold >= 0, (decision & _DEFAULT_LEFT) > 0) & ~categorical
    category = np.full(2 * leaves - 1, -1)
    if categorical.any():
        bounds, words = numbers("cat_boundaries", np.int64), numbers("cat_threshold", np.uint32)
        which = threshold[categorical].astype(np.intp)
        category[:inner][categorical] = len(sets) + np.arange(len(which))
        sets += [_codes(words[bounds[each] : bounds[each + 1]]) for each in which]

    def children(name: str) -> Any:
        given = numbers(name, np.int64)
        return begin + np.where(given < 0, inner + ~given, given)

    none = np.zeros(leaves)
    count = numbers("leaf_count", np.float64) if leaves > 1 else np.ones(1)
    return {
        "left": np.concatenate([children("left_child"), none]),
        "right": np.concatenate([children("right_child"), none]),
        "column": np.concatenate([numbers("split_feature", np.int64), none - 1]),
        "threshold": np.concatenate([float32_at_most(threshold), none]),
        "missing_left": np.concatenate([missing_left, none]),
        "cover": np.concatenate([numbers("internal_count", np.float64), count]),
        "value": np.concatenate([np.zeros(inner), numbers("leaf_value", np.float64)]),
        "category": category,
    }


def _codes(words: np.ndarray[Any, np.dtype[np.uint32]]) -> np.ndarray[Any, np.dtype[np.int32]]:
    """The places of the bits that are set."""
    return np.flatnonzero(np.unpackbits(words.view(np.uint8), bitorder="little")).astype(np.int32)
