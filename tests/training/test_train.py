"""Training one candidate, whole; and the search for its parameters."""

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import polars as pl
import pytest

from kreis.digests import digest_of
from kreis.errors import ProjectError
from kreis.expressions.tree import Column
from kreis.models.explanations.explainer import linked
from kreis.models.form import Formula
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.tasks.decisions import Cut
from kreis.training.candidates.gradient_boosting import GradientBoosting
from kreis.training.candidates.logistic import Logistic
from kreis.training.candidates.rule import Rule
from kreis.training.data import TrainingData
from kreis.training.preprocessing import Preprocessing
from kreis.training.search import Choice, Integer, Real, Search
from kreis.training.splits.in_time import TimeSplit
from kreis.training.testing import LOSS, example_rows
from kreis.training.train import MOST_BLOCKS, TrainedCandidate, train

METRIC = DecisionValue("EUR per 1,000", true_positive=120, false_positive=-35)
DAY = 86_400_000_000


def history(rows=1_500):
    matrix, outcomes = example_rows(rows)
    time = np.int64(1_356_998_400_000_000) + np.arange(rows, dtype=np.int64) * (DAY // 10)
    outcomes = outcomes.astype(float)
    return TrainingData(features=("a", "b", "c"), matrix=matrix, outcomes=outcomes, time=time, known_at=time + DAY // 2)


def trained(candidate, data=None, **options):
    data = data or history()
    split = TimeSplit(test="30d").split(data.time, data.known_at, data.outcomes, task=METRIC.task)
    return train(candidate, data, name="it", split=split, task=METRIC.task, **options)


def test_train_leaves_a_model_that_beats_the_base_rate():
    data = history()
    it = trained(GradientBoosting(trees=30, leaves=7), data)
    split = TimeSplit(test="30d").split(data.time, data.known_at, data.outcomes, task=METRIC.task)
    scores = it.scorer().score(data.matrix[split.test])
    value = METRIC.values(data.outcomes[split.test], it.decision.many(scores)).mean()
    assert value > METRIC.values(data.outcomes[split.test], np.ones(len(split.test), bool)).mean() + 1
    assert it.training["rows"] == len(split.train)
    assert it.validation["rows"] == len(split.validation)
    assert it.training["parameters"]["trees"] == 30
    assert it.training["until"] < it.training["cut_off"]
    assert it.reference["b"].missing + sum(it.reference["b"].counts) == len(split.train)


def test_what_the_decisions_were_worth_is_kept_by_day():
    it, data = trained(Logistic()), history()
    split = TimeSplit(test="30d").split(data.time, data.known_at, data.outcomes, task=METRIC.task)
    days = np.unique(data.time[split.validation] // DAY, return_counts=True)[1]
    assert [rows for _, rows in it.validation_blocks] == days.tolist()
    total = sum(worth for worth, _ in it.validation_blocks)
    assert total / len(split.validation) == pytest.approx(it.validation["value"])


def test_of_very_many_blocks_neighbours_are_kept_together():
    data = history()
    split = TimeSplit(test="30d").split(data.time, data.known_at, data.outcomes, task=METRIC.task)
    rows = len(split.validation)
    single = msgspec.structs.replace(split, validation_blocks=np.arange(rows))
    it = train(Logistic(), data, name="it", split=single, task=METRIC.task)
    assert rows > MOST_BLOCKS == len(it.validation_blocks)
    assert sum(each for _, each in it.validation_blocks) == rows
    assert sum(worth for worth, _ in it.validation_blocks) / rows == pytest.approx(it.validation["value"])


def test_train_does_not_touch_the_test_part():
    data = history()
    split = TimeSplit(test="30d").split(data.time, data.known_at, data.outcomes, task=METRIC.task)
    spoilt = msgspec.structs.replace(data, matrix=data.matrix.copy(), outcomes=data.outcomes.copy())
    spoilt.matrix[split.test] = 99.0
    spoilt.outcomes[split.test] = 1 - spoilt.outcomes[split.test]
    for candidate in (Logistic(), GradientBoosting(trees=5)):
        kept, changed = (
            train(candidate, each, name="it", split=split, task=METRIC.task).to_document() for each in (data, spoilt)
        )
        assert kept == changed


class Learned:
    """A candidate that has learned already, whatever it is shown."""

    side_by_side = True

    def __init__(self, fitted):
        self._fitted = fitted

    def parameters(self):
        return {"kind": "learned"}

    def with_parameters(self, **values):
        return self

    def fit(self, matrix, outcomes, features, *, loss, seed, threads):
        return self._fitted


def test_a_threshold_is_chosen_on_the_validation_rows_alone():
    data = history()
    split = TimeSplit(test="30d").split(data.time, data.known_at, data.outcomes, task=METRIC.task)
    learned = Learned(Logistic().fit(data.matrix, data.outcomes > 0.5, data.features, loss=LOSS, seed=0, threads=1))

    def threshold(rows):
        spoilt = msgspec.structs.replace(data, outcomes=data.outcomes.copy())
        spoilt.outcomes[rows] = 1 - spoilt.outcomes[rows]
        return train(learned, spoilt, name="it", split=split, task=METRIC.task).decision.at

    own = threshold([])
    assert own != pytest.approx(METRIC.break_even)  # it was chosen, and can move
    others = np.setdiff1d(np.arange(len(data)), split.validation)
    assert threshold(others) == own
    assert threshold(split.validation[::3]) != own


@pytest.mark.parametrize("candidate", [Logistic(), GradientBoosting(trees=5), Rule(Column("a"))])
def test_trained_candidate_survives_its_document(candidate):
    it = trained(candidate)
    document = msgspec.json.decode(msgspec.json.encode(it.to_document()))
    back = TrainedCandidate.from_document(document)
    assert back.to_document() == it.to_document()
    assert back.form == it.form.stored


def test_trained_candidates_of_an_earlier_version_are_read():
    it = trained(Rule(Column("a")))
    document = it.to_document()
    form, decision = document.pop("form"), document.pop("decision")
    old = {**document, "kind": "rule", "onnx": None, "rule": form["expression"], "threshold": decision["at"]}
    back = TrainedCandidate.from_document(old)
    assert (back.form, back.decision, back.features) == (it.form, it.decision, it.features)


def test_train_leaves_a_rule_as_it_is():
    it = trained(Rule(Column("a")))
    assert (it.form, it.decision) == (Formula(expression=Column("a"), low=0.0, high=1.0), Cut(0.5))


PRINT_DIGEST = """
import sys; sys.path.insert(0, sys.argv[1])
from test_train import *
for candidate in (Logistic(), GradientBoosting(trees=20)):
    print(digest_of(trained(candidate, threads=2).form.content))
"""


def test_train_gives_the_same_bytes_in_another_process():
    here = [digest_of(trained(each, threads=2).form.content) for each in (Logistic(), GradientBoosting(trees=20))]
    folder = __file__.rpartition("/")[0]
    done = subprocess.run([sys.executable, "-c", PRINT_DIGEST, folder], capture_output=True, text=True, check=True)
    assert done.stdout.split() == here


SEARCH = Search({"leaves": Integer(2, 31, log=True), "learning_rate": Real(0.01, 0.3, log=True)}, trials=6)


def test_search_is_repeatable_and_never_ends_worse_than_what_was_declared():
    seen = []
    runs = [
        trained(GradientBoosting(trees=10), search=SEARCH, seed=5, on_progress=lambda *at: seen.append(at))
        for _ in range(2)
    ]
    assert runs[0].form == runs[1].form
    assert runs[0].training == runs[1].training
    trials = runs[0].training["trials"]
    assert len(trials) == 6
    assert trials[0]["parameters"] == {}
    best = min(trials, key=lambda each: each["loss"])
    for name, value in best["parameters"].items():
        assert runs[0].training["parameters"][name] == value
    assert seen[0] == ("search", 0, 6)
    assert seen[1][1:] == (1, 6)
    assert re.fullmatch(r"search, best metric [\d.,-]+, about \d+ s left, trial", seen[1][0])
    assert trained(GradientBoosting(trees=10), search=SEARCH, seed=6).training["trials"] != trials


def test_search_finds_the_same_side_by_side():
    search = Search({"leaves": Integer(2, 31, log=True)}, trials=5)  # as many as are drawn before any is judged
    one, three = (trained(GradientBoosting(trees=10), search=search, threads=threads) for threads in (1, 3))
    assert one.training["trials"] == three.training["trials"]
    assert one.form == three.form


def test_search_can_be_judged_by_log_loss():
    search = Search({"c": Choice([0.0001, 1.0])}, trials=3, objective="log_loss")
    it = trained(Logistic(c=0.0001), search=search)
    assert it.training["parameters"]["c"] == 1.0
    assert it.validation["log_loss"] == pytest.approx(min(each["loss"] for each in it.training["trials"]))


@pytest.mark.parametrize(
    ("search", "message"),
    [
        (Search({"leafs": Integer(2, 31)}), "did you mean 'leaves'"),
        (Search({"leaves": Integer(1, 31)}), "leaves must be a whole number from 2"),
    ],
)
def test_search_outside_of_what_a_candidate_takes_is_refused(search, message):
    with pytest.raises(ProjectError, match=message):
        search.check(GradientBoosting())


@pytest.mark.parametrize(
    "declare",
    [
        lambda: Integer(5, 1),
        lambda: Real(0.0, 1.0, log=True),
        lambda: Choice([]),
        lambda: Search({}),
        lambda: Search({"c": Real(1, 2)}, trials=0),
    ],
)
def test_wrong_search_is_refused_when_declared(declare):
    with pytest.raises(ProjectError):
        declare()


def frame():
    at = datetime(2013, 1, 1, tzinfo=UTC)
    return pl.DataFrame(
        {
            "x": [1.0, None, 0.1, 4.0],
            "late": [True, False, None, True],
            "n": [1, 2, 3, None],
            "at": [at + timedelta(hours=i) for i in range(4)],
            "known": [at + timedelta(hours=i + 5) for i in range(4)],
        }
    )


def test_data_of_a_frame_is_float32_without_rows_of_unknown_outcome():
    data = TrainingData.from_frame(frame(), features=["x", "late", "n"], outcome="late", time="at", known_at="known")
    assert data.matrix.dtype == np.float32
    assert np.array_equal(
        data.matrix, np.array([[1, 1, 1], [np.nan, 0, 2], [4, 1, np.nan]], np.float32), equal_nan=True
    )
    assert data.outcomes.tolist() == [True, False, True]
    assert data.time[0] == 1_356_998_400_000_000
    assert (data.known_at - data.time == 5 * 3_600_000_000).all()


def test_data_names_the_nearest_column():
    with pytest.raises(ProjectError, match="unknown feature 'y'"):
        TrainingData.from_frame(frame(), features=["y"], outcome="late", time="at", known_at="known")
    with pytest.raises(ProjectError, match="did you mean 'known'"):
        TrainingData.from_frame(frame(), features=["x"], outcome="late", time="at", known_at="knwon")


def test_data_without_a_time_is_refused():
    without = frame().with_columns(pl.lit(None, pl.Datetime("us", "UTC")).alias("known"))
    with pytest.raises(ProjectError, match="is missing in rows with an outcome"):
        TrainingData.from_frame(without, features=["x"], outcome="late", time="at", known_at="known")


@pytest.mark.parametrize("candidate", [GradientBoosting(trees=20, leaves=7), Logistic()], ids=["trees", "weights"])
def test_what_each_feature_adds_is_kept_and_adds_up_to_the_score(candidate):
    """Probabilities that class weights had moved, and were moved back: so is the sum."""
    data = history()
    it = trained(candidate, data, preprocessing=Preprocessing(class_weight="balanced"))
    kept = {each: content for content in it.contents for each in [digest_of(content)]}
    again = TrainedCandidate.from_document(it.to_document()).opened(kept.__getitem__)
    assert it.to_document()["explanation"] == {"sha256": it.explanation.sha256, "size": it.explanation.size}
    found = again.explanation.explainer(3).explain(data.matrix)
    scores = it.scorer().score(data.matrix)
    np.testing.assert_allclose(linked(found.margin, "sigmoid")[:, 0], scores, atol=1e-6)


def test_a_rule_keeps_no_explanation_and_its_document_says_nothing_new():
    it = trained(Rule(pl.col("a") > 0.3))
    assert it.explanation is None
    assert "explanation" not in it.to_document()
