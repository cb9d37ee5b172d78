"""The trees of an XGBoost Booster."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from kreis.arrays import Floats
from kreis.models.explanations.additive import NEVER, Additive, Link
from kreis.models.explanations.trees import MOST_NODES, Trees
from kreis.training.explaining.joined import joined

__all__ = ["xgboost_sum"]

_LINKS: dict[str, Link] = {
    "binary:logistic": "sigmoid",
    "reg:logistic": "sigmoid",
    "multi:softprob": "softmax",
    "count:poisson": "exp",
    "reg:tweedie": "exp",
    "reg:gamma": "exp",
    "reg:squarederror": "identity",
    "reg:absoluteerror": "identity",
    "reg:quantileerror": "identity",
    "reg:pseudohubererror": "identity",
    "rank:ndcg": "identity",
    "rank:pairwise": "identity",
    "rank:map": "identity",
}


def xgboost_sum(
    booster: Any, columns: Sequence[str], *, outputs: int = 1, places: Sequence[int] | None = None
) -> Additive | None:
    """Its trees as a sum; None where what it says is none that is known here.

    Args:
        booster: As XGBoost gives it.
        columns: The names of what it reads.
        outputs: How many numbers a row is given.
        places: Of several, where each of the booster's own stands.
    """
    learner = json.loads(booster.save_raw("json"))["learner"]
    link = _LINKS.get(learner["objective"]["name"])
    if link is None or learner["gradient_booster"]["name"] != "gbtree":
        return None
    model = learner["gradient_booster"]["model"]
    found: list[dict[str, Any]] = model["trees"]
    if not found or sum(len(tree["split_indices"]) for tree in found) > MOST_NODES:
        return None
    if any(any(tree["split_type"]) or tree["tree_param"]["size_leaf_vector"] not in ("0", "1") for tree in found):
        return None  # it splits categories by itself, or a leaf says several numbers
    at = np.array(model["tree_info"])
    own = np.atleast_1d(np.array(json.loads(learner["learner_model_param"]["base_score"]), dtype=np.float64))
    base = _margin(own, link)
    offset = np.full(outputs, NEVER)
    chosen = np.arange(outputs) if places is None else np.asarray(places)
    offset[chosen] = base
    return Additive.of(_trees(found, chosen[at]), columns, link=link, offset=offset, outputs=outputs, finite=True)


def _margin(score: Floats, link: Link) -> Floats:
    if link == "sigmoid":
        odds: Floats = np.log(score) - np.log1p(-score)
        return odds
    return np.log(score) if link == "exp" else score


def _trees(found: Sequence[dict[str, Any]], outputs: Any) -> Trees:
    def all_of(name: str, kind: Any) -> Any:
        return np.concatenate([np.array(tree[name], dtype=kind) for tree in found])

    left, said = all_of("left_children", np.int64), all_of("split_conditions", np.float32)
    return joined(
        [len(tree["split_indices"]) for tree in found],
        left=left,
        right=all_of("right_children", np.int64),
        leaf=left < 0,
        column=all_of("split_indices", np.int64),
        threshold=np.nextafter(said, np.float32(-np.inf)),  # it goes left below the condition, not at it
        missing_left=all_of("default_left", np.bool_),
        cover=all_of("sum_hessian", np.float32),
        value=said.astype(np.float64),
        outputs=outputs,
    )
