"""Looks at the same test rows are counted by what they share, and each is judged harder."""

from __future__ import annotations

import numpy as np
import pytest

from kreis.evaluation.looks import JudgedRows, look_at, rows_tested, share_of

DAY = 86_400_000_000


def judged(rows: range, *, until: int | None = None, outcome: float = 1.0) -> JudgedRows:
    ids = np.array(rows)
    return rows_tested(ids, ids * 10, np.full(len(ids), outcome), until=until)


def test_rows_are_known_again_in_any_order():
    backwards = np.arange(5_000)[::-1]
    again = rows_tested(backwards, backwards * 10, np.ones(5_000))
    assert again == judged(range(5_000))
    assert judged(range(5_000), outcome=0.0).digest != again.digest
    assert len(again.least) == 128


@pytest.mark.parametrize(
    ("now", "earlier", "share"),
    [
        (range(5_000), range(5_000), 1.0),
        (range(5_001), range(5_000), 1.0),
        (range(5_000), range(2_500), 0.5),
        (range(2_500), range(5_000), 1.0),
        (range(1_000, 6_000), range(5_000), 0.8),
        (range(5_000), range(5_000, 10_000), 0.0),
        (range(60), range(30), 0.5),
        (range(60), range(60, 90), 0.0),
    ],
)
def test_the_share_of_rows_that_judged_before_is_found(now: range, earlier: range, share: float):
    assert share_of(judged(now), judged(earlier)) == pytest.approx(share, abs=0.09)


def test_the_first_look_is_judged_as_ever_and_each_further_one_harder():
    rows = judged(range(5_000))
    looks = [look_at(rows, [rows] * before) for before in range(4)]
    assert [each.number for each in looks] == [1, 2, 3, 4]
    assert [each.level for each in looks] == pytest.approx([0.95, 0.9875, 0.99444, 0.996875], abs=1e-5)
    assert looks[0].paid == ""
    assert looks[2].paid.startswith(
        "this is look 3 at these 5,000 test rows (other models were judged on them before), so"
    )
    assert "gates decide at 99.44%" in looks[2].paid


def test_rows_that_judged_many_models_are_said_to_be_used_up():
    rows = judged(range(5_000))
    assert "other models were judged" in look_at(rows, [rows] * 8).paid
    said = look_at(rows, [rows] * 9).paid
    assert said.startswith("some 9 models were judged on these 5,000 test rows before this one")
    assert "Gates decide at 99.95%, whose intervals are 1.8 times as wide" in said
    assert "judge the next ones on new rows" in said


def test_all_looks_together_err_little_more_than_the_first():
    rows = judged(range(200))
    errors = [1 - look_at(rows, [rows] * before).level for before in range(300)]
    assert sum(errors) < 1.65 * 0.05


def test_rows_that_partly_judged_before_count_by_that_part():
    assert look_at(judged(range(5_000)), [judged(range(2_500))]).number == pytest.approx(1.5, abs=0.09)


def test_a_test_part_that_ends_later_is_another_one():
    today = judged(range(3_000), until=30 * DAY)
    tomorrow = judged(range(100, 3_100), until=31 * DAY)
    assert look_at(tomorrow, [today]).number == 1
    assert look_at(today, [tomorrow]).number > 1.8
    assert look_at(today, [today]).number == 2
