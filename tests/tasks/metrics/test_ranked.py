"""Metrics of rankings: each group is one observation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from kreis.arrays import Floats
from kreis.tasks.decisions import Rank, places_within
from kreis.tasks.metrics.metric import Metric
from kreis.tasks.metrics.ranked import Ndcg, PrecisionAt, RankedRows, ReciprocalRank
from kreis.tasks.ranking.ranking_value import RankingValue

VALUE = RankingValue("EUR per 1,000 offers", gains={1: 1.0, 2: 4.0}, at=3, group="query")
NDCG = Ndcg(VALUE.gains, VALUE.discounts)


def rows_of(grades: list[float], scores: list[float], queries: list[int]) -> RankedRows:
    given, groups = np.array(scores), np.array(queries, dtype=np.int64)
    return RankedRows(np.array(grades, dtype=float), given, places_within(given, groups), queries=groups)


def drawn(seed: int, groups: int = 60) -> RankedRows:
    rng = np.random.default_rng(seed)
    queries = np.sort(rng.integers(0, groups, groups * 6))
    queries = np.unique(queries, return_inverse=True)[1]
    grades = rng.integers(0, 3, len(queries)).astype(float)
    scores = rng.normal(size=len(queries)) + 0.5 * grades
    return RankedRows(grades, scores, places_within(scores, queries), queries=queries)


def test_places_count_within_each_group_and_the_first_of_equals_comes_first():
    scores, groups = np.array([1.0, 3.0, 2.0, 3.0, 9.0, 3.0]), np.array([0, 0, 1, 0, 1, 0])
    assert places_within(scores, groups).tolist() == [4, 1, 2, 2, 1, 3]
    assert places_within(np.array([]), np.array([], dtype=np.int64)).tolist() == []
    assert Rank("query").many(scores).tolist() == [6, 2, 5, 3, 1, 4]
    assert Rank("query").among(groups).many(scores).tolist() == [4, 1, 2, 2, 1, 3]
    assert Rank("query").one(7.0) == 1.0


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-3, 3)), max_size=40))
def test_places_of_a_group_are_one_to_its_size_in_the_order_of_the_scores(pairs: list[tuple[int, int]]):
    groups = np.array([group for group, _ in pairs], dtype=np.int64)
    scores = np.array([float(score) for _, score in pairs])
    places = places_within(scores, groups)
    for group in set(groups.tolist()):
        own = groups == group
        assert sorted(places[own].tolist()) == list(range(1, int(own.sum()) + 1))
        assert (np.diff(scores[own][np.argsort(places[own])]) <= 0).all()


def test_ndcg_agrees_with_scikit_learn():
    rows, expected = drawn(1), []
    for group in range(int(rows.of.max()) + 1):
        own = rows.of == group
        if rows.outcomes[own].any():
            gains = VALUE.gains(rows.outcomes[own])
            expected.append(ndcg_score([gains], [rows.scores[own]], k=3) if own.sum() > 1 else 1.0)
    assert NDCG.value(rows) == pytest.approx(np.mean(expected), rel=1e-12)


def test_reciprocal_rank_and_precision_look_at_groups_with_something_relevant():
    rows = rows_of([0, 2, 0, 1, 0, 0, 0], [9, 8, 7, 6, 5, 4, 3], [0, 0, 0, 0, 1, 1, 2])
    assert ReciprocalRank().value(rows) == 0.5
    assert PrecisionAt(3).value(rows) == pytest.approx(1 / 3)
    assert ReciprocalRank().counting(rows).tolist() == [True, *[False] * 6]
    nothing = rows_of([0, 0], [1, 2], [0, 1])
    assert all(np.isnan(each.value(nothing)) for each in (NDCG, ReciprocalRank(), PrecisionAt(3)))
    assert all((each.influence(nothing) == 0).all() for each in (NDCG, ReciprocalRank(), PrecisionAt(3)))


@pytest.mark.parametrize("metric", [NDCG, ReciprocalRank(), PrecisionAt(3)], ids=lambda metric: metric.name)
def test_influence_is_that_of_leaving_out_each_group(metric: Metric):
    rows = drawn(2)
    count = int(rows.of.max()) + 1
    by_group: Floats = np.bincount(rows.of, weights=metric.influence(rows), minlength=count)
    assert abs(by_group.sum()) < 1e-12
    left_out = np.array([metric.value(rows.where(rows.of != group)) for group in range(count)])
    jackknife = metric.value(rows) - left_out
    assert np.corrcoef(jackknife, by_group)[0, 1] > 0.999
    assert metric.counting(rows).sum() <= rows.evidence.sum() == count


def test_rows_of_a_part_stay_in_their_groups():
    whole = drawn(3)
    part = whole.where(np.arange(len(whole)) % 2 == 0)
    assert part.of.max() + 1 == len(np.unique(whole.of[::2])) == part.evidence.sum()
    assert (part.of[:, None] == part.of).tolist() == (whole.of[::2, None] == whole.of[::2]).tolist()
