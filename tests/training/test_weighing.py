"""Weights and samples by class: what they do to probabilities is undone, in the model."""

from __future__ import annotations

import numpy as np
import pytest

from kreis.errors import ProjectError
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.tasks.multiclass.cost_matrix import CostMatrix
from kreis.tasks.outcomes import class_number
from kreis.tasks.regression.error_cost import ErrorCost
from kreis.training.candidates.estimator import Estimator
from kreis.training.candidates.gradient_boosting import GradientBoosting
from kreis.training.candidates.linear import Linear
from kreis.training.candidates.logistic import Logistic
from kreis.training.candidates.mean import Mean
from kreis.training.candidates.robust_z_score import RobustZScore
from kreis.training.data import TrainingData
from kreis.training.preprocessing import Preprocessing, fit_candidate
from kreis.training.weighing import undone, weigh

TASK = DecisionValue("EUR", true_positive=2, false_positive=-1).task
NAMES = ("rare", "usual", "middling")
CLASSES = CostMatrix("EUR", NAMES).task
NUMBERS = ErrorCost("EUR", over=1, under=1).task


def rows(outcomes: np.ndarray, matrix: np.ndarray, weights: np.ndarray | None = None) -> TrainingData:
    times = np.arange(len(outcomes), dtype=np.int64)
    return TrainingData(
        features=("a", "b"),
        matrix=matrix.astype(np.float32),
        outcomes=outcomes.astype(float),
        time=times,
        known_at=times,
        weights=weights,
    )


def of_yes(count: int = 8_000) -> TrainingData:
    """About one in twenty is a yes."""
    rng = np.random.default_rng(4)
    matrix = rng.normal(size=(count, 2))
    return rows(rng.random(count) < 1 / (1 + np.exp(3.6 - 1.2 * matrix[:, 0])), matrix)


def of_classes(count: int = 8_000) -> TrainingData:
    rng = np.random.default_rng(4)
    matrix = rng.normal(size=(count, 2))
    logits = np.stack([matrix[:, 0] - 2.5, 0 * matrix[:, 0], 0.5 * matrix[:, 1] - 1], axis=1)
    chosen = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    return rows(np.array([class_number(name) for name in NAMES])[chosen], matrix)


def candidates() -> dict[str, object]:
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return {
        "logistic": Logistic(),
        "boosting": GradientBoosting(trees=60, leaves=7),
        "a pipeline": Estimator(make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression())),
    }


@pytest.mark.parametrize(
    "said",
    [
        Preprocessing(class_weight="balanced"),
        Preprocessing(class_weight={True: 12}),
        Preprocessing(sample={False: 0.1}),
        Preprocessing(sample={False: 0.3}, class_weight={True: 4.0, False: 2.0}),
    ],
    ids=lambda said: str(said.parameters),
)
@pytest.mark.parametrize("name", candidates())
def test_the_mean_score_is_the_base_rate(name, said):
    given, candidate = of_yes(), candidates()[name]
    fitted = fit_candidate(candidate, given, TASK, seed=1, threads=1, preprocessing=said)
    base = given.outcomes.mean()
    assert fitted.scorer().score(given.matrix).mean() == pytest.approx(base, abs=0.006)
    plain = fit_candidate(candidate, given, TASK, seed=1, threads=1)
    assert fitted.form != plain.form
    assert np.corrcoef(fitted.scorer().score(given.matrix), plain.scorer().score(given.matrix))[0, 1] > 0.9


def test_without_the_correction_it_would_not_be():
    given = of_yes()
    weighing = weigh(TASK.labels(given.outcomes), (), weights=None, class_weight="balanced", sample=None, seed=1)
    learned = Logistic().fit(
        given.matrix, given.outcomes > 0, given.features, loss=TASK.loss, seed=1, threads=1, weights=weighing.weights
    )
    scores = learned.scorer().score(given.matrix)
    assert scores.mean() > 0.3 > 0.1 > given.outcomes.mean()
    assert weighing.factors is not None
    assert undone(scores, weighing.factors).mean() == pytest.approx(given.outcomes.mean(), abs=0.006)


@pytest.mark.parametrize(
    "said", [{"class_weight": "balanced"}, {"class_weight": {"rare": 9}}, {"sample": {"usual": 0.2}}]
)
@pytest.mark.parametrize("name", ["logistic", "boosting"])
def test_mean_probabilities_of_classes_are_their_frequencies(name, said):
    given = of_classes()
    preprocessing = Preprocessing(**said)
    fitted = fit_candidate(candidates()[name], given, CLASSES, seed=1, threads=1, preprocessing=preprocessing)
    scores = fitted.scorer().score(given.matrix)
    frequencies = np.bincount(CLASSES.labels(given.outcomes), minlength=3) / len(given)
    assert np.allclose(scores.sum(axis=1), 1, atol=1e-5)
    assert np.abs(scores.mean(axis=0) - frequencies).max() < 0.02


def test_rows_weigh_as_they_say_and_nothing_is_undone():
    """Of two alike groups one says yes and weighs nine times as much: the population is what the weights say."""
    matrix, yes = np.tile([[0.0, 1.0], [1.0, 0.0]], (600, 1)), np.repeat([True, False], 600)
    given = rows(yes, matrix, np.where(yes, 9.0, 1.0))
    for candidate in (Logistic(), GradientBoosting(trees=100), Mean(), Estimator(_tree())):
        scores = fit_candidate(candidate, given, TASK, seed=1, threads=1).scorer().score(given.matrix)
        assert np.allclose(scores, 0.9, atol=0.02), candidate
    found = fit_candidate(Linear(), given, NUMBERS, seed=1, threads=1).scorer().score(given.matrix)
    assert np.allclose(found, 0.9, atol=0.01)


def _tree() -> object:
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.tree import DecisionTreeClassifier

    return make_pipeline(SimpleImputer(), DecisionTreeClassifier(max_depth=2))


def test_texts_and_categories_go_with_their_rows():
    given = of_yes(2_000)
    words = np.where(given.outcomes[:, None] > 0, "fraud", "fine").astype(object)
    given = TrainingData(
        features=given.features,
        matrix=given.matrix,
        outcomes=given.outcomes,
        time=given.time,
        known_at=given.known_at,
        texts=words,
        text_fields={"b": "b"},
    )
    said = Preprocessing(sample={False: 0.2}, class_weight="balanced")
    scores = fit_candidate(Logistic(), given, TASK, seed=1, threads=1, preprocessing=said).scorer()
    found = scores.score(given.matrix, given.texts)
    assert found[given.outcomes > 0].min() > found[given.outcomes == 0].max()


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"class_weight": {True: 0}}, "not a number above 0"),
        ({"class_weight": {}}, "says nothing"),
        ({"class_weight": "even"}, "says nothing"),
        ({"sample": {False: 1.5}}, "above 0 and at most 1"),
        ({"sample": "balanced"}, "says nothing"),
    ],
)
def test_what_cannot_be_a_weight_is_refused_when_declared(said, says):
    with pytest.raises(ProjectError, match=says):
        Preprocessing(**said)


def test_outcomes_that_are_no_classes_and_candidates_that_weigh_nothing_are_refused():
    given = of_yes(400)
    balanced = Preprocessing(class_weight="balanced")
    with pytest.raises(ProjectError, match="are no classes"):
        fit_candidate(Linear(), given, NUMBERS, seed=1, threads=1, preprocessing=balanced)
    with pytest.raises(ProjectError, match="unknown outcome 'maybe'"):
        fit_candidate(
            Logistic(), given, TASK, seed=1, threads=1, preprocessing=Preprocessing(class_weight={"maybe": 2})
        )
    with pytest.raises(ProjectError, match="does not weigh rows"):
        fit_candidate(RobustZScore(), given, TASK, seed=1, threads=1, preprocessing=balanced)
    with pytest.raises(ProjectError, match="the same for all rows"):
        balanced.check(Mean(), ["a"], (), ())


@pytest.mark.parametrize(
    ("candidate", "task", "said", "says"),
    [
        (Logistic(), TASK, {"class_weight": {"maybe": 2}}, "unknown outcome 'maybe'"),
        (Logistic(), CLASSES, {"sample": {"usal": 0.5}}, "did you mean 'usual'"),
        (Linear(), NUMBERS, {"class_weight": "balanced"}, "are no classes"),
        (RobustZScore(), TASK, {"class_weight": "balanced"}, "does not weigh rows"),
    ],
)
def test_what_does_not_fit_the_goal_is_refused_when_declared(candidate, task, said, says):
    with pytest.raises(ProjectError, match=says):
        Preprocessing(**said).check_outcomes(candidate, task)
    Preprocessing(class_weight="balanced", sample={True: 0.5}).check_outcomes(Logistic(), TASK)
    Preprocessing(class_weight={"rare": 2}).check_outcomes(Logistic(), CLASSES)


def test_an_estimator_that_takes_no_weights_says_so():
    from sklearn.neighbors import KNeighborsClassifier

    weighed = rows(of_yes(400).outcomes, of_yes(400).matrix, np.ones(400))
    with pytest.raises(ProjectError, match="KNeighborsClassifier does not weigh rows"):
        fit_candidate(Estimator(KNeighborsClassifier()), weighed, TASK, seed=1, threads=1)
