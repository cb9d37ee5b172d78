"""Contributions of features to what trees say."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import combinations
from math import comb
from typing import Any

import lightgbm
import numpy as np
import pytest
import xgboost

from kreis.models.explanations import tree_shap
from kreis.models.explanations.explainer import Explainer
from kreis.models.explanations.tree_shap import TreeShap
from kreis.models.explanations.trees import Trees
from kreis.training.explaining.lightgbm import lightgbm_sum
from kreis.training.explaining.xgboost import xgboost_sum

COLUMNS = tuple("abcdefgh")
OBJECTIVES = ("binary", "regression", "regression_l1", "quantile", "poisson", "tweedie", "lambdarank")


def rows(count: int = 3_000, *, missing: float = 0.06, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Eight columns, of which the first two are codes of categories; a number that follows from some of them."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(count, len(COLUMNS))).astype(np.float32)
    matrix[:, 0], matrix[:, 1] = rng.integers(0, 40, count), rng.integers(0, 9, count)
    target = matrix[:, 2] + matrix[:, 3] * matrix[:, 4] + np.isin(matrix[:, 0], [1, 5, 9, 33]) + rng.normal(size=count)
    matrix[rng.random(matrix.shape) < missing] = np.nan
    return matrix, target


def boosted(objective: str, *, categories: bool = False, missing: float = 0.06, **settings):
    matrix, target = rows(missing=missing)
    labels = {
        "binary": target > 0,
        "poisson": np.round(np.exp(target / 2)),
        "tweedie": np.maximum(target, 0),
        "lambdarank": np.clip(np.round(target), 0, 4),
        "multiclass": np.digitize(target, [-1, 1]),
    }.get(objective, target)
    group = [30] * (len(matrix) // 30) if objective == "lambdarank" else None
    data = lightgbm.Dataset(matrix, labels, group=group, categorical_feature=[0, 1] if categories else [])
    given = {"objective": objective, "num_leaves": 15, "verbosity": -1, "num_threads": 1, **settings}
    return lightgbm.train(given, data, 30), matrix


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_contributions_are_lightgbms_own(objective: str) -> None:
    booster, matrix = boosted(objective)
    explainer = Explainer(lightgbm_sum(booster, COLUMNS))
    found, own = explainer.explain(matrix[:300]), booster.predict(matrix[:300], pred_contrib=True)
    np.testing.assert_allclose(found.features[:, 0], own[:, :-1], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.base[:, 0], own[:, -1], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.margin[:, 0], booster.predict(matrix[:300], raw_score=True), rtol=0, atol=1e-9)


@pytest.mark.parametrize("missing", [0.0, 0.06], ids=["none missing", "some missing"])
def test_categories_that_trees_split_themselves(missing: float) -> None:
    booster, matrix = boosted("binary", categories=True, missing=missing, min_data_per_group=5, cat_smooth=1)
    assert "cat_threshold" in booster.model_to_string()
    strange = matrix[:200].copy()
    strange[:50, 0], strange[50:60, 1], strange[60:70, 0] = 77, np.nan, -3  # never seen, missing, none at all
    found = Explainer(lightgbm_sum(booster, COLUMNS)).explain(strange)
    np.testing.assert_allclose(
        found.features[:, 0], booster.predict(strange, pred_contrib=True)[:, :-1], rtol=0, atol=1e-9
    )


def test_each_class_has_its_own() -> None:
    booster, matrix = boosted("multiclass", num_class=3)
    found = Explainer(lightgbm_sum(booster, COLUMNS, outputs=3)).explain(matrix[:100])
    own = booster.predict(matrix[:100], pred_contrib=True).reshape(100, 3, -1)
    np.testing.assert_allclose(found.features, own[:, :, :-1], rtol=0, atol=1e-9)


def test_values_that_the_training_rows_did_not_have() -> None:
    """Where no training row was missing, LightGBM takes a missing value for 0; infinite ones lie beyond all splits."""
    booster, matrix = boosted("regression", missing=0.0)
    strange = matrix[:30].copy()
    strange[:10, 2], strange[10:20, 3], strange[20:, 4] = np.nan, np.inf, -np.inf
    found = Explainer(lightgbm_sum(booster, COLUMNS)).explain(strange)
    np.testing.assert_allclose(found.margin[:, 0], booster.predict(strange), rtol=0, atol=1e-9)


@pytest.mark.parametrize("objective", ["binary:logistic", "reg:squarederror", "count:poisson"])
def test_contributions_are_xgboosts_own_as_far_as_its_float32_goes(objective: str) -> None:
    matrix, target = rows()
    label = {"binary:logistic": target > 0, "count:poisson": np.round(np.exp(target / 2))}.get(objective, target)
    settings = {"objective": objective, "max_leaves": 15, "max_depth": 0, "grow_policy": "lossguide", "nthread": 1}
    booster = xgboost.train(settings, xgboost.DMatrix(matrix, label), 30)
    found = Explainer(xgboost_sum(booster, COLUMNS)).explain(matrix[:300])
    own = booster.predict(xgboost.DMatrix(matrix[:300]), pred_contribs=True)
    np.testing.assert_allclose(found.features[:, 0], own[:, :-1], rtol=0, atol=5e-6)
    np.testing.assert_allclose(found.base[:, 0], own[:, -1], rtol=0, atol=5e-6)


def test_contributions_are_shapley_values_by_their_definition() -> None:
    """Every set of features is asked, of trees that ask for a feature more than once on a path."""
    booster, matrix = boosted("regression", num_leaves=31)
    trees = lightgbm_sum(booster, COLUMNS).parts[0]
    assert isinstance(trees, Trees)
    row = matrix[7]

    def worth(known: frozenset[int]) -> float:
        """Algorithm 1 of Lundberg et al. 2020, without haste."""

        def at(node: int) -> float:
            column = trees.column[node]
            if column < 0:
                return float(trees.value[node])
            left, right = node + 1, int(trees.right[node])
            if column in known:
                goes = trees.missing_left[node] if np.isnan(row[column]) else row[column] <= trees.threshold[node]
                return at(left if goes else right)
            return float((trees.cover[left] * at(left) + trees.cover[right] * at(right)) / trees.cover[node])

        return sum(at(int(root)) for root in trees.roots)

    base, parts = shapley(worth, len(COLUMNS))
    found = TreeShap(trees, columns=len(COLUMNS), outputs=1)
    assert found.contributions(row[None, :])[0, 0] == pytest.approx(parts, abs=1e-9)
    assert found.base[0] == pytest.approx(base, abs=1e-9)


def shapley(worth: Callable[[frozenset[int]], float], width: int) -> tuple[float, list[float]]:
    """What nobody is worth, and each one's Shapley value, by asking all sets."""
    sets = [frozenset(each) for size in range(width + 1) for each in combinations(range(width), size)]
    worths = {each: worth(each) for each in sets}
    values = [
        sum(
            (worths[each | {one}] - worths[each]) / comb(width - 1, len(each)) / width
            for each in sets
            if one not in each
        )
        for one in range(width)
    ]
    return worths[frozenset()], values


@pytest.mark.parametrize("objective", ["binary:logistic", "count:poisson"])
def test_contributions_of_xgboost_are_shapley_values_of_what_it_dumps(objective: str) -> None:
    """XGBoost's own contributions are float32. Here all sets of columns are asked, in float64, of the trees as XGBoost
    itself writes them down, with codes of categories, missing values, and codes that no training row had.
    """
    matrix, target = rows(600, missing=0.1)
    label = target > 0 if objective == "binary:logistic" else np.round(np.exp(target / 2))
    settings = {"objective": objective, "max_depth": 4, "base_score": 0.3, "nthread": 1}
    booster = xgboost.train(settings, xgboost.DMatrix(matrix, label), 8)
    dumped = [json.loads(each) for each in booster.get_dump(dump_format="json", with_stats=True)]
    start = np.log(0.3) - (np.log(0.7) if objective == "binary:logistic" else 0.0)

    def at(node: dict[str, Any], row: np.ndarray, known: frozenset[int]) -> float:
        if "leaf" in node:
            return float(np.float32(node["leaf"]))
        children = {each["nodeid"]: each for each in node["children"]}
        column = int(node["split"].removeprefix("f"))
        if column in known:
            side = "yes" if row[column] < np.float32(node["split_condition"]) else "no"
            return at(children[node["missing" if np.isnan(row[column]) else side]], row, known)
        covers = [float(np.float32(each["cover"])) for each in children.values()]
        said = [at(each, row, known) for each in children.values()]
        return float(np.dot(covers, said)) / float(np.float32(node["cover"]))

    asked = matrix[:4].copy()
    asked[0, 0], asked[1, 2:5], asked[2, 1] = 77, np.nan, np.nan
    found = Explainer(xgboost_sum(booster, COLUMNS)).explain(asked)
    assert np.abs(found.features[:, 0, :3]).min(axis=0).max() > 0
    for row, adds, stands in zip(asked, found.features[:, 0], found.base[:, 0], strict=True):
        base, parts = shapley(lambda known, row=row: sum(at(tree, row, known) for tree in dumped), len(COLUMNS))
        assert adds == pytest.approx(parts, abs=1e-9)
        assert stands == pytest.approx(base + start, abs=1e-7)  # the model holds 0.3 as float32


def test_a_row_is_explained_alike_alone_and_in_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    booster, matrix = boosted("binary", categories=True)
    trees = lightgbm_sum(booster, COLUMNS).parts[0]
    shap = TreeShap(trees, columns=len(COLUMNS), outputs=1)
    together = shap.contributions(matrix[:70])
    monkeypatch.setattr(tree_shap, "AT_ONCE", 10_000)  # few rows at a time
    np.testing.assert_allclose(shap.contributions(matrix[:70]), together, rtol=0, atol=1e-12)
    alone = np.concatenate([shap.contributions(matrix[place : place + 1]) for place in range(70)])
    np.testing.assert_allclose(alone, together, rtol=0, atol=1e-12)
    assert shap.contributions(matrix[:0]).shape == (0, 1, len(COLUMNS))


def test_trees_that_ask_nothing_say_their_value() -> None:
    trees = Trees.of(
        left=[0],
        right=[0],
        column=[-1],
        threshold=[0],
        missing_left=[0],
        cover=[5],
        value=[2.5],
        roots=[0],
        outputs=[0],
    )
    shap = TreeShap(trees, columns=2, outputs=1)
    assert shap.base.tolist() == [2.5]
    assert shap.contributions(np.zeros((3, 2), dtype=np.float32)).tolist() == [[[0.0, 0.0]]] * 3


def test_what_is_no_plain_sum_of_trees_is_left_out() -> None:
    matrix, target = rows(600)
    linear = {"objective": "regression", "linear_tree": True, "verbosity": -1}
    assert lightgbm_sum(lightgbm.train(linear, lightgbm.Dataset(matrix, target), 3), COLUMNS) is None
    steep = {"objective": "binary", "sigmoid": 2.0, "verbosity": -1}
    assert lightgbm_sum(lightgbm.train(steep, lightgbm.Dataset(matrix, target > 0), 3), COLUMNS) is None
    zeros = {"objective": "regression", "zero_as_missing": True, "verbosity": -1}
    assert lightgbm_sum(lightgbm.train(zeros, lightgbm.Dataset(matrix, target), 3), COLUMNS) is None
    lines = {"objective": "reg:squarederror", "booster": "gblinear"}
    assert xgboost_sum(xgboost.train(lines, xgboost.DMatrix(matrix, target), 3), COLUMNS) is None


@pytest.mark.parametrize("categories", [False, True], ids=["numbers", "categories"])
def test_trees_are_computed_in_parts_that_a_cache_holds(categories: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    booster, matrix = boosted("multiclass", num_class=3, categories=categories)
    trees = lightgbm_sum(booster, COLUMNS, outputs=3).parts[0]
    whole = TreeShap(trees, columns=len(COLUMNS), outputs=3)
    monkeypatch.setattr(tree_shap, "BLOCK", 1_000)
    parts = TreeShap(trees, columns=len(COLUMNS), outputs=3)
    assert len(parts._blocks) > 5
    np.testing.assert_allclose(parts.contributions(matrix[:50]), whole.contributions(matrix[:50]), rtol=0, atol=1e-12)
    np.testing.assert_allclose(parts.base, whole.base, rtol=0, atol=1e-12)
