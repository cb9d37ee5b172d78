"""The smallest changes of a row that flip its decision."""

from __future__ import annotations

import numpy as np
import pytest

from kreis.models.explanations.counterfactual import counterfactuals
from kreis.tasks.decisions import Cheapest, Cut
from kreis.training.reference import Histogram, histogram

FEATURES = ("income", "age", "children", "city")
CITIES = [1.0, 2.0, 3.0]


def seen() -> dict[str, Histogram]:
    rng = np.random.default_rng(0)
    return {
        "income": histogram(rng.uniform(0, 100, 500)),
        "age": histogram(rng.uniform(18, 90, 500)),
        "children": histogram(rng.integers(0, 6, 500).astype(float)),
    }


def score(matrix: np.ndarray) -> np.ndarray:
    """Yes from 50: an income of 40 and one of the cities, or two children more, or ten years more and some of it."""
    given = np.nan_to_num(matrix.astype(np.float64))
    return given[:, 0] + 0.5 * given[:, 1] + 6 * given[:, 2] + 10 * (given[:, 3] == 3)


ROW = np.array([30, 20, 0, 1], dtype=np.float32)  # 40: no


def found(row=ROW, at=50.0, **options):
    given = {"features": FEATURES, "seen": seen(), "categories": {"city": CITIES}, **options}
    return counterfactuals(row, score, Cut(at).many, **given)


def test_each_flips_the_decision_and_the_nearest_changes_least() -> None:
    answers = found(count=4)
    assert {tuple(changed) for _, _, changed, _ in answers} == {("income",), ("age",), ("children",), ("city",)}
    assert all(said >= 50 for _, said, _, _ in answers)
    assert [distance for *_, distance in answers] == sorted(distance for *_, distance in answers)
    by = {next(iter(changed)): next(iter(changed.values())) for _, _, changed, _ in answers}
    assert 40 <= by["income"] <= 40.6, "no nearer income flips it"
    assert by["children"] == 2.0, "children are whole"
    assert by["city"] == 3.0


def test_what_cannot_change_stays() -> None:
    answers = found(fixed=["income", "age"], count=4)
    assert answers
    assert all(not {"income", "age"} & set(changed) for _, _, changed, _ in answers)
    assert all((row[:2] == ROW[:2]).all() for row, *_ in answers)


def test_no_value_lies_beyond_what_was_seen() -> None:
    """Somebody would have to be a hundred years old, or have six children: nobody was, or had."""
    assert found(at=110.0, fixed=["income", "city"]) == []
    for row, _, changed, _ in found(at=90.0):
        assert len(changed) >= 1
        assert row[0] <= 100
        assert row[1] <= 90
        assert row[2] <= 5


def test_several_features_change_where_one_is_not_enough() -> None:
    answers = found(at=80.0, fixed=["income"])
    assert answers
    assert min(len(changed) for _, _, changed, _ in answers) == 2
    assert all(said >= 80 for _, said, _, _ in answers)


def test_no_answer_changes_more_than_another_one_that_is_enough() -> None:
    sets = [set(changed) for _, _, changed, _ in found(at=62.0, fixed=["city"], count=6)]
    assert {"income"} in sets
    assert not any(one < other for one in sets for other in sets)


def test_the_same_row_gives_the_same_answers() -> None:
    first, second = found(at=80.0), found(at=80.0)
    assert [(row.tobytes(), changed) for row, _, changed, _ in first] == [
        (row.tobytes(), changed) for row, _, changed, _ in second
    ]


def test_a_missing_value_may_be_filled_in() -> None:
    row = ROW.copy()
    row[0] = np.nan
    answers = found(row)
    assert any("income" in changed for _, _, changed, _ in answers)


@pytest.mark.parametrize("decided", [0, 1])
def test_a_class_becomes_another(decided: int) -> None:
    def chances(matrix: np.ndarray) -> np.ndarray:
        first = 1 / (1 + np.exp(-(score(matrix) - 50) / 10))
        return np.stack([first, 0.9 * (1 - first), 0.1 * (1 - first)], axis=1)

    decision = Cheapest(("a", "b", "c"), ((0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0)))
    row = ROW.copy()
    row[0] = 60 if decided == 0 else 30
    given = {"features": FEATURES, "seen": seen(), "categories": {"city": CITIES}}
    before = decision.many(chances(row[None, :]))[0]
    answers = counterfactuals(row, chances, decision.many, **given)
    assert answers
    assert all(decision.many(said[None, :])[0] != before for _, said, _, _ in answers)


@pytest.mark.parametrize(("features", "known"), [(3, 60_000), (300, 20), (3_000, 20)])
def test_what_a_search_may_cost_is_bounded(features: int, known: int) -> None:
    """Of a category with very many texts, or very many features, an even selection is tried."""
    tried = []

    def never(matrix: np.ndarray) -> np.ndarray:
        tried.append(matrix.size)
        return np.zeros(len(matrix))

    names = [f"f{place}" for place in range(features)]
    asked = {"seen": dict.fromkeys(names[1:], seen()["age"]), "categories": {"f0": list(range(known))}}
    row = np.zeros(features, dtype=np.float32)
    assert counterfactuals(row, never, Cut(0.5).many, features=names, **asked) == []
    assert max(tried) <= 2**22
    assert max(tried) / features <= 10_000
