"""What is kept of a trained candidate adds up to its score, whatever stands before and behind the model."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier, GradientBoostingClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from kreis.expressions.tree import Column
from kreis.models.explanations.additive import Additive
from kreis.models.explanations.explainer import Explainer, linked
from kreis.tasks.task import Loss
from kreis.training.candidates.differenced import Differenced
from kreis.training.candidates.estimator import Estimator
from kreis.training.candidates.gradient_boosting import GradientBoosting
from kreis.training.candidates.linear import Linear
from kreis.training.candidates.logistic import Logistic
from kreis.training.candidates.xgboost import XGBoost
from kreis.training.encoders.encoded import EncodedFeatures
from kreis.training.encoders.encoder import Column as Given
from kreis.training.encoders.native import Native
from kreis.training.encoders.one_hot import OneHot
from kreis.training.encoders.target_mean import TargetMean
from kreis.training.encoders.targets import Targets
from kreis.training.encoders.tf_idf import TfIdf
from kreis.training.explaining.chain import chained
from kreis.training.several import fit_outputs

FEATURES = ("size", "kind", "age")
LABELS = Loss("log", outputs=3)
BENDS = ("identity", "logistic", "tanh", "relu")
QUANTILES = Loss("quantile", 0.5, outputs=3, levels=(0.1, 0.5, 0.9))


def rows(count: int = 600) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    matrix = rng.normal(size=(count, 3)).astype(np.float32)
    matrix[:, 1] = rng.integers(0, 6, count)
    number = matrix[:, 0] * (1 + (matrix[:, 1] == 2)) + matrix[:, 2] + 0.5 * rng.normal(size=count)
    matrix[rng.random(count) < 0.05, 2] = np.nan
    return matrix, number


def off(fitted, matrix, texts=None) -> float:
    """How far the link of the sum is from the score, over the score's size."""
    explainer = Explainer(Additive.from_bytes(fitted.additive.to_bytes()))
    found = explainer.explain(matrix, texts)
    np.testing.assert_allclose(found.features.sum(axis=2), found.columns.sum(axis=2), atol=1e-9)
    said = linked(found.margin, explainer.link)
    scores = fitted.scorer().score(matrix, texts).reshape(said.shape)
    return float(np.abs(said - scores).max() / max(1.0, np.abs(scores).max()))


@pytest.mark.parametrize(
    "candidate",
    [GradientBoosting(trees=20, leaves=7), XGBoost(trees=20, leaves=7), Linear()],
    ids=lambda c: type(c).__name__,
)
@pytest.mark.parametrize("loss", [Loss("squared"), QUANTILES], ids=["a number", "quantiles"])
def test_numbers(candidate, loss) -> None:
    matrix, number = rows()
    assert off(fit_outputs(candidate, matrix, number, FEATURES, loss=loss, seed=1, threads=1), matrix) < 1e-6


@pytest.mark.parametrize(
    "candidate", [GradientBoosting(trees=20, leaves=7), Logistic()], ids=lambda c: type(c).__name__
)
def test_labels_of_which_one_is_never_carried(candidate) -> None:
    matrix, number = rows()
    labels = np.stack([number > 0, np.zeros(len(number), dtype=bool), number > 1], axis=1)
    fitted = fit_outputs(candidate, matrix, labels, FEATURES, loss=LABELS, seed=1, threads=1)
    assert off(fitted, matrix) < 1e-6


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize(
    "estimator",
    [
        ExtraTreesClassifier(10, max_depth=5),
        GradientBoostingClassifier(n_estimators=10),
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(StandardScaler(), MLPClassifier((8, 8), max_iter=20)),
    ],
    ids=lambda each: type(each).__name__,
)
def test_classes_of_which_one_is_never_seen(estimator) -> None:
    matrix, number = rows()
    classes = np.array([0, 1, 3])[np.digitize(number, [-1, 1])]
    candidate = Estimator(make_pipeline(SimpleImputer(), estimator))
    fitted = candidate.fit(matrix, classes, FEATURES, loss=Loss("softmax", outputs=4), seed=1, threads=1)
    assert off(fitted, matrix) < 1e-6


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestRegressor(10, max_depth=5),
        Ridge(),
        *(MLPRegressor(hidden_layer_sizes=(8, 8), activation=each, max_iter=20) for each in BENDS),
    ],
    ids=lambda e: f"{type(e).__name__}-{getattr(e, 'activation', '')}",
)
def test_estimators_of_numbers(estimator) -> None:
    matrix, number = rows()
    fitted = Estimator(make_pipeline(SimpleImputer(), estimator)).fit(
        matrix, number, FEATURES, loss=Loss("squared"), seed=1, threads=1
    )
    assert off(fitted, matrix) < 1e-6


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_a_network_of_yes_and_no_with_weights_undone_and_a_temperature() -> None:
    matrix, number = rows()
    candidate = Estimator(make_pipeline(SimpleImputer(), MLPClassifier((8,), max_iter=20)))
    fitted = candidate.fit(matrix, number > 0, FEATURES, loss=Loss("log"), seed=1, threads=1)
    assert off(fitted, matrix) < 1e-6
    found = Explainer(fitted.additive).explain(matrix[:50])
    assert found.left == 0.0
    assert found.base + found.features.sum(axis=2) == pytest.approx(found.margin, abs=1e-12)


def test_a_network_that_is_too_large_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [(np.ones((4, 30)), np.zeros(30)), "relu", (np.ones((30, 1)), np.zeros(1))]
    assert chained(steps, means=np.zeros(4)) is not None
    monkeypatch.setattr("kreis.training.explaining.chain.MOST_WEIGHTS", 149)
    assert chained(steps, means=np.zeros(4)) is None


def test_affine_steps_between_two_bends_are_one_layer() -> None:
    by_itself = (np.array([2.0, 3.0]), np.array([1.0, 0.0]))
    both = (np.array([[1.0, 0.0], [1.0, -1.0]]), np.array([0.0, 5.0]))
    made = chained([by_itself, both, by_itself, "relu", "tanh", by_itself, by_itself], means=np.zeros(2))
    rows = np.array([[0.5, -1.0], [3.0, 2.0]], dtype=np.float32)

    def each(held):
        return held * by_itself[0] + by_itself[1]

    inner = np.tanh(np.maximum(each(each(rows) @ both[0] + both[1]), 0))
    assert made.bends == ("relu", "tanh")
    assert made.says(rows) == pytest.approx(each(each(inner)))


def test_a_difference_to_one_feature() -> None:
    matrix, number = rows()
    candidate = Differenced(GradientBoosting(trees=10, leaves=7), against=Column("age"))
    fitted = candidate.fit(matrix, number, FEATURES, loss=Loss("squared"), seed=1, threads=1)
    assert off(fitted, matrix) < 1e-6
    twice = Differenced(GradientBoosting(trees=10, leaves=7), against=candidate.expression)
    assert twice.fit(matrix, number, FEATURES, loss=Loss("squared"), seed=1, threads=1).additive is not None


def test_what_mixes_columns_or_is_no_sum_says_so() -> None:
    matrix, number = rows()
    for last in (GaussianNB(), make_pipeline(PolynomialFeatures(2), LogisticRegression())):
        candidate = Estimator(make_pipeline(SimpleImputer(), last))
        fitted = candidate.fit(matrix, number > 0, FEATURES, loss=Loss("log"), seed=1, threads=1)
        assert fitted.additive is None


@pytest.mark.parametrize("encoder", [OneHot(), TargetMean(), Native()], ids=lambda each: each.name)
def test_columns_go_back_to_the_feature_that_they_are_made_of(encoder) -> None:
    matrix, number = rows()
    texts = np.array([["a red house"], ["one blue boat"], ["no word"]], dtype=object)[np.arange(len(matrix)) % 3]
    targets = Targets(number)
    encodings = {
        "kind": encoder.fit(Given(numbers=matrix[:, 1]), targets, seed=1),
        "age": TfIdf(words=20).fit(Given(numbers=matrix[:, 2], texts=texts[:, 0]), targets, seed=1),
    }
    encoded = EncodedFeatures(FEATURES, encodings, ["age"])
    given = encoded.encode(matrix, texts)
    options = {"loss": Loss("squared"), "seed": 1, "threads": 1, "kinds": encoded.kinds}
    for candidate in (GradientBoosting(trees=10, leaves=7), Linear()):
        if encoder.name == "native" and isinstance(candidate, Linear):
            continue
        inner = candidate.fit(given, number, encoded.names, **options)
        whole = dataclasses.replace(inner, form=inner.form, features=FEATURES)
        from kreis.models.form import Onnx

        whole = whole.then(Onnx.of(encoded.in_front_of(inner.form.content)), encoded.explained)
        assert off(whole, matrix, texts) < 1e-6
        assert whole.additive.columns[-1].startswith("age has ")
        assert set(whole.additive.origins) == {0, 1, 2}
