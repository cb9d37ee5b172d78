"""Every part of an answer passes the suite that kreis ships."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kreis.errors import RefusalError
from kreis.models.answer_parts.familiarity import FamiliarFeature, FamiliarityScore
from kreis.models.answer_parts.grid import QuantileGrid
from kreis.models.answer_parts.grouped import Grouped
from kreis.models.answer_parts.intervals import CoverageInterval
from kreis.models.answer_parts.levels import Levels
from kreis.models.answer_parts.opened import OpenedParts
from kreis.models.answer_parts.part import AnswerPart
from kreis.models.answer_parts.reasons import FeatureReasons
from kreis.models.answer_parts.sets import CoverageSet, strangeness
from kreis.models.answer_parts.testing import CHECKS, Asked, Sample
from kreis.models.explanations.additive import Additive
from kreis.models.explanations.explainer import Explanation
from kreis.models.explanations.weights import Weights

BY_REGION = Grouped(0.7, "region", {"north": 0.55, "3": 0.9})
GRID = QuantileGrid((0.8, 0.9, 0.95), (0.5, 0.7, 0.8), {"north": (0.4, 0.55), "3": (0.6, 0.9, 0.95)})
ADAPTED = Grouped(0.7, "region", {"north": 0.55, "3": 0.9}, GRID, Levels(0.9))
ASKED = [Asked(), Asked(fields={"region": "north"}), Asked(fields={"region": 3.0}), Asked(keys={"region": "west"})]
YES_NO = np.array([0.2, 0.65, 0.65, 0.93])
CLASSES = np.array([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.05, 0.05, 0.9]])


def sample(part: AnswerPart, scores: np.ndarray) -> Sample:
    matrix = np.full((4, 2), np.nan, dtype=np.float32)
    matrix[:, 0] = 1.0
    return Sample(part=part, features=["a", "b"], matrix=matrix, scores=scores, asked=ASKED)


def reasons(scores: np.ndarray) -> Sample:
    """Of a model that adds up two features; its numbers are not looked at."""
    count = 1 if scores.ndim == 1 else scores.shape[1]
    ones, none = np.ones((2, count)), np.zeros((2, count))
    weights = Weights(weights=ones, means=np.zeros(2), medians=np.zeros(2), flags=none, absent=np.zeros(2))
    kept = Explanation.of(Additive.of(weights, ["a", "b"], outputs=count, link="identity" if count == 1 else "softmax"))
    names = () if count == 1 else ("x", "y", "z")
    part = FeatureReasons(most=1, explanation=kept.stored, categories={"a": ["red"]}, names=names)
    return dataclasses.replace(sample(part, scores), contents={kept.sha256: kept.content})


SAMPLES = {
    "yes or no": sample(CoverageSet(level=0.9, quantile=BY_REGION, rows=100), YES_NO),
    "classes": sample(CoverageSet(level=0.9, classes=["a", "b", "c"], quantile=BY_REGION, rows=100), CLASSES),
    "classes, cumulative": sample(
        CoverageSet(level=0.9, classes=["a", "b", "c"], cumulative=True, quantile=Grouped(0.9), rows=100), CLASSES
    ),
    "yes or no, at a level of its own": sample(
        CoverageSet(level=0.9, quantile=ADAPTED, rows=100).at_levels(Levels(0.8, {"3": 0.95})), YES_NO
    ),
    "a number, at a level of its own": sample(CoverageInterval(level=0.9, quantile=ADAPTED, rows=100), YES_NO),
    "a number": sample(CoverageInterval(level=0.9, quantile=BY_REGION, rows=100, at_least=0.0), YES_NO),
    "a number with spreads": sample(
        CoverageInterval(level=0.9, quantile=Grouped(2.0), rows=9, edges=(0.5,), spreads=(0.1, 1.0)), YES_NO
    ),
    "reasons": reasons(YES_NO),
    "reasons of classes": reasons(CLASSES),
    "quantiles": sample(CoverageInterval(level=0.9, quantile=Grouped(-0.3), rows=100, several=True), CLASSES),
}


@pytest.mark.parametrize("kind", SAMPLES)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_part_behaves(check, kind):
    check(SAMPLES[kind])


def test_a_set_holds_what_is_strange_by_at_most_the_quantile_of_its_group():
    said = SAMPLES["yes or no"].part.many(SAMPLES["yes or no"].matrix, YES_NO, ASKED)
    assert [each["set"] for each in said] == [[False], [True], [False, True], [True]]
    assert [each["group"] for each in said] == [None, "north", "3", None]


def test_at_another_level_a_set_says_so_and_holds_what_its_quantile_allows():
    part = CoverageSet(level=0.9, quantile=ADAPTED, rows=100)
    said = part.at_levels(Levels(0.8, {"3": 0.95})).many(SAMPLES["yes or no"].matrix, YES_NO, ASKED)
    assert [each["adapted_level"] for each in said] == [0.8, 0.8, 0.95, 0.8]
    assert [each["set"] for each in said] == [[False], [True], [False, True], [True]]
    assert [each["level"] for each in said] == [0.9] * 4
    assert part.at_levels(Levels(0.9)).many(SAMPLES["yes or no"].matrix, YES_NO, ASKED) == [
        {**each, "adapted_level": 0.9} for each in SAMPLES["yes or no"].part.many(None, YES_NO, ASKED)
    ]
    assert "said at a level of 0.8000" in part.said(said[0])
    assert SAMPLES["yes or no"].part.at_levels(Levels(0.5)) == SAMPLES["yes or no"].part  # it has no others


def test_a_value_is_held_to_what_happened():
    assert CoverageSet(level=0.9, quantile=BY_REGION, rows=9).held({"set": [True]}, True)
    assert not CoverageSet(level=0.9, classes=["a", "b"], quantile=BY_REGION, rows=9).held({"set": ["a"]}, 1)
    interval = CoverageInterval(level=0.9, quantile=Grouped(1.0), rows=9)
    assert [interval.held({"low": 1.0, "high": 2.0}, each) for each in (1.0, 2.0, 2.1)] == [True, True, False]


def test_a_set_of_classes_is_never_empty_and_the_cumulative_one_counts_what_is_likelier():
    least = CoverageSet(level=0.9, classes=["a", "b", "c"], quantile=Grouped(0.0), rows=100)
    assert least.included(CLASSES, None).sum(axis=1).tolist() == [1, 1, 1, 1]
    assert strangeness(CLASSES[2:3]).round(9).tolist() == [[0.7, 0.7, 0.0]]
    assert strangeness(CLASSES[2:3], cumulative=True).round(9).tolist() == [[0.4, 0.7, 0.0]]


def test_an_interval_reaches_as_far_as_errors_at_such_a_score_and_keeps_to_what_is_possible():
    spread = SAMPLES["a number with spreads"].part
    low, high = spread.ends(np.array([0.5, 0.6]), None)
    assert low.tolist() == pytest.approx([0.3, -1.4])
    assert high.tolist() == pytest.approx([0.7, 2.6])
    bounded = CoverageInterval(level=0.9, quantile=Grouped(1.0), rows=9, at_least=0.0, at_most=1.0)
    assert [end.tolist() for end in bounded.ends(np.array([0.6]), None)] == [[0.0], [1.0]]


def test_quantiles_that_were_too_far_apart_are_brought_nearer_and_never_crossed():
    part = CoverageInterval(level=0.9, quantile=Grouped(-0.3), rows=100, several=True)
    low, high = part.ends(np.array([[0.0, 0.5, 1.0], [0.2, 0.3, 0.4]]), None)
    assert low.tolist() == pytest.approx([0.3, 0.3])
    assert high.tolist() == pytest.approx([0.7, 0.3])


def test_a_part_that_fails_costs_no_answer(caplog):
    parts = OpenedParts([SAMPLES["classes"].part, SAMPLES["a number"].part], {}.__getitem__, ["a", "b"])
    many = parts.many(SAMPLES["yes or no"].matrix, [[0.5], [0.6], [0.7], [0.8]], ASKED)
    assert [each["coverage"] is None for each in many] == [False] * 4  # the second one's values stand
    broken = OpenedParts([SAMPLES["classes"].part], {}.__getitem__, ["a", "b"])
    assert broken.one([1.0, 2.0], [0.5, 0.5], ASKED[0]) == {"coverage": None}
    assert "an answer goes without its coverage" in caplog.text


def test_a_part_of_other_features_is_refused_in_a_sentence():
    strange = FamiliarFeature(name="c", surprise=(1.0,), missing=0.0)
    part = FamiliarityScore(features=(strange,), known=(1.0,), rows=5)
    with pytest.raises(RefusalError, match="part familiarity of the answers: it cannot be opened"):
        OpenedParts([part], {}.__getitem__, ["a", "b"])
    with pytest.raises(RefusalError, match="part reasons"):
        OpenedParts([SAMPLES["reasons"].part], {}.__getitem__, ["a", "b"])
