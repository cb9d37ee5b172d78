"""Slices that are worse are found, and of rows that are all alike none, but for the stated rate."""

from __future__ import annotations

import numpy as np
import pytest
from tests.evaluation.slicing.worlds import SHAPES, World, alike

from kreis.evaluation.slices import Groups
from kreis.evaluation.slicing.columns import group_column, number_column
from kreis.evaluation.slicing.search import Loss, search


def overlap(world: World, found, inside) -> float:
    return max((alike(cell.inside(world.columns), inside) for cell in found), default=0.0)


def points_at(found, inside) -> bool:
    """Whether most rows are in both; or nearly all of one are in the other, and a fifth at least."""
    shared = (found & inside).sum()
    return alike(found, inside) >= (0.5 if shared < 0.9 * min(found.sum(), inside.sum()) else 0.2)


@pytest.mark.parametrize(("shape", "errors"), SHAPES.items())
def test_search_finds_a_planted_slice_in_20_of_20(shape: str, errors: float):
    hits = 0
    for seed in range(20):
        world = World(seed)
        inside = world.slice(shape)
        assert inside.mean() >= 0.05
        searched = world.found(world.spoilt(inside, errors))
        hits += any(points_at(cell.inside(world.columns), inside) for cell in searched.found)
    assert hits == 20


@pytest.mark.parametrize("kind", ["wrong", "skewed", "distance"])
def test_search_finds_nothing_in_20_clean_sets_but_for_its_rate(kind: str):
    worlds = (World(seed) for seed in range(20))
    assert sum(bool(world.found(world.losses(kind)).found) for world in worlds) <= 2


def test_search_is_not_misled_by_days_that_are_bad_as_a_whole():
    found = by_row = 0
    for seed in range(20):
        world = World(seed, 3_000)
        days = np.arange(3_000) * 60 // 3_000
        world.columns.append(group_column("weekday", Groups([str(each) for each in range(7)], days % 7), 0.05))
        losses = world.losses("distance") + world.rng.normal(size=60)[days]
        found += bool(world.found(losses, days).found)
        by_row += bool(world.found(losses).found)
    assert found <= 2
    assert by_row >= 10, "as if each row stood for itself, weekdays would be accused"


def test_search_finds_two_slices_and_no_shadow_of_them():
    world = World(1, 8_000)
    first, second = world.slice("tail"), world.kinds[:, 1] == 3
    losses = np.clip(world.losses("wrong") + 0.5 * first + 0.4 * second, 0, 1)
    found = world.found(losses).found
    assert min(overlap(world, found, each) for each in (first, second)) > 0.9
    assert len(found) == 2
    assert found[0].said().startswith("n0 is at most")
    assert found[1].said() == "k1 is '3'"


def test_search_tells_the_simplest_of_slices_that_are_the_same():
    world = World(2)
    again = number_column("copy", world.numbers[:, 0] * 2 + 1, 0.05)
    world.columns.append(again)
    losses = np.where(world.numbers[:, 0] <= -1, 1.0, 0.0) * 0.6 + world.losses("wrong")
    found = world.found(losses).found
    assert len(found) == 1
    assert len(found[0].parts) == 1


def test_search_draws_small_slices_towards_nothing_more_than_large_ones():
    world = World(3, 6_000)
    losses = world.losses("wrong") + 0.3 * (world.kinds[:, 0] == 2)
    (found,) = world.found(losses).found
    assert found.said() == "k0 is '2'"
    assert 0.15 < found.expected < found.gap


def test_search_of_many_columns_pairs_the_most_promising():
    rng = np.random.default_rng(0)
    columns = [number_column(f"n{place}", rng.normal(size=600), 0.1) for place in range(60)]
    searched = search(columns, Loss(rng.random(600), None), support=0.1, rate=0.1, most=5, least=20)
    assert searched.paired == 40
    assert searched.found == []


def test_search_finds_missing_values():
    world = World(4)
    gone = world.rng.random(4_000) < 0.1
    world.columns[0] = number_column("n0", np.where(gone, np.nan, world.numbers[:, 0]), 0.05)
    (found,) = world.found(world.losses("wrong") + 0.4 * gone).found
    assert found.said() == "n0 is missing"


@pytest.mark.simulation
def test_search_holds_its_rate(simulations):
    runs, false = simulations.runs(200), {"wrong": 0, "skewed": 0, "distance": 0, "days": 0}
    for seed in range(runs):
        for kind in false:
            world = World(1_000 + seed, 2_000)
            days = np.arange(2_000) * 40 // 2_000
            losses = world.losses("distance" if kind == "days" else kind)
            blocks = days if kind == "days" else None
            losses += world.rng.normal(size=40)[days] if kind == "days" else 0.0
            false[kind] += bool(world.found(losses, blocks).found)
    for kind, hits in false.items():
        simulations.at_most(f"a slice is found where there is none, losses: {kind}", hits, runs, 0.1)
