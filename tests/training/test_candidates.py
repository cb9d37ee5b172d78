"""Every kind of candidate passes the suite that kreis ships, and what is particular to each."""

import warnings

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kreis.errors import ProjectError
from kreis.expressions.tree import Aggregate, Column
from kreis.models.scoring import OnnxScorer
from kreis.tasks.task import Loss
from kreis.training.candidates.differenced import Differenced
from kreis.training.candidates.estimator import Estimator
from kreis.training.candidates.gradient_boosting import (
    GradientBoosting,
    _float32_thresholds,
    booster_to_onnx,
)
from kreis.training.candidates.isolation_forest import IsolationForest
from kreis.training.candidates.kmeans import KMeans
from kreis.training.candidates.linear import Linear
from kreis.training.candidates.logistic import Logistic
from kreis.training.candidates.mean import Mean
from kreis.training.candidates.robust_z_score import RobustZScore
from kreis.training.candidates.rule import Rule
from kreis.training.candidates.xgboost import XGBoost
from kreis.training.declare import as_candidate, as_search
from kreis.training.fidelity import prove_same
from kreis.training.float32 import float32_at_most
from kreis.training.search import Integer, Real, Search
from kreis.training.testing import CHECKS, CLASSES, FEATURES, LOSS, NUMBERS, YES_NO, Asked, example_rows

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import lightgbm
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.ensemble import (
        AdaBoostClassifier,
        HistGradientBoostingClassifier,
        HistGradientBoostingRegressor,
        RandomForestClassifier,
        RandomForestRegressor,
    )
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
    from sklearn.naive_bayes import GaussianNB
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import KBinsDiscretizer, StandardScaler
    from sklearn.svm import LinearSVC


NO_XGBOOST = "the extra kreis[xgboost] is not installed"
BOOSTERS = pytest.mark.parametrize("booster", [GradientBoosting, XGBoost])


def imputed(model):
    return Estimator(make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), model))


def xgboost(kind, **parameters):
    """One of XGBoost's own estimators."""
    return getattr(pytest.importorskip("xgboost", reason=NO_XGBOOST), kind)(**parameters)


def boosted(kind, **parameters):
    """kreis's GradientBoosting or XGBoost; the latter where it is installed."""
    if kind is XGBoost:
        pytest.importorskip("xgboost", reason=NO_XGBOOST)
    return kind(**parameters)


KINDS = {
    "rule": lambda: Rule(Column("a")),
    "logistic": Logistic,
    "logistic without indicators": lambda: Logistic(indicators=False),
    "gradient boosting": lambda: GradientBoosting(trees=20, leaves=7),
    "XGBoost": lambda: boosted(XGBoost, trees=20, leaves=7),
    "XGBoost of parts": lambda: boosted(XGBoost, trees=10, column_share=0.7, row_share=0.7),
    "gradient boosting of parts": lambda: GradientBoosting(trees=10, column_share=0.7, row_share=0.7),
    "LGBMClassifier": lambda: Estimator(lightgbm.LGBMClassifier(n_estimators=10)),
    "XGBClassifier": lambda: Estimator(xgboost("XGBClassifier", n_estimators=10)),
    "LGBMClassifier in a pipeline": lambda: imputed(lightgbm.LGBMClassifier(n_estimators=5, verbosity=-1)),
    "random forest": lambda: imputed(RandomForestClassifier(10, max_depth=4)),
    "scaled logistic regression": lambda: imputed(make_pipeline(StandardScaler(), LogisticRegression())),
    "naive Bayes": lambda: imputed(GaussianNB()),
    "histogram trees": lambda: Estimator(HistGradientBoostingClassifier(max_iter=5)),
}


OF_NUMBERS = {
    "rule": lambda: Rule(Column("a")),
    "mean": Mean,
    "linear": Linear,
    "linear without indicators": lambda: Linear(indicators=False),
    "gradient boosting": lambda: GradientBoosting(trees=20, leaves=7),
    "differences of gradient boosting": lambda: Differenced(GradientBoosting(trees=20), against=Column("a")),
    "differences of a line": lambda: Differenced(
        Linear(), against=pl.coalesce(pl.when(pl.col("c") > 0.1).then(2 * pl.col("b") - 1), pl.col("b"), pl.col("a"))
    ),
    "XGBoost": lambda: boosted(XGBoost, trees=20, leaves=7),
    "XGBRegressor": lambda: Estimator(xgboost("XGBRegressor", n_estimators=10)),
    "LGBMRegressor": lambda: Estimator(lightgbm.LGBMRegressor(n_estimators=10)),
    "random forest": lambda: imputed(RandomForestRegressor(10, max_depth=4)),
    "histogram trees": lambda: Estimator(HistGradientBoostingRegressor(max_iter=5)),
}
WITHOUT_OUTCOMES = {
    "isolation forest": lambda: IsolationForest(trees=20, rows_per_tree=64),
    "robust z-score": RobustZScore,
}
OF_CLASSES = {
    "rule": lambda: Rule(Column("a")),
    "mean": Mean,
    "logistic": Logistic,
    "gradient boosting": lambda: GradientBoosting(trees=10, leaves=7),
    "XGBoost": lambda: boosted(XGBoost, trees=10, leaves=7),
    "XGBClassifier": lambda: Estimator(xgboost("XGBClassifier", n_estimators=5)),
    "LGBMClassifier": lambda: Estimator(lightgbm.LGBMClassifier(n_estimators=5)),
    "random forest": lambda: imputed(RandomForestClassifier(10, max_depth=4)),
    "histogram trees": lambda: Estimator(HistGradientBoostingClassifier(max_iter=3)),
}
APART = Asked(Loss("squared", outputs=4), numbers=True)
"""Four distances."""
ASKED = [(YES_NO, name, make) for name, make in KINDS.items()]
ASKED += [(NUMBERS, name, make) for name, make in OF_NUMBERS.items()]
ASKED += [(NUMBERS, name, make) for name, make in WITHOUT_OUTCOMES.items()]
ASKED += [
    (APART, "k-means", lambda: KMeans(clusters=4, starts=1)),
    (NUMBERS, "one cluster", lambda: KMeans(clusters=1)),
]
ASKED += [(APART, "k-means by batches", lambda: KMeans(clusters=4, starts=1, batch=64))]
ASKED += [(CLASSES, name, make) for name, make in OF_CLASSES.items()]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize(
    ("asked", "make"),
    [(asked, make) for asked, _, make in ASKED],
    ids=[f"{asked.name}, {name}" for asked, name, _ in ASKED],
)
def test_candidate_behaves(asked, make, check):
    check(make, asked)


@pytest.mark.parametrize(
    ("candidate", "asked", "message"),
    [
        (Linear(), CLASSES, "it learns numbers; this goal asks for classes"),
        (Logistic(), NUMBERS, "it learns yes and no, or classes; this goal asks for numbers"),
        (Linear(), YES_NO, "it learns numbers; this goal asks for yes or no"),
        (Estimator(LogisticRegression()), NUMBERS, "it learns yes and no"),
        (Estimator(lightgbm.LGBMRegressor()), YES_NO, "it learns numbers"),
    ],
)
def test_a_candidate_of_the_other_kind_is_refused(candidate, asked, message):
    matrix, outcomes = asked.rows()
    with pytest.raises(ProjectError, match=message):
        candidate.fit(matrix, outcomes, FEATURES, loss=asked.loss, seed=0, threads=1)


@pytest.mark.parametrize("candidate", [Logistic(), imputed(LogisticRegression())], ids=["logistic", "scikit-learn"])
def test_probabilities_of_classes_are_the_native_ones_and_0_for_a_class_that_no_row_has(candidate):
    matrix, classes = CLASSES.rows(2_000)
    matrix = np.nan_to_num(matrix)
    fitted = candidate.fit(matrix, classes, FEATURES, loss=CLASSES.loss, seed=0, threads=1)
    scores = fitted.scorer().score(matrix)
    assert np.abs(scores[:, 1]).max() == 0
    design = StandardScaler().fit_transform(matrix.astype(np.float64)) if isinstance(candidate, Logistic) else matrix
    native = LogisticRegression().fit(design, classes).predict_proba(design)
    assert np.abs(scores[:, [0, 2, 3]] - native).max() < 1e-3


def test_two_of_several_classes_are_learned_too():
    matrix, classes = CLASSES.rows()
    kept = classes != 2
    for candidate in (Logistic(), GradientBoosting(trees=5), Estimator(lightgbm.LGBMClassifier(n_estimators=5))):
        fitted = candidate.fit(matrix[kept], classes[kept], FEATURES, loss=CLASSES.loss, seed=0, threads=1)
        scores = fitted.scorer().score(matrix)
        assert scores[:, [1, 2]].max() < 1e-3
        assert scores[matrix[:, 0] > 2, 3].min() > scores[matrix[:, 0] < -2, 3].max()


def test_a_conversion_that_gives_other_probabilities_is_refused():
    matrix, classes = CLASSES.rows()
    wrong = Estimator(lightgbm.LGBMClassifier(objective="multiclassova", n_estimators=5))
    with pytest.raises(ProjectError, match="it gives other scores as ONNX in"):
        wrong.fit(matrix, classes, FEATURES, loss=CLASSES.loss, seed=0, threads=1)


def test_linear_equals_scikit_learn():
    matrix, outcomes = example_rows(2_000, numbers=True)
    fitted = Linear(penalty=3.0).fit(matrix, outcomes, FEATURES, loss=NUMBERS.loss, seed=0, threads=1)
    imputer = SimpleImputer(strategy="median", add_indicator=True)
    design = imputer.fit_transform(matrix.astype(np.float64))
    design[:, :3] = StandardScaler().fit_transform(design[:, :3])
    native = Ridge(alpha=3.0).fit(design, outcomes).predict(design)
    assert np.abs(fitted.scorer().score(matrix) - native).max() < 1e-3


@BOOSTERS
@pytest.mark.parametrize("level", [0.25, 0.75])
def test_a_booster_learns_the_quantile_that_it_is_asked_for(level, booster):
    matrix, outcomes = example_rows(4_000, numbers=True)
    loss = Loss("quantile", level)
    kind = boosted(booster, trees=60)
    fitted = kind.fit(matrix, outcomes, FEATURES, loss=loss, seed=0, threads=1)
    assert (outcomes <= fitted.scorer().score(matrix)).mean() == pytest.approx(level, abs=0.06)


@BOOSTERS
@pytest.mark.parametrize("loss", ["squared", "absolute", "poisson", "tweedie"])
def test_a_booster_minimises_the_loss_that_it_declares(loss, booster):
    side = np.repeat([0.0, 1.0], 1_000)
    drawn = np.random.default_rng(2).gamma(0.5, 1 + 2 * side) + 0.1  # the median lies far below the mean
    kind = boosted(booster, trees=100, learning_rate=0.3, l2=0.0, loss=loss)
    matrix, asked = side[:, None].astype(np.float32), Loss("quantile", 0.9)
    scores = kind.fit(matrix, drawn, ("side",), loss=asked, seed=0, threads=1).scorer().score(matrix)
    middle = np.median if loss == "absolute" else np.mean
    assert scores[[0, -1]] == pytest.approx([middle(drawn[:1_000]), middle(drawn[1_000:])], rel=0.02)


def test_a_loss_that_is_left_to_the_goal_is_not_in_the_parameters():
    assert "loss" not in GradientBoosting().parameters()
    assert GradientBoosting(loss="poisson").parameters()["loss"] == "poisson"


@pytest.mark.parametrize(
    ("kind", "asked", "outcomes", "message"),
    [
        (GradientBoosting(loss="poisson"), YES_NO, [True, False], "is one of numbers"),
        (GradientBoosting(loss="poisson"), NUMBERS, [-1.0, 2.0], "1 outcome is below 0"),
    ],
)
def test_a_loss_that_outcomes_do_not_fit_is_refused(kind, asked, outcomes, message):
    matrix, given_outcomes = np.zeros((100, 3), np.float32), np.array(outcomes * 50)
    given_outcomes[2:][given_outcomes[2:] < 0] = 0
    with pytest.raises(ProjectError, match=message):
        kind.fit(matrix, given_outcomes, FEATURES, loss=asked.loss, seed=0, threads=1)


def ranking_rows(groups=300, seed=1):
    """Rows of queries with 10 rows each, in no order; the best of each query has the greatest `a` among them."""
    generator = np.random.default_rng(seed)
    matrix, _ = example_rows(groups * 10, seed)
    group = generator.permutation(np.repeat(np.arange(groups), 10))
    level = generator.normal(size=groups) * 3  # between queries, which ranks nothing
    matrix[:, 0] += level[group]
    places = np.array([(matrix[group == group[row], 0] < matrix[row, 0]).sum() for row in range(len(group))])
    return matrix, np.where(places == 9, 2.0, np.where(places >= 7, 1.0, 0.0)), group


@BOOSTERS
def test_a_booster_ranks_within_groups(booster):
    matrix, grades, group = ranking_rows()
    kind, loss = boosted(booster, trees=60, leaves=15), Loss("rank")
    fitted = kind.fit(matrix, grades, FEATURES, loss=loss, seed=0, threads=1, groups=group)
    scores = fitted.scorer().score(matrix)
    first = [grades[group == each][scores[group == each].argmax()] for each in range(300)]
    assert np.mean(first) > 1.8


@pytest.mark.parametrize(
    ("grades", "group", "message"),
    [
        (np.arange(4.0), None, "there are none"),
        (np.array([0.5, 1, 0, 0]), np.zeros(4, np.int64), "no grades of relevance"),
        (np.array([31.0, 1, 0, 0]), np.zeros(4, np.int64), "no grades of relevance"),
    ],
)
def test_a_ranking_without_groups_or_grades_is_refused(grades, group, message):
    with pytest.raises(ProjectError, match=message):
        GradientBoosting().fit(
            np.zeros((4, 3), np.float32), grades, FEATURES, loss=Loss("rank"), seed=0, threads=1, groups=group
        )


def test_rule_scores_missing_as_zero_and_needs_no_training():
    matrix = np.array([[0.2, 0, 0], [np.nan, 0, 0], [7.0, 0, 0]], np.float32)
    fitted = Rule(Column("a")).fit(matrix, np.zeros(3, bool), FEATURES, loss=LOSS, seed=0, threads=1)
    assert fitted.scorer().score(matrix).tolist() == [np.float32(0.2), 0.0, 1.0]


def test_rule_is_written_in_polars():
    import polars as pl

    matrix = np.array([[0.2, 0, 0], [np.nan, 0, 0], [0.31, 0, 0]], np.float32)
    fitted = Rule(pl.col("a") > 0.3).fit(matrix, np.zeros(3, bool), FEATURES, loss=LOSS, seed=0, threads=1)
    assert fitted.scorer().score(matrix).tolist() == [0.0, 0.0, 1.0]


def test_rule_names_the_nearest_feature_if_it_reads_an_unknown_one():
    with pytest.raises(ProjectError, match="did you mean 'a'") as caught:
        Rule(Column("aa")).fit(np.zeros((1, 3), np.float32), np.zeros(1, bool), FEATURES, loss=LOSS, seed=0, threads=1)
    assert "aa" in str(caught.value)


def test_rule_cannot_aggregate():
    with pytest.raises(ProjectError, match="cannot aggregate"):
        Rule(Aggregate("mean", Column("a")))


@pytest.mark.parametrize("candidate", [Logistic(), GradientBoosting(), imputed(LogisticRegression())])
def test_one_outcome_teaches_nothing(candidate):
    matrix, _ = example_rows(50)
    with pytest.raises(ProjectError, match="all 50 training rows have the outcome True"):
        candidate.fit(matrix, np.ones(50, bool), FEATURES, loss=LOSS, seed=0, threads=1)


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: Logistic(c=0), "c must be positive"),
        (lambda: GradientBoosting(trees=0), "trees must be a whole number from 1"),
        (lambda: GradientBoosting(leaves=31.5), "leaves must be a whole number from 2"),
        (lambda: GradientBoosting(row_share=1.1), "row_share must be above 0"),
        (lambda: GradientBoosting().with_parameters(leafs=3), "did you mean 'leaves'"),
        (lambda: Estimator(LogisticRegression), "not an instance"),
        (lambda: Estimator(LinearSVC()), "no predict_proba"),
    ],
)
def test_wrong_parameters_are_refused_when_declared(declare, message):
    with pytest.raises(ProjectError, match=message):
        declare()


def test_logistic_equals_scikit_learn_with_missing_indicators():
    matrix, outcomes = example_rows(3_000)
    matrix[:, 2] = matrix[:, 2] * 1e3 + 1e6
    fitted = Logistic().fit(matrix, outcomes, FEATURES, loss=LOSS, seed=0, threads=1)
    imputer = SimpleImputer(strategy="median", add_indicator=True)
    design = imputer.fit_transform(matrix.astype(np.float64))
    design[:, :3] = StandardScaler().fit_transform(design[:, :3])
    native = LogisticRegression(max_iter=200, tol=1e-6).fit(design, outcomes).predict_proba(design)[:, 1]
    assert np.abs(fitted.scorer().score(matrix) - native).max() < 1e-5


def booster_of(matrix, outcomes, trees=40):
    settings = GradientBoosting(rows_per_leaf=5)._settings(LOSS, 3, 1)
    return lightgbm.train(settings, lightgbm.Dataset(matrix, label=outcomes, params=settings), trees)


def test_thresholds_in_float32_leave_every_training_row_in_its_leaves():
    generator = np.random.default_rng(5)
    # Neighbouring float32 values: rounding a threshold between two of them to the nearest would move rows.
    steps = generator.integers(0, 40, size=(4_000, 3))
    matrix = (np.float32(1.0).view(np.int32) + steps).astype(np.int32).view(np.float32)
    outcomes = generator.random(4_000) < 0.2 + 0.6 * (steps[:, 0] % 2) * (steps[:, 1] > 20)
    booster = booster_of(matrix, outcomes)
    exact = lightgbm.Booster(model_str=_float32_thresholds(booster.model_to_string()))
    assert (booster.predict(matrix, pred_leaf=True) == exact.predict(matrix, pred_leaf=True)).all()
    scores = OnnxScorer.from_onnx(booster_to_onnx(booster, 3)).score(matrix)
    assert np.abs(scores - booster.predict(matrix)).max() < 1e-5


def test_gradient_boosting_scores_a_feature_that_is_missing_for_the_first_time_like_lightgbm():
    matrix, outcomes = example_rows(2_000)
    matrix = np.nan_to_num(matrix)
    for shift in (-3.0, 0.0, 3.0):
        moved = matrix + np.float32(shift)
        booster = booster_of(moved, outcomes)
        holes = moved.copy()
        holes[::2, 0] = np.nan
        holes[::3, 1] = np.nan
        scores = OnnxScorer.from_onnx(booster_to_onnx(booster, 3)).score(holes)
        assert np.abs(scores - booster.predict(holes)).max() < 1e-5


def test_gradient_boosting_with_nothing_to_split_answers_the_base_rate():
    matrix, outcomes = np.ones((200, 2), np.float32), np.arange(200) < 50
    fitted = GradientBoosting().fit(matrix, outcomes, ("a", "b"), loss=LOSS, seed=0, threads=1)
    assert np.allclose(fitted.scorer().score(matrix), 0.25, atol=1e-6)


@settings(deadline=None)
@given(st.lists(st.floats(allow_nan=False, width=64), min_size=1, max_size=20))
def test_float32_at_most_is_the_largest_not_above(doubles):
    given_doubles = np.array(doubles)
    rounded = float32_at_most(given_doubles)
    assert (rounded.astype(np.float64) <= given_doubles).all()
    with np.errstate(over="ignore"):
        above = np.nextafter(rounded, np.float32(np.inf)).astype(np.float64)
    assert ((above > given_doubles) | np.isposinf(rounded)).all()


class Peculiar(ClassifierMixin, BaseEstimator):
    """A classifier that no converter knows."""

    def fit(self, matrix, outcomes):
        self.classes_ = np.unique(outcomes)
        return self

    def predict_proba(self, matrix):
        return np.full((len(matrix), 2), 0.5)


def test_estimator_that_does_not_convert_is_named():
    matrix, outcomes = example_rows()
    with pytest.raises(ProjectError, match=r"Peculiar cannot be converted to ONNX"):
        Estimator(Peculiar()).fit(matrix, outcomes, FEATURES, loss=LOSS, seed=0, threads=1)


CLASHING = {  # their graphs use the names zero and one; column; score
    "zero and one": AdaBoostClassifier(n_estimators=3),
    "column": make_pipeline(KBinsDiscretizer(n_bins=4, encode="onehot-dense"), LogisticRegression()),
    "score": SGDClassifier(loss="log_loss"),
}


@pytest.mark.parametrize("last", CLASHING.values(), ids=CLASHING)
def test_estimator_may_use_the_names_that_kreis_adds_to_its_graph(last):
    matrix, outcomes = example_rows(400)
    fitted = Estimator(make_pipeline(SimpleImputer(), last)).fit(
        matrix, outcomes, FEATURES, loss=LOSS, seed=0, threads=1
    )
    scores = fitted.scorer().score(matrix)
    assert scores[outcomes].mean() > scores[~outcomes].mean() + 0.05


def test_estimator_that_does_not_convert_says_what_to_take_instead():
    matrix, outcomes = example_rows()
    model = make_pipeline(SimpleImputer(), KBinsDiscretizer(encode="onehot"), LogisticRegression())
    with pytest.raises(ProjectError, match="KBinsDiscretizer") as caught:
        Estimator(model).fit(matrix, outcomes, FEATURES, loss=LOSS, seed=0, threads=1)
    assert 'encode="ordinal" converts' in caught.value.hint


def test_histogram_trees_answer_as_scikit_learn_does_also_where_a_value_is_missing():
    matrix, outcomes = example_rows(2_000)
    model = HistGradientBoostingClassifier(max_iter=30, random_state=3)
    fitted = Estimator(model).fit(matrix, outcomes, FEATURES, loss=LOSS, seed=0, threads=1)
    native = model.fit(matrix, outcomes.astype(np.int64)).predict_proba(matrix)[:, 1]
    assert np.isnan(matrix).any()
    assert np.abs(fitted.scorer().score(matrix) - native).max() < 1e-6


def test_estimator_that_takes_no_missing_values_asks_for_an_imputer():
    matrix, outcomes = example_rows()
    with pytest.raises(ProjectError, match="put an imputer first"):
        Estimator(LogisticRegression()).fit(matrix, outcomes, FEATURES, loss=LOSS, seed=0, threads=1)


def test_estimator_that_would_give_no_score_in_production_is_refused():
    matrix, outcomes = example_rows()
    with pytest.raises(ProjectError, match="no score when a feature is missing"):
        Estimator(LogisticRegression()).fit(np.nan_to_num(matrix), outcomes, FEATURES, loss=LOSS, seed=0, threads=1)


def test_estimator_given_is_never_fitted_itself():
    matrix, outcomes = example_rows()
    given_one = lightgbm.LGBMClassifier(n_estimators=3)
    Estimator(given_one).fit(matrix, outcomes, FEATURES, loss=LOSS, seed=0, threads=1)
    assert not hasattr(given_one, "classes_")
    assert given_one.random_state is None


def test_estimator_parameters_hold_no_address():
    document = imputed(LogisticRegression()).parameters()
    assert "0x" not in repr(document)
    assert document["parameters"]["logisticregression"] == "sklearn.linear_model._logistic.LogisticRegression"


@settings(deadline=None)
@given(st.lists(st.floats(width=32) | st.sampled_from([0.3, float("nan")]), min_size=1, max_size=30))
def test_rule_scores_a_row_alone_exactly_as_in_a_batch(numbers):
    import polars as pl

    matrix = np.array([[each, 1.0] for each in numbers], np.float32)
    for expression in (pl.col("a") > 0.3, pl.col("a") / (pl.col("a") + pl.col("b")), pl.lit(0.7)):
        scorer = Rule(expression).fit(matrix, matrix[:, 0] > 0, ("a", "b"), loss=LOSS, seed=0, threads=1).scorer()
        together = scorer.score(matrix)
        assert [scorer.score(matrix[place : place + 1])[0] for place in range(len(matrix))] == together.tolist()


def test_a_model_that_scores_otherwise_as_onnx_is_refused():
    matrix, outcomes = example_rows()
    fitted = Logistic().fit(matrix, outcomes, FEATURES, loss=LOSS, seed=0, threads=1)
    scores = fitted.scorer().score
    prove_same(fitted.form.content, scores, matrix, where="it")
    with pytest.raises(ProjectError, match="gives other scores as ONNX in 600 of 600 rows"):
        prove_same(fitted.form.content, lambda rows: scores(rows) + 0.01, matrix, where="it", excused=1e-3)
    with pytest.raises(ProjectError, match="gives other scores as ONNX in 1 of 600 rows"):
        prove_same(fitted.form.content, lambda rows: scores(rows) + (np.arange(len(rows)) == 7), matrix, where="it")


def test_a_project_may_name_a_classifier_as_it_is():
    assert isinstance(as_candidate(LogisticRegression()), Estimator)
    assert as_candidate(rule := Rule(Column("a"))) is rule
    with pytest.raises(ProjectError, match="has no fit or predict_proba"):
        as_candidate(3)


def test_a_search_is_checked_where_it_is_declared():
    assert as_search(Logistic(), {"c": Real(0.1, 1)}).trials == 15
    assert (
        as_search(Estimator(lightgbm.LGBMClassifier()), Search({"num_leaves": Integer(15, 255)}, trials=3)).trials == 3
    )
    with pytest.raises(ProjectError, match="did you mean 'num_leaves'"):
        as_search(Estimator(lightgbm.LGBMClassifier()), {"numleaves": Integer(15, 255)})
