"""Nothing that was not known at the cut-off teaches, and nothing that teaches judges."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kreis.clock import microseconds, parse_time
from kreis.errors import ProjectError
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.training.splits.in_time import TimeSplit

YES = DecisionValue("EUR", true_positive=2, false_positive=-1).task
DAY = 86_400_000_000
START = microseconds(parse_time("2013-01-01"))


@st.composite
def histories(draw):
    n = draw(st.integers(1, 200))
    days = draw(st.lists(st.integers(0, 60), min_size=n, max_size=n))
    delays = draw(st.lists(st.integers(0, 20), min_size=n, max_size=n))
    time = START + np.array(days, dtype=np.int64) * DAY // 2
    known_at = time + np.array(delays, dtype=np.int64) * DAY // 4
    outcomes = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    rule = TimeSplit(
        test=draw(st.sampled_from(["1d", "5d", "12h"])),
        gap=draw(st.sampled_from([None, "1d", "36h"])),
        validation=draw(st.floats(0.05, 0.9)),
    )
    until = draw(st.one_of(st.none(), st.integers(20, 60).map(lambda day: START + day * DAY // 2)))
    horizon = timedelta(hours=draw(st.sampled_from([0, 12, 72])))
    return rule, time, known_at, outcomes, until, horizon


@settings(deadline=None)
@given(histories())
def test_split_leaks_nothing(history):
    rule, time, known_at, outcomes, until, horizon = history
    try:
        split = rule.split(time, known_at, outcomes, until=until, horizon=horizon, task=YES)
    except ProjectError:
        return
    waits = horizon // timedelta(microseconds=1)
    complete = np.maximum(known_at, time + waits)
    assert time[split.train].max() < split.train_end <= split.test_start <= time[split.test].min()
    assert complete[split.train].max() <= split.train_end
    assert time[split.fit].max() < split.validation_start <= time[split.validation].min()
    assert complete[split.fit].max() <= split.validation_start
    assert not set(split.train) & set(split.test)
    assert not set(split.fit) & set(split.validation)
    assert set(split.fit) | set(split.validation) <= set(split.train)
    assert set(split.train) == set(np.flatnonzero((time < split.train_end) & (complete <= split.train_end)))
    if until is not None:
        assert (time[split.test] + waits < until).all()
    for part in (split.fit, split.validation, split.train, split.test):
        assert (np.diff(part) > 0).all()
        assert 0 < outcomes[part].sum() < len(part)


@settings(deadline=None)
@given(histories(), st.randoms(use_true_random=False))
def test_split_does_not_depend_on_the_order_of_rows(history, random):
    rule, time, known_at, outcomes, until, horizon = history
    order = np.array(random.sample(range(len(time)), len(time)))
    options = {"until": until, "horizon": horizon}
    try:
        split = rule.split(time, known_at, outcomes, **options, task=YES)
    except ProjectError:
        with pytest.raises(ProjectError):
            rule.split(time[order], known_at[order], outcomes[order], **options, task=YES)
        return
    shuffled = rule.split(time[order], known_at[order], outcomes[order], **options, task=YES)
    for part in ("fit", "validation", "train", "test"):
        assert set(order[getattr(shuffled, part)]) == set(getattr(split, part))


def test_split_leaves_out_what_is_too_young_at_each_cut_off_though_it_is_known():
    time = START + np.arange(60, dtype=np.int64) * DAY
    rule = TimeSplit(test="10d", validation=0.25)
    split = rule.split(time, time, np.arange(60) % 2 == 0, until=START + 60 * DAY, horizon=timedelta(days=4), task=YES)
    assert split.test.tolist() == list(range(46, 56))  # the last ten days of complete time
    assert split.train.tolist() == list(range(43))  # 46 - 4, and the one that is complete at that very moment
    assert split.validation.tolist() == list(range(32, 43))
    assert split.fit.tolist() == list(range(29))


def test_split_ends_where_told():
    time = START + np.arange(100, dtype=np.int64) * DAY
    split = TimeSplit(test="10d", gap="5d").split(time, time, np.arange(100) % 2 == 0, until=START + 60 * DAY, task=YES)
    assert split.test.tolist() == list(range(50, 60))
    assert split.train.tolist() == list(range(45))
    assert split.validation.tolist() == list(range(36, 45))
    assert split.fit.tolist() == list(range(36))


def test_split_without_rows_says_so():
    empty = np.empty(0, dtype=np.int64)
    with pytest.raises(ProjectError, match="no row has an outcome"):
        TimeSplit().split(empty, empty, np.empty(0, dtype=bool), task=YES)


def test_split_tests_whole_days():
    time = START + np.arange(600, dtype=np.int64) * DAY // 10
    until = START + 60 * DAY
    split = TimeSplit(test="10d").split(
        time, time, np.arange(600) % 2 == 0, until=until, horizon=timedelta(hours=36), task=YES
    )
    assert (split.test_start, split.test_end) == (START + 48 * DAY, START + 58 * DAY)
    split = TimeSplit(test="36h").split(
        time, time, np.arange(600) % 2 == 0, until=until, horizon=timedelta(hours=36), task=YES
    )
    assert split.test_end == START + 58 * DAY + DAY // 2
    assert split.test_start == START + 57 * DAY


def test_split_ends_after_the_last_row_where_no_end_is_given():
    time = START + np.arange(60, dtype=np.int64) * DAY
    split = TimeSplit(test="10d").split(time, time, np.arange(60) % 2 == 0, task=YES)
    assert (split.test_start, split.test_end) == (START + 49 * DAY + 1, START + 59 * DAY + 1)
    assert split.test.tolist() == list(range(50, 60))


def test_split_needs_one_row_of_either_outcome_in_each_part():
    time = START + np.arange(60, dtype=np.int64) * DAY
    until, rule = START + 60 * DAY, TimeSplit(test="10d")
    for rare in (True, False):
        some = np.full(60, not rare)
        some[[3, 45, 55]] = rare
        split = rule.split(time, time, some, until=until, task=YES)
        assert [int((some[part] == rare).sum()) for part in (split.fit, split.validation, split.test)] == [1, 1, 1]
        for number, part in ((3, "fit"), (45, "validation"), (55, "test")):
            lacking = some.copy()
            lacking[number] = not rare
            with pytest.raises(ProjectError, match=f"the {part} part, .* all with the outcome {not rare}"):
                rule.split(time, time, lacking, until=until, task=YES)


def test_split_keeps_a_share_for_validation_and_no_row_more():
    time = START + np.arange(25, dtype=np.int64) * DAY
    with pytest.raises(ProjectError, match=r"the validation part, .* has 1 row,"):
        TimeSplit(test="10d", validation=0.05).split(
            time, time, np.arange(25) % 2 == 0, until=START + 25 * DAY, task=YES
        )


def test_split_of_rows_that_end_long_ago_says_until_when_and_what_to_set():
    time = START + np.arange(100, dtype=np.int64) * DAY
    until = START + 400 * DAY
    with pytest.raises(ProjectError, match="no rows: the last outcome is complete on 2013-04-14") as caught:
        TimeSplit().split(time, time, np.arange(100) % 2 == 0, until=until, horizon=timedelta(days=4), task=YES)
    assert 'set as_of = "2013-04-15" in kreis.toml' in caught.value.hint
    until = microseconds(parse_time("2013-04-15"))
    split = TimeSplit().split(time, time, np.arange(100) % 2 == 0, until=until, horizon=timedelta(days=4), task=YES)
    assert len(split.test)


def test_split_of_a_short_history_names_the_part_and_its_dates():
    time = START + np.arange(10, dtype=np.int64) * DAY
    with pytest.raises(ProjectError, match="the train part, 2013-01-01 00:00 to 2012-12-11 00:00 UTC, has no rows"):
        TimeSplit().split(time, time, np.arange(10) % 2 == 0, task=YES)


def test_split_without_a_complete_outcome_before_the_test_says_how_long_outcomes_take():
    time = START + np.arange(100, dtype=np.int64) * DAY
    until, takes = START + 190 * DAY, timedelta(days=90)
    with pytest.raises(ProjectError, match=r"no rows: 70 rows ask before its end, .* \(outcomes take 90 days\)"):
        TimeSplit().split(time, time + 90 * DAY, np.arange(100) % 2 == 0, until=until, horizon=takes, task=YES)


def test_split_with_one_outcome_counts_its_rows():
    time = START + np.arange(100, dtype=np.int64) * DAY
    with pytest.raises(ProjectError, match=r"the test part, .* has 30 rows, all with the outcome False"):
        TimeSplit().split(time, time, (np.arange(100) % 2 == 0) & (np.arange(100) < 60), task=YES)


@pytest.mark.parametrize(
    "wrong",
    [{"test": "30"}, {"gap": "soon"}, {"validation": 0.0}, {"validation": 1.0}, {"validation": 1.5}, {"test": None}],
)
def test_wrong_split_is_refused_when_declared(wrong):
    with pytest.raises(ProjectError, match="TimeSplit"):
        TimeSplit(**wrong)
