"""agreement, share_by_judge: published values, chance, and judges who are wrong."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from kreis.errors import ProjectError
from kreis.evaluation.agreement import Scale, agreement, share_by_judge

NAN = math.nan
KRIPPENDORFF_2011 = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
    [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
]


@pytest.mark.parametrize(("scale", "expected"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_is_that_of_the_paper(scale: Scale, expected: float) -> None:
    found = agreement(KRIPPENDORFF_2011, scale=scale)
    assert round(found.value, 3) == expected
    assert found.low < found.value < found.high
    assert found.blocks == 11  # the last item has one label


def test_labels_by_chance_agree_as_by_chance() -> None:
    draws = np.random.default_rng(1).integers(0, 3, size=(3, 4000))
    assert abs(agreement(draws).value) < 0.02


@pytest.mark.simulation
def test_the_interval_holds_the_truth_as_often_as_it_says(simulations: Any) -> None:
    generator = np.random.default_rng(2)
    truth = agreement(_noisy(generator, 40_000)).value
    inside, runs = 0, simulations.runs(100)
    for _ in range(runs):
        found = agreement(_noisy(generator, 60))
        inside += found.low <= truth <= found.high
    simulations.at_least("interval of agreement, of 60 items", inside, runs, 0.93)


def _noisy(generator: np.random.Generator, items: int) -> np.ndarray:
    true = generator.integers(0, 2, size=items)
    wrong = generator.random((3, items)) < 0.15
    return np.where(wrong, 1 - true, true).astype(float)


@pytest.mark.parametrize("items", [2, 10, 100])
def test_full_agreement_on_few_items_is_no_certainty(items: int) -> None:
    labels = [n % 2 for n in range(items)]
    found = agreement([labels, labels])
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low < {2: 0.0, 10: 0.5, 100: 0.95}[items]


def test_one_label_alone_tells_no_agreement() -> None:
    found = agreement([[1, 1, 1], [1, 1, 1]])
    assert not found.defined
    assert found.warning


def test_few_of_a_label_leave_the_share_to_the_people() -> None:
    found = share_by_judge([1, 1, 1], [1, 1, 1], [1] * 500)
    assert (found.value, found.n) == (1.0, 3)
    assert found.low < 0.4  # three of three say little, whatever the judge says of 500 more


def test_one_label_an_item_says_nothing_of_agreement() -> None:
    with pytest.raises(ProjectError, match="no item was labelled by two people"):
        agreement([[1, NAN], [NAN, 2]])


@pytest.mark.parametrize("right", [0.95, 0.5, 0.1])
def test_a_judge_may_be_wrong_and_the_share_is_right(right: float) -> None:
    generator = np.random.default_rng(3)
    inside, widths, alone = 0, [], []
    for _ in range(300):
        people = generator.random(1_000) < 0.3
        judge = np.where(generator.random(1_000) < right, people, ~people)
        found = share_by_judge(people[:200], judge[:200], judge[200:])
        inside += found.low <= 0.3 <= found.high
        widths.append(found.high - found.low)
        only = share_by_judge(people[:200], judge[:200], [])
        alone.append(only.high - only.low)
    assert 275 <= inside <= 295
    ratio = np.mean(widths) / np.mean(alone)
    assert (
        ratio < 0.65 if right == 0.95 else ratio < 1.02
    )  # one that helps narrows it; one that does not, costs nothing


def test_people_and_judge_on_other_items_are_refused() -> None:
    with pytest.raises(ProjectError, match="people labelled 3 items, the judge 2"):
        share_by_judge([1, 0, 1], [1, 0], [1])
