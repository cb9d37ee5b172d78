"""Leaks of nine kinds are refused where they were planted; honest columns are not accused."""

from __future__ import annotations

import numpy as np
import pytest
from tests.training.leaks.planted import TASKS, Planted

from kreis.training.leaks.kinds import find_leaks
from kreis.training.leaks.leak import Leak
from kreis.training.leaks.telling import _tells
from kreis.training.splits.at_random import RandomSplit

SEEDS = (0, 1, 2)


def refused(planted: Planted, **how: object) -> dict[str, Leak]:
    return {leak.column: leak for leak in find_leaks(planted.searched(**how)) if leak.refused}  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("seed", SEEDS)
def test_honest_rows_are_not_accused(kind: str, seed: int):
    planted = Planted(kind, seed)
    assert find_leaks(planted.searched()) == []
    assert find_leaks(planted.searched(RandomSplit())) == []


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("form", ["the same", "another unit", "nearly"])
def test_a_copy_of_the_outcome_is_refused(kind: str, seed: int, form: str):
    planted = Planted(kind, seed)
    copy = planted.outcomes if form == "the same" else 7 - 3 * planted.outcomes
    if form == "nearly":
        copy = planted.outcomes + planted.rng.normal(0, 0.001, len(copy)) * planted.outcomes.std()
    planted.features["score"] = copy
    leak = refused(planted)["score"]
    assert "'score'" in leak.said or "score" in leak.said
    assert len(leak.rows) == 10
    assert "outcome" in leak.rows[0]


def test_a_strong_feature_comes_with_its_interval():
    planted = Planted("yes or no")
    planted.features["score"] = planted.outcomes + planted.rng.normal(0, 0.22, 2_400)
    leak = refused(planted)["score"]
    assert leak.kind == "tells alone"
    assert leak.low is not None
    assert leak.high is not None
    assert 0.99 <= leak.low < leak.strength < leak.high <= 1  # type: ignore[operator]


def test_a_strong_feature_below_is_a_warning():
    planted = Planted("yes or no")
    planted.features["score"] = planted.outcomes + planted.rng.normal(0, 0.33, 2_400)
    (leak,) = find_leaks(planted.searched())
    assert not leak.refused


@pytest.mark.parametrize("kind", ["yes or no", "class"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_category_that_is_the_outcome_is_refused(kind: str, seed: int):
    planted = Planted(kind, seed)
    code = planted.rng.permutation(60)[
        np.digitize(planted.outcomes, np.quantile(planted.outcomes, np.arange(1, 60) / 60))
    ]
    planted.features["branch"] = code.astype(float)
    assert "branch" in refused(planted)


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_filled_in_afterwards_is_refused(kind: str, seed: int):
    planted = Planted(kind, seed)
    happened = planted.outcomes > np.median(planted.outcomes)
    if kind == "number":
        happened = planted.task.halves(planted.outcomes)[0][1]
    elif kind == "class":
        happened = planted.task.halves(planted.outcomes)[1][1]
    some = happened & (planted.rng.random(2_400) < 0.4)
    planted.features["refund"] = np.where(some, planted.rng.lognormal(size=2_400), np.nan)
    leak = refused(planted)["refund"]
    assert leak.kind == "known afterwards"
    assert "filled in afterwards" in leak.said


def test_rows_with_more_of_what_is_rare_than_usual_tell_nothing_of_what_is_usual():
    """Of 20,000 rows with a value 80 are rare ones, of all others 20 in 80,000."""
    rows, usual = np.arange(100_000) < 20_000, np.ones(100_000, dtype=bool)
    usual[:80] = usual[-20:] = False
    assert not _tells(rows, usual)
    usual[:80] = True
    usual[-200:] = False
    assert _tells(rows, usual)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("form", ["squared", "with either sign", "logarithm"])
def test_a_function_of_the_outcome_is_refused(seed: int, form: str):
    planted = Planted("number", seed)
    y = planted.outcomes
    either = planted.rng.choice([-1, 1], len(y)) * np.sqrt(y)
    planted.features["index"] = {"squared": y**2, "with either sign": either, "logarithm": np.log(y)}[form]
    leak = refused(planted)["index"]
    assert leak.kind == ("function of the outcome" if form == "with either sign" else "tells alone")


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("ahead", [1, 2, -1])
def test_the_outcome_of_another_row_is_refused(kind: str, seed: int, ahead: int):
    planted = Planted(kind, seed)
    planted.features["next"] = np.roll(planted.outcomes, -ahead) * 2 + 1
    leak = refused(planted)["next"]
    assert leak.kind == "another row's outcome"
    assert "later" in leak.said or "not known yet" in leak.said


def test_an_outcome_that_was_known_by_then_is_a_feature():
    planted = Planted("number")
    searched = planted.searched()
    searched.data.known_at[:] = searched.data.time
    planted.features["last"] = np.roll(planted.outcomes, 1)
    searched = planted.searched()
    searched.data.known_at[:] = searched.data.time
    assert "last" not in {leak.column for leak in find_leaks(searched)}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("form", ["sum", "difference", "product", "quotient"])
def test_parts_of_the_outcome_are_refused_together(seed: int, form: str):
    planted = Planted("number", seed)
    part = planted.outcomes * planted.rng.uniform(0.2, 0.8, 2_400)
    other = {
        "sum": planted.outcomes - part,
        "difference": part + planted.outcomes,
        "product": planted.outcomes / part,
        "quotient": planted.outcomes * part,
    }[form]
    planted.features |= {"first": part, "second": other}
    found = refused(planted)
    assert {"first", "second"} <= set(found)
    assert "is the outcome" in found["first"].said


@pytest.mark.parametrize("seed", SEEDS)
def test_two_moments_that_tell_yes_from_no_are_refused(seed: int):
    planted = Planted("yes or no", seed)
    asked = planted.rng.uniform(0, 100, 2_400)
    late = np.where(planted.outcomes > 0, planted.rng.uniform(1, 9, 2_400), planted.rng.uniform(-9, -1, 2_400))
    planted.features |= {"promised": asked, "came": asked + late}
    found = refused(planted)
    assert {"promised", "came"} <= set(found)
    assert "which neither does alone" in found["came"].said


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("seed", SEEDS)
def test_an_aggregate_over_later_rows_is_refused(kind: str, seed: int):
    planted = Planted(kind, seed)
    count = np.bincount(planted.customer, minlength=150)
    mean = np.bincount(planted.customer, planted.outcomes, 150) / count
    planted.features["usual"] = mean[planted.customer]
    leak = refused(planted)["usual"]
    assert leak.kind == "made of later rows"
    assert "'customer'" in leak.said


@pytest.mark.parametrize("kind", TASKS)
def test_a_mean_of_what_was_known_is_a_feature(kind: str):
    planted = Planted(kind)
    sums, counts, past = np.zeros(150), np.zeros(150), np.full(2_400, np.nan)
    for row, customer in enumerate(planted.customer):
        past[row] = sums[customer] / counts[customer] if counts[customer] else np.nan
        sums[customer] += planted.outcomes[row]
        counts[customer] += 1
    planted.features["usual"] = past
    assert find_leaks(planted.searched()) == []


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("nudge", [0.0, 1e-4])
def test_copies_on_both_sides_are_refused(kind: str, seed: int, nudge: float):
    planted = Planted(kind, seed)
    planted.copied(planted.rng.integers(0, 1_500, 100), nudge=nudge)
    leak = refused(planted)["twins"]
    assert leak.kind == ("near-duplicates across the split" if nudge else "duplicates across the split")
    assert "of 5" in leak.said or "of 6" in leak.said
    assert len(leak.rows) == 10


def test_texts_that_differ_are_not_accused_and_numbers_beside_them_are_still_compared():
    planted = Planted("yes or no")
    planted.texts = [f"{row} said {row * 7} and {row * 13} of {row * 31} to {row * 17}" for row in range(2_400)]
    assert find_leaks(planted.searched()) == []


def test_a_few_copies_are_a_warning():
    planted = Planted("number")
    planted.copied(planted.rng.integers(0, 1_500, 20))
    (leak,) = find_leaks(planted.searched())
    assert leak.column == "twins"
    assert not leak.refused


@pytest.mark.parametrize("seed", SEEDS)
def test_texts_that_are_nearly_the_same_on_both_sides_are_refused(seed: int):
    planted = Planted("yes or no", seed)
    words = np.array([f"word{number}" for number in range(400)])
    planted.texts = [" ".join(words[planted.rng.integers(0, 400, 25)]) for _ in range(2_400)]
    planted.copied(planted.rng.integers(0, 1_500, 120))
    planted.texts[2_400:] = [text + " indeed" for text in planted.texts[2_400:]]
    planted.features["income"][2_400:] *= planted.rng.lognormal(0, 1, 120)
    assert refused(planted)["twins"].kind == "near-duplicates across the split"


def test_rows_that_are_alike_in_a_table_of_few_values_are_no_copies():
    planted = Planted("yes or no")
    rng = planted.rng
    planted.features = {
        "branch": rng.integers(0, 5, 2_400).astype(float),
        "sex": rng.integers(0, 2, 2_400).astype(float),
    }
    assert find_leaks(planted.searched()) == []


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("seed", SEEDS)
def test_entities_on_both_sides_of_a_random_split_are_refused(kind: str, seed: int):
    planted = Planted(kind, seed)
    first = np.unique(planted.customer, return_index=True)[1]
    planted.outcomes = planted.outcomes[first][planted.customer]  # each customer has one outcome, in all rows
    leak = refused(planted, split=RandomSplit())["customer"]
    assert leak.kind == "entities across the split"
    assert 'GroupSplit("customer")' in leak.instead
    assert "customer" not in refused(planted), "a split in time asks about the same customers, later"
