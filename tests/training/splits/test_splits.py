"""Every kind of split does what a split must do, and the promises of its own."""

import numpy as np
import polars as pl
import pytest

from kreis.errors import ProjectError
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.tasks.multiclass.cost_matrix import CostMatrix
from kreis.tasks.regression.error_cost import ErrorCost
from kreis.training.splits.at_random import RandomSplit
from kreis.training.splits.by_group import GroupSplit
from kreis.training.splits.cross_validation import CrossValidation
from kreis.training.splits.given_test import GivenTest
from kreis.training.splits.in_time import TimeSplit
from kreis.training.splits.testing import CHECKS, labels_of, rows

KINDS = {
    "in time": lambda: TimeSplit(test="30d"),
    "at random": lambda: RandomSplit(),
    "at random, unstratified": lambda: RandomSplit(stratified=False),
    "by group": lambda: GroupSplit(by="patient"),
    "given": lambda: GivenTest(),
    "in folds": lambda: CrossValidation(),
    "in folds, repeated": lambda: CrossValidation(folds=3, repeats=2, stratified=False),
    "in folds of groups": lambda: CrossValidation(by="patient"),
}
YES = DecisionValue("EUR", true_positive=2, false_positive=-1).task
NUMBERS = ErrorCost("EUR", over=1, under=2).task


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", KINDS)
def test_a_split_behaves(kind, check):
    check(KINDS[kind])


def names(count, start=0):
    return np.array([f"row {number}" for number in range(start, start + count)], dtype=object)


def parted(rule, outcomes, labels=None, task=YES):
    time = np.zeros(len(outcomes), dtype=np.int64)
    return rule.split(time, time, outcomes, task=task, labels=labels)


def test_a_stratified_split_gives_each_part_its_share_of_a_rare_outcome():
    outcomes = (np.arange(2_000) % 100 == 0).astype(float)
    split = parted(RandomSplit(), outcomes, names(2_000))
    assert (len(split.test), outcomes[split.test].sum()) == (400, 4)
    assert abs(len(split.validation) - 320) <= 1
    assert outcomes[split.validation].sum() in (3, 4)


def test_a_stratified_split_of_numbers_takes_each_tenth_alike():
    outcomes = np.random.default_rng(1).exponential(size=1_000)
    split = parted(RandomSplit(), outcomes, names(1_000), NUMBERS)
    edges = np.quantile(outcomes, np.linspace(0, 1, 11))
    counts = np.histogram(outcomes[split.test], edges)[0]
    assert set(counts) == {20}


def test_classes_of_few_rows_have_their_share_all_together():
    """A hundred classes of two rows each: none has a whole row for a fifth."""
    names_of_classes = [f"class {number}" for number in range(100)]
    task = CostMatrix("EUR", classes=names_of_classes, wrong=1.0).task
    outcomes = np.repeat(task.read_outcomes(pl.Series(names_of_classes), None, where="here").to_numpy(), 2)
    split = parted(RandomSplit(), outcomes, names(200), task)
    assert 25 <= len(split.test) <= 55
    assert len(set(outcomes[split.test])) == len(split.test)


def test_another_seed_draws_other_rows():
    outcomes = np.arange(500) % 2.0
    first, second = (parted(RandomSplit(seed=seed), outcomes, names(500)) for seed in (0, 1))
    assert len(np.intersect1d(first.test, second.test)) < 60


def test_rows_that_come_leave_those_that_were_there_in_their_part():
    outcomes = (np.random.default_rng(2).random(3_000) < 0.3).astype(float)
    before = parted(RandomSplit(), outcomes[:2_000], names(2_000))
    after = parted(RandomSplit(), outcomes, names(3_000))
    stayed = np.isin(before.test, after.test).mean()
    assert stayed > 0.93, stayed
    reordered = np.random.default_rng(3).permutation(2_000)
    again = parted(RandomSplit(), outcomes[:2_000][reordered], names(2_000)[reordered])
    assert set(reordered[again.test]) == set(before.test)


def test_rows_that_hold_the_same_lie_but_for_few_on_one_side():
    content = [f"{number:016x}" for number in range(400)]
    labels = np.array([*content, *(f"{name}-2" for name in content)], dtype=object)
    outcomes = np.tile((np.arange(400) % 3 == 0).astype(float), 2)
    split = parted(RandomSplit(), outcomes, labels)
    apart = np.isin(split.test % 400, split.train % 400).sum()
    assert apart <= 4, apart


def test_a_group_is_never_divided_and_groups_of_any_size_fill_the_parts():
    groups = np.repeat([f"patient {number}" for number in range(40)], np.arange(1, 41)).astype(object)
    outcomes = np.arange(len(groups)) % 2.0
    split = parted(GroupSplit(by="patient"), outcomes, groups)
    parts = [set(groups[rows]) for rows in (split.fit, split.validation, split.test)]
    assert not parts[2] & (parts[0] | parts[1])
    assert not parts[0] & parts[1]
    assert 0.2 <= len(split.test) / len(groups) < 0.26


def test_rows_without_a_group_are_refused():
    with pytest.raises(ProjectError, match="3 rows have no 'patient'"):
        parted(GroupSplit(by="patient"), np.arange(9) % 2.0, np.array([""] * 3 + ["a"] * 6, dtype=object))


def test_a_given_test_is_the_test():
    given = rows(500)
    labels = labels_of(GivenTest(), 500)
    split = GivenTest().split(**given, labels=labels)
    assert np.array_equal(split.test, np.flatnonzero(labels == "test"))
    assert abs(len(split.validation) - 80) <= 1


def test_folds_have_like_sizes_and_kinds_and_repeats_have_other_folds():
    outcomes = (np.arange(1_000) % 50 == 0).astype(float)
    split = parted(CrossValidation(folds=5, repeats=2), outcomes, names(1_000))
    assert [len(fold.test) for fold in split.folds] == [200] * 10
    assert [outcomes[fold.test].sum() for fold in split.folds] == [4] * 10
    assert len(np.intersect1d(split.folds[0].test, split.folds[5].test)) < 70
    assert [len(split.train), len(split.validation)] == [1_000, 200]
    assert np.array_equal(np.sort(split.judging[:1_000]), np.arange(1_000))


def test_a_single_fold_is_none():
    with pytest.raises(ProjectError, match="folds must be at least 2, not 1"):
        CrossValidation(folds=1)


def test_a_share_lies_between_nothing_and_all():
    for make in (
        lambda: RandomSplit(test=1.0),
        lambda: GroupSplit(by="a", validation=0),
        lambda: GivenTest(validation=2),
    ):
        with pytest.raises(ProjectError, match="share between 0 and 1"):
            make()
