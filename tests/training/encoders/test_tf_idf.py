"""Texts as weights of their words: in ONNX what scikit-learn makes of them."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from kreis.errors import ProjectError, RefusalError
from kreis.models.scoring import OnnxScorer
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.training.candidates.estimator import Estimator
from kreis.training.candidates.gradient_boosting import GradientBoosting
from kreis.training.candidates.logistic import Logistic
from kreis.training.candidates.mean import Mean
from kreis.training.data import TrainingData
from kreis.training.encoders.encoded import EncodedFeatures
from kreis.training.encoders.encoder import Column
from kreis.training.encoders.targets import Targets
from kreis.training.encoders.tf_idf import TfIdf
from kreis.training.graph import check_graph, finish_graph
from kreis.training.importance import permutation_importance
from kreis.training.preprocessing import Preprocessing, fit_candidate

TASK = DecisionValue("EUR", true_positive=2, false_positive=-1).task
PHRASES = ["Win a PRIZE now", "call me later", "Gewinne jetzt Geld!", "wir sehen uns später", "現金 当選", "また 明日"]
HARD = ["", "a", "!?", "never heard", "STRASSE straße İ x² _a_", "नमस्ते दुनिया", "nul\x00char prize", "prize " * 3_000]


def spam(rows: int = 600) -> TrainingData:
    """Every second phrase is spam; two texts a row, the second of them empty at times."""
    rng = np.random.default_rng(2)
    which = rng.integers(0, len(PHRASES), rows)
    texts = np.empty((rows, 2), dtype=np.object_)
    texts[:, 0] = [f"{PHRASES[each]} {rng.integers(10, 30)}" for each in which]
    texts[:, 1] = ["" if place % 5 == 0 else f"from person {place % 7}" for place in range(rows)]
    times = np.arange(rows, dtype=np.int64)
    return TrainingData(
        features=("sms__text", "sms__length", "sms__sender"),
        matrix=np.column_stack([rng.integers(0, 2**24, rows), rng.normal(size=rows), times]).astype(np.float32),
        outcomes=(which % 2 == 0).astype(float),
        time=times,
        known_at=times,
        texts=texts,
        text_fields={"sms__text": "text", "sms__sender": "sender"},
    )


CANDIDATES = {
    "logistic": Logistic(),
    "boosting": GradientBoosting(trees=20, leaves=7, rows_per_leaf=5),
}


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("name", CANDIDATES)
def test_a_model_reads_texts_as_they_come(name, pairs):
    rows, said = spam(), Preprocessing(encode=TfIdf(pairs=pairs))
    fitted = fit_candidate(CANDIDATES[name], rows, TASK, seed=1, threads=1, preprocessing=said)
    scores = fitted.scorer().score(rows.matrix, rows.texts)
    happened = rows.outcomes == 1
    assert scores[happened].min() > scores[~happened].max()
    assert fitted.features == rows.features
    assert fit_candidate(CANDIDATES[name], rows, TASK, seed=1, threads=1, preprocessing=said).form == fitted.form
    alone = [fitted.scorer().score(rows.matrix[at : at + 1], rows.texts[at : at + 1])[0] for at in range(20)]
    assert np.allclose(alone, scores[:20], atol=1e-6)


def test_words_are_worth_what_is_lost_when_texts_are_shuffled():
    rows = spam()
    scorer = fit_candidate(Logistic(), rows, TASK, seed=1, threads=1).scorer()
    found = permutation_importance(scorer, rows, decision=TASK.plain, metric=TASK.metric, seed=3)
    worth = {each.feature: each.loss for each in found}
    assert worth["sms__text"] > 300 > abs(worth["sms__length"]) + abs(worth["sms__sender"])


def test_an_estimator_is_given_words_as_columns():
    from sklearn.naive_bayes import BernoulliNB

    rows = spam()
    rows.matrix[:, 1] = np.abs(rows.matrix[:, 1])
    fitted = fit_candidate(Estimator(BernoulliNB()), rows, TASK, seed=1, threads=1)
    assert np.corrcoef(fitted.scorer().score(rows.matrix, rows.texts), rows.outcomes)[0, 1] > 0.9


def test_weights_are_those_of_scikit_learn_whatever_a_text_holds():
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [*PHRASES * 5, *HARD]
    found = TfIdf(least=1, pairs=True).fit(_column(texts), Targets(np.zeros(len(texts))), seed=0)
    theirs = TfidfVectorizer(ngram_range=(1, 2)).fit_transform(texts).toarray()
    assert np.allclose(found.encode(_column(texts)), theirs)
    width = len(found.names)
    same = finish_graph([onnx.helper.make_node("Identity", ["x"], ["score"])], [], "x", width, {"": 17}, outputs=width)
    scorer = OnnxScorer.from_onnx(EncodedFeatures(("t",), {"t": found}, ["t"]).in_front_of(same))
    numbers, said = np.zeros((len(texts), 1), np.float32), np.array(texts, dtype=np.object_)[:, np.newaxis]
    assert np.abs(scorer.score(numbers, said) - theirs).max() < 1e-6
    alone = [scorer.score(numbers[:1], said[at : at + 1])[0] for at in range(len(texts))]
    assert np.abs(alone - theirs).max() < 1e-6


def _column(texts: list[str]) -> Column:
    return Column(numbers=np.zeros(len(texts), np.float32), texts=np.array(texts, dtype=np.object_))


def test_few_words_are_the_commonest_and_rare_ones_are_left_out():
    found = TfIdf(words=2).fit(_column(["one two three", "two three", "three four"]), Targets(np.zeros(3)), seed=0)
    assert found.vocabulary == ("three", "two")
    with pytest.raises(ProjectError, match="no word is in 2 of its 2 texts"):
        TfIdf().fit(_column(["one two", "three"]), Targets(np.zeros(2)), seed=0)
    with pytest.raises(ProjectError, match="whole number"):
        TfIdf(words=0)


def test_words_are_bounded_by_the_rows(monkeypatch):
    monkeypatch.setattr("kreis.training.encoders.tf_idf.CELLS", 9)
    found = TfIdf(least=1).fit(_column(["one two", "two", "three two one"]), Targets(np.zeros(3)), seed=0)
    assert len(found.vocabulary) == 3


def test_a_formula_and_rows_without_texts_need_none():
    rows = spam()
    fitted = fit_candidate(Mean(), rows, TASK, seed=1, threads=1)
    assert np.allclose(fitted.scorer().score(rows.matrix, rows.texts), rows.outcomes.mean())


def test_a_scorer_says_which_texts_it_lacks():
    rows = spam()
    scorer = fit_candidate(Logistic(), rows, TASK, seed=1, threads=1).scorer()
    for wrong in (None, rows.texts[:, :1], rows.texts[1:]):
        with pytest.raises(ProjectError, match="reads 2 texts a row"):
            scorer.score(rows.matrix, wrong)
    assert scorer.score(rows.matrix[:0], rows.texts[:0]).shape == (0,)
    many = np.repeat(rows.texts, 4, axis=0)
    matrix = np.repeat(rows.matrix, 4, axis=0)
    assert np.allclose(scorer.score(matrix, many)[::4], scorer.score(rows.matrix, rows.texts))


@pytest.fixture(scope="module")
def model():
    return onnx.load_from_string(fit_candidate(Logistic(), spam(), TASK, seed=1, threads=1).form.content)


def test_exactly_one_operator_of_another_domain_is_let_in(model):
    check_graph(model.SerializeToString(), 3)
    assert {node.domain for node in model.graph.node} == {"", "com.microsoft"}
    assert {node.op_type for node in model.graph.node if node.domain == "com.microsoft"} == {"Tokenizer"}
    for domain, operator in (("com.microsoft", "Inverse"), ("com.acme", "Tokenizer")):
        other = onnx.ModelProto()
        other.CopyFrom(model)
        node = next(each for each in other.graph.node if each.domain == "com.microsoft")
        node.domain, node.op_type = domain, operator
        with pytest.raises(RefusalError, match="another domain"):
            check_graph(other.SerializeToString(), 3)


def test_a_second_input_is_texts_or_refused(model):
    for name, kind in (("words", onnx.TensorProto.STRING), ("texts", onnx.TensorProto.FLOAT)):
        other = onnx.ModelProto()
        other.CopyFrom(model)
        other.graph.input[1].name = name
        other.graph.input[1].type.tensor_type.elem_type = kind
        with pytest.raises(RefusalError, match="its input is not"):
            check_graph(other.SerializeToString(), 3)
        with pytest.raises(RefusalError):
            OnnxScorer.from_onnx(other.SerializeToString())
    third = onnx.ModelProto()
    third.CopyFrom(model)
    third.graph.input.append(onnx.helper.make_tensor_value_info("more", onnx.TensorProto.STRING, ["n", 1]))
    with pytest.raises(RefusalError, match="its input is not"):
        check_graph(third.SerializeToString(), 3)
