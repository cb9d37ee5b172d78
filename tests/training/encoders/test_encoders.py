"""Every encoder of categories passes the suite that kreis ships, and what is particular to each."""

from __future__ import annotations

import numpy as np
import pytest

from kreis.errors import ProjectError
from kreis.expressions.scalars import category
from kreis.training.encoders.encoder import Column
from kreis.training.encoders.mean_order import MeanOrder
from kreis.training.encoders.native import Native
from kreis.training.encoders.one_hot import OneHot
from kreis.training.encoders.ordinal import Ordinal
from kreis.training.encoders.target_mean import TargetMean
from kreis.training.encoders.targets import Targets
from kreis.training.encoders.testing import CHECKS, example_column

ENCODERS = (MeanOrder, Native, OneHot, Ordinal, TargetMean)
NUMBERS = np.random.default_rng(1).normal(size=900)
LABELS = {
    "yes and no": NUMBERS > 0.4,
    "numbers": NUMBERS,
    "classes": np.digitize(NUMBERS, [-0.5, 0.5]).astype(np.int64),
    "labels": np.stack([NUMBERS > 0, NUMBERS > 1], axis=1),
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("make", ENCODERS, ids=lambda make: make.name)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_encoder_behaves(check, make, labels):
    check(make, labels)


def rows_of(*counts: int) -> tuple[Column, np.ndarray]:
    """Categories 1, 2, …, with so many rows each."""
    numbers = np.repeat(np.arange(1.0, len(counts) + 1), counts)
    return Column(numbers=numbers.astype(np.float32), names={1.0: "pear", 2.0: "apple", 3.0: "fig"}), numbers


def test_the_order_is_that_of_what_happened_on_average():
    column, numbers = rows_of(20, 20, 20)
    chance = np.tile(np.arange(20) / 20, 3)
    happened = chance < np.select([numbers == 1, numbers == 2], [0.5, 0.9], 0.1)
    assert MeanOrder().fit(column, Targets(happened), seed=0).numbers.tolist() == [3, 1, 2]


def test_of_two_classes_the_order_is_that_of_yes_and_no_or_its_reverse():
    column = example_column()
    yes = NUMBERS + np.nan_to_num(column.numbers) % 7 / 5 > 0.4
    order = MeanOrder().fit(column, Targets(yes), seed=0).numbers.tolist()
    of_classes = MeanOrder().fit(column, Targets(yes.astype(np.int64)), seed=0).numbers.tolist()
    assert of_classes in (order, order[::-1])


def test_of_several_classes_categories_with_like_frequencies_stand_together():
    column, numbers = rows_of(30, 30, 30, 30)
    third = np.tile(np.arange(30) % 3, 4)
    labels = np.where((numbers == 1) | (numbers == 4), np.minimum(third, 1), np.maximum(third, 1)).astype(np.int64)
    order = MeanOrder().fit(column, Targets(labels), seed=0).numbers.tolist()
    assert sorted(order[:2]) in ([1, 4], [2, 3])


def test_where_nothing_is_known_of_outcomes_the_commonest_comes_first():
    column, _ = rows_of(15, 30, 20)
    nothing = Targets(np.full(65, np.nan))
    assert MeanOrder().fit(column, nothing, seed=0).numbers.tolist() == [2, 3, 1]
    with pytest.raises(ProjectError, match="no outcomes"):
        TargetMean().fit(column, nothing, seed=0)


def test_rows_whose_outcome_is_not_known_do_not_count_in_a_mean():
    column, numbers = rows_of(40, 20)
    happened = np.where(np.arange(60) % 40 < 20, np.where(numbers == 1, 0.8, 0.5), np.nan)
    assert MeanOrder().fit(column, Targets(happened), seed=0).numbers.tolist() == [2, 1]


def test_an_order_of_texts_is_sorted_or_as_it_is_said():
    column, _ = rows_of(15, 30, 20)
    assert Ordinal().fit(column, Targets(NUMBERS[:65]), seed=0).numbers.tolist() == [2, 3, 1]
    said = Ordinal(("low", "high")).fit(column, Targets(NUMBERS[:65]), seed=0)
    given = said.encode(Column(numbers=np.array([category("high"), category("low"), 1.0], np.float32)))
    assert np.array_equal(given[:, 0], [1.0, 0.0, np.nan], equal_nan=True)


def test_one_hot_columns_are_those_of_scikit_learn():
    from sklearn.preprocessing import OneHotEncoder

    column, numbers = rows_of(15, 30, 20)
    ours = OneHot().fit(column, Targets(NUMBERS[:65]), seed=0)
    theirs = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(numbers[:, None])
    asked = np.append(numbers, [9.0, np.nan]).astype(np.float32)
    assert np.array_equal(ours.encode(Column(numbers=asked))[:, [2, 0, 1]], theirs.transform(asked[:, None]))
    assert ours.names == (" = apple", " = fig", " = pear")


def test_a_mean_is_drawn_to_that_of_all_rows():
    column, numbers = rows_of(10, 90)
    found = TargetMean().fit(column, Targets(numbers == 1), seed=0)
    assert found.encode(Column(numbers=np.array([1, 2, np.nan], np.float32)))[:, 0] == pytest.approx(
        [(10 + 10 * 0.1) / 20, 1 / 100, 0.1]
    )


def test_rows_that_teach_do_not_see_their_own_outcome():
    """Of categories that tell nothing, the full mean tells the outcomes that it was made of; theirs does not."""
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(8)
    column = Column(numbers=rng.integers(0, 400, 6_000).astype(np.float32))
    happened = rng.random(6_000) < 0.3
    found = TargetMean().fit(column, Targets(happened), seed=2)
    assert roc_auc_score(happened, found.encode(column)[:, 0]) > 0.6
    assert abs(roc_auc_score(happened, found.taught[:, 0]) - 0.5) < 0.03


def test_codes_of_a_trainer_that_splits_categories_are_whole_and_start_with_the_commonest():
    column, _ = rows_of(15, 30, 20)
    found = Native().fit(column, Targets(NUMBERS[:65]), seed=0)
    assert (found.kind, found.numbers.tolist()) == ("category", [2, 3, 1])
