"""The reasons of one answer, in the words of who asked."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kreis.expressions.scalars import category
from kreis.models.explanations.explainer import Explainer
from kreis.models.explanations.reasons import ANOTHER, Spoken, explained, place_of
from kreis.models.form import Onnx
from kreis.tasks.task import Loss
from kreis.training.candidates.linear import Linear
from kreis.training.encoders.encoded import EncodedFeatures
from kreis.training.encoders.encoder import Column
from kreis.training.encoders.one_hot import OneHot
from kreis.training.encoders.targets import Targets
from kreis.training.encoders.tf_idf import TfIdf

FEATURES = ("row__kind", "row__said", "row__age")
SPOKEN = Spoken(FEATURES, {"row__kind": ["car", "boat"]}, {"row__said": "said"})
NUMBERS = [float(category("car")), float(category("a text")), 40.0]


def test_values_are_as_the_user_wrote_them() -> None:
    assert SPOKEN.values(NUMBERS, {"said": "a text"}) == ["car", "a text", 40.0]
    assert SPOKEN.values([float(category("plane")), None, np.nan], {}) == [ANOTHER, None, None]
    of_fields = dataclasses.replace(SPOKEN, fields={"row__kind": "kind"})
    assert of_fields.values([float(category("plane")), None, None], {"kind": "plane"})[0] == "plane"


def test_categories_and_texts_are_one_feature_each_and_words_are_named() -> None:
    rng = np.random.default_rng(0)
    kinds, texts = rng.choice(["car", "boat"], 300), rng.choice(["old and red", "new and blue", "nothing"], 300)
    matrix = np.stack([[category(each) for each in kinds], np.zeros(300), rng.normal(40, 9, 300)], axis=1)
    matrix, said = matrix.astype(np.float32), texts.astype(object)[:, None]
    target = 3.0 * (kinds == "car") + 2.0 * (texts == "old and red") + rng.normal(size=300)
    names = {float(category(each)): each for each in ("car", "boat")}
    encodings = {
        "row__kind": OneHot().fit(Column(numbers=matrix[:, 0], names=names), Targets(target), seed=0),
        "row__said": TfIdf().fit(Column(numbers=matrix[:, 1], texts=said[:, 0]), Targets(target), seed=0),
    }
    encoded = EncodedFeatures(FEATURES, encodings, ["row__said"])
    options = {"loss": Loss("squared"), "seed": 0, "threads": 1, "kinds": encoded.kinds}
    inner = Linear().fit(encoded.encode(matrix, said), target, encoded.names, **options)
    whole = inner.then(Onnx.of(encoded.in_front_of(inner.form.content)), encoded.explained)
    (told,) = explained(Explainer(whole.additive), SPOKEN, NUMBERS, {"said": "Red and OLD"})
    by = {each.feature: each for each in told.reasons}
    assert set(by) == set(FEATURES)
    assert (by["row__kind"].value, by["row__said"].value) == ("car", "Red and OLD")
    assert set(by["row__said"].words) >= {"red", "old"}
    assert sum(by["row__said"].words.values()) == pytest.approx(by["row__said"].adds, abs=0.5)
    assert told.base + sum(each.adds for each in told.reasons) == pytest.approx(told.margin, abs=1e-9)
    (few,) = explained(Explainer(whole.additive), SPOKEN, NUMBERS, {"said": "Red and OLD"}, most=1)
    assert few.base + few.reasons[0].adds + few.others == pytest.approx(told.margin, abs=1e-9)


def test_of_several_numbers_the_one_that_was_decided_is_explained() -> None:
    assert place_of(["a", "b", "c"], "b", [0.5, 0.3, 0.2]) == 1
    assert place_of(["a", "b"], ["b"], [0.4, 0.6]) == 1
    assert place_of(["a", "b"], [], [0.4, 0.1]) == 0
    assert place_of(["0.1", "0.5", "0.9"], 7.0, [5.0, 7.0, 9.0]) == 1
