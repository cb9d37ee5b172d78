"""Categories: encoded on the rows that teach, as suits the candidate or as the user says, and part of the model."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from kreis.errors import ProjectError
from kreis.expressions.from_polars import from_polars
from kreis.expressions.rows import compile_row
from kreis.expressions.scalars import category
from kreis.expressions.to_polars import to_feature
from kreis.models.scoring import OnnxScorer
from kreis.preparation.category_texts import category_texts
from kreis.preparation.views import RequestView
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.tasks.regression.error_cost import ErrorCost
from kreis.training.candidates.estimator import Estimator
from kreis.training.candidates.gradient_boosting import GradientBoosting
from kreis.training.candidates.linear import Linear
from kreis.training.candidates.logistic import Logistic
from kreis.training.candidates.mean import Mean
from kreis.training.data import TrainingData
from kreis.training.preprocessing import WIDEST, Preprocessing, fit_candidate

TASK = DecisionValue("EUR", true_positive=2, false_positive=-1).task
TEXTS = ["Clear", "Mist", "Light Rain", "Heavy Rain", "straße"]
CHANCES = dict(zip(TEXTS, (0.5, 0.3, 0.8, 0.95, 0.1), strict=True))


def rows(count: int = 3_000) -> TrainingData:
    rng = np.random.default_rng(9)
    texts = rng.choice(TEXTS, count, p=[0.4, 0.3, 0.2, 0.05, 0.05])
    numbers = np.array([category(each) for each in texts], dtype=np.float32)
    numbers[rng.random(count) < 0.1] = np.nan
    other = rng.normal(size=count).astype(np.float32)
    outcomes = (rng.random(count) < np.array([CHANCES[each] for each in texts])).astype(float)
    return data(np.column_stack([other, numbers]), outcomes, {float(category(each)): each for each in TEXTS})


def data(matrix: np.ndarray, outcomes: np.ndarray, texts: dict[float, str]) -> TrainingData:
    times = np.arange(len(matrix), dtype=np.int64)
    return TrainingData(
        features=("other", "weather"),
        matrix=matrix,
        outcomes=outcomes,
        time=times,
        known_at=times,
        categories={"weather": texts},
    )


def test_a_category_is_the_same_number_for_a_frame_and_a_row_and_float32_holds_it():
    frame = pl.DataFrame({"s": ["JFK", None, "EWR", "", "straße"] * 3})
    tree = from_polars(pl.col("s").cast(pl.Categorical), where="test")
    batch = frame.select(to_feature(tree))["s"].to_list()
    compute = compile_row({"x": tree}, {"s": "string"})
    alone = [compute({"s": each})[0] for each in frame["s"]]
    assert np.array_equal(batch, alone, equal_nan=True)
    assert np.array_equal(np.array(batch, np.float32).astype(float), batch, equal_nan=True)
    assert frame.lazy().select(to_feature(tree)).collect()["s"].to_list()[0] == batch[0]


def test_texts_are_read_off_the_rows_that_a_view_reads():
    expression = from_polars(pl.col("weather").cast(pl.Categorical), where="test")
    view = RequestView(name="hour", fields={"weather": "string"}, features={"weather": expression})
    frame = pl.DataFrame({"weather": ["Mist", None, "Clear", "Mist"], "at": datetime(2025, 1, 1, tzinfo=UTC)})
    assert category_texts(view, frame) == {"hour__weather": ["Clear", "Mist"]}


def candidates() -> dict[str, object]:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    return {
        "boosting": GradientBoosting(trees=20, leaves=5),
        "logistic": Logistic(),
        "an estimator": Estimator(make_pipeline(SimpleImputer(), LogisticRegression())),
        "trees": Estimator(make_pipeline(SimpleImputer(), RandomForestClassifier(20, max_depth=5))),
    }


ORDERS = ["order", "ordinal", {"weather": TEXTS}]
CASES = [
    *((name, said) for name in candidates() for said in (None, "one-hot", "target", {"weather": "target"})),
    *((name, said) for name in ("boosting", "logistic", "trees") for said in ORDERS),
    ("boosting", "native"),
]


@pytest.mark.parametrize(("name", "said"), CASES, ids=str)
def test_a_model_takes_categories_as_they_come_and_scores_as_it_learned(name, said):
    candidate = candidates()[name]
    given, preprocessing = rows(), Preprocessing(encode=said)
    fitted = fit_candidate(candidate, given, TASK, seed=1, threads=1, preprocessing=preprocessing)
    scores = fitted.scorer().score(given.matrix)
    mist, rain = (scores[given.matrix[:, 1] == np.float32(category(each))].mean() for each in ("Mist", "Heavy Rain"))
    assert rain > mist + (0.2 if said not in ORDERS[1:] else 0.05)
    assert fitted.features == given.features
    assert set(fitted.orders["weather"]) == {float(category(each)) for each in TEXTS}
    again = fit_candidate(candidate, given, TASK, seed=1, threads=1, preprocessing=preprocessing)
    assert again.form == fitted.form
    never = np.array([[0.0, category("hail")], [0.0, np.nan]], np.float32)
    unseen, missing = OnnxScorer.from_onnx(fitted.form.content, width=2).score(never)
    assert unseen == missing


def test_a_broken_code_is_a_whole_one_before_a_trainer_that_splits_categories_sees_it():
    given = rows()
    native = Preprocessing(encode="native")
    scorer = fit_candidate(GradientBoosting(trees=20), given, TASK, seed=1, threads=1, preprocessing=native).scorer()
    whole = float(category("Mist"))
    scores = scorer.score(np.array([[0.0, whole], [0.0, np.float32(whole) + 0.5], [0.0, np.nan]], np.float32))
    assert scores[0] == scores[1] != scores[2]


def test_columns_of_0_and_1_are_not_standardised():
    """As scikit-learn fits the same columns: a rare category would weigh more if its column were scaled."""
    from sklearn.linear_model import LogisticRegression

    given = rows()
    fitted = fit_candidate(Logistic(c=0.05), given, TASK, seed=1, threads=1)
    other = given.matrix[:, :1].astype(np.float64)
    numbers = np.array([category(each) for each in TEXTS], dtype=np.float32)
    design = np.hstack([(other - other.mean()) / other.std(), given.matrix[:, 1:] == numbers])
    theirs = LogisticRegression(C=0.05, tol=1e-8, solver="newton-cholesky").fit(design, given.outcomes)
    assert np.allclose(fitted.scorer().score(given.matrix), theirs.predict_proba(design)[:, 1], atol=1e-4)


def test_shares_of_the_gain_are_those_of_features():
    fitted = fit_candidate(
        GradientBoosting(trees=20), rows(), TASK, seed=1, threads=1, preprocessing=Preprocessing(encode="one-hot")
    )
    assert fitted.gain is not None
    assert set(fitted.gain) == {"other", "weather"}
    assert sum(fitted.gain.values()) == pytest.approx(1)


def test_a_linear_model_has_columns_of_few_categories_and_means_of_many():
    rng = np.random.default_rng(3)
    numbers = rng.integers(0, WIDEST + 10, 5_000).astype(np.float32)
    outcomes = numbers % 7 + rng.normal(size=5_000)
    matrix = np.column_stack([rng.normal(size=5_000).astype(np.float32), numbers])
    task = ErrorCost("EUR", over=1, under=1).task
    many = fit_candidate(Linear(), data(matrix, outcomes, {}), task, seed=1, threads=1)
    few = fit_candidate(Linear(), data(matrix, outcomes, {}).take(np.flatnonzero(numbers < 9)), task, seed=1, threads=1)
    assert [b"LabelEncoder" in (each.form.content or b"") for each in (many, few)] == [True, False]
    assert np.corrcoef(many.scorer().score(matrix), outcomes)[0, 1] > 0.8


def test_rows_without_categories_and_formulas_are_left_as_they_are():
    given = rows()
    plain = TrainingData(
        features=given.features, matrix=given.matrix, outcomes=given.outcomes, time=given.time, known_at=given.known_at
    )
    own = GradientBoosting(trees=5).fit(
        plain.matrix, plain.outcomes > 0, plain.features, loss=TASK.loss, seed=1, threads=1
    )
    assert fit_candidate(GradientBoosting(trees=5), plain, TASK, seed=1, threads=1).form == own.form
    assert fit_candidate(Mean(), given, TASK, seed=1, threads=1).form.content is None


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("onehot", "did you mean 'one-hot'"),
        ({"weather": "means"}, "unknown encoder"),
        ({"weather": []}, "holds texts"),
        ({"weather": ["a", "a"]}, "each once"),
        ({"wether": "order"}, "did you mean 'weather'"),
        ({"other": "order"}, "is no category"),
        ("native", "does not split categories"),
    ],
)
def test_what_cannot_be_meant_is_refused(said, message):
    with pytest.raises(ProjectError, match=message):
        Preprocessing(encode=said).check(candidates()["trees"], ["other", "weather"], {"weather"}, {"note"})


def test_a_rule_has_no_encoder():
    with pytest.raises(ProjectError, match="learns nothing of categories"):
        Preprocessing(encode="order").check(Mean(), ["weather"], {"weather"}, ())
