"""Clusters: what separates them, and how two models agree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import silhouette_score

from kreis.errors import ProjectError
from kreis.requirements.goal import Goal
from kreis.tasks.clustering.cluster_separation import ClusterSeparation
from kreis.tasks.clustering.task import Clustering
from kreis.tasks.decisions import Nearest
from kreis.tasks.metrics.clusters import ClusterShare, Separation, separations
from kreis.tasks.metrics.metric import Rows

TASK = Clustering(ClusterSeparation())
CENTRES = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])


def rows_of(spread: float, n: int = 300) -> tuple[np.ndarray, Rows]:
    rng = np.random.default_rng(4)
    points = spread * rng.normal(size=(n, 2)) + np.repeat(CENTRES, n // 3, axis=0)
    distances = np.sqrt(((points[:, None] - CENTRES) ** 2).sum(axis=2))
    return points, TASK.rows(np.full(n, np.nan), distances, Nearest(3), where="a test")


def test_a_row_is_set_apart_by_how_much_nearer_its_own_centre_is():
    distances = np.array([[0.0, 5.0, 9.0], [4.0, 2.0, 8.0], [3.0, 3.0, 7.0], [0.0, 0.0, 1.0]])
    assert separations(distances).tolist() == [1.0, 0.5, 0.0, 0.0]
    assert separations(np.array([1.0, 2.0])).tolist() == [0.0, 0.0]
    assert Nearest(3).many(distances).tolist() == [1, 2, 1, 1]
    assert Nearest(3).kept(distances).tolist() == [0.0, 2.0, 3.0, 0.0]
    assert Nearest(1).many(np.array([1.0, 2.0])).tolist() == [1, 1]


def test_the_separation_orders_as_the_silhouette_of_all_pairs_does():
    found = []
    for spread in (0.5, 1.0, 2.0, 3.0):
        points, rows = rows_of(spread)
        found.append((Separation().value(rows), silhouette_score(points, rows.decisions)))
    simple, full = np.array(found).T
    assert (np.diff(simple) < 0).all()
    assert (np.diff(full) < 0).all()
    assert np.abs(simple - full).max() < 0.15


def test_sizes_are_shares_of_the_rows_and_an_empty_cluster_is_the_smallest():
    _, rows = rows_of(1.0)
    assert ClusterShare(largest=False).value(rows) == pytest.approx(1 / 3, abs=0.02)
    far = TASK.rows(np.full(4, np.nan), np.array([[1.0, 2.0, 9.0]] * 4), Nearest(3), where="a test")
    assert (ClusterShare(largest=False).value(far), ClusterShare(largest=True).value(far)) == (0.0, 1.0)
    doubts = TASK.validation_doubts(TASK.validated(far.scores, far.outcomes, Nearest(3)) | {"stability": 0.4})
    assert len(doubts) == 3


@given(st.permutations(range(4)), st.lists(st.integers(0, 3), min_size=1, max_size=60))
def test_models_that_number_the_same_clusters_otherwise_agree(order: list[int], clusters: list[int]):
    champion = np.array(clusters, dtype=float) + 1
    challenger = np.array([order[each] for each in clusters], dtype=float) + 1
    assert (TASK.agreement(champion, challenger) == 0).all()


def test_rows_in_a_cluster_that_stands_for_another_disagree():
    champion = np.array([1, 1, 1, 2, 2, 3.0])
    challenger = np.array([2, 2, 1, 1, 1, 1.0])
    # 2 stands for 1, 1 stands for 2; the third row and the last are elsewhere.
    assert TASK.agreement(champion, challenger).tolist() == [0, 0, -1, 0, 0, -1]
    # A cluster that is cut in two is stood for by its larger part alone.
    assert TASK.agreement(np.ones(5), np.array([1.0, 1, 1, 2, 2])).tolist() == [0, 0, 0, -1, -1]


def test_what_is_known_or_no_distance_is_refused():
    with pytest.raises(ProjectError, match="scores are no distances, the first in row 1"):
        TASK.rows(np.full(2, np.nan), np.array([[1.0, 2.0], [-1.0, 2.0]]), Nearest(2), where="a test")
    with pytest.raises(ProjectError, match="outcomes are known"):
        TASK.rows(np.array([1.0]), np.array([[1.0, 2.0]]), Nearest(2), where="a test")
    assert Goal(question="Who is alike?", decision="Write.", metric=ClusterSeparation()).task == TASK
