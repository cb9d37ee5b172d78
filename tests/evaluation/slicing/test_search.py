"""Slices that are worse are found, and of rows that are all alike none, but for the stated rate."""

from __future__ import annotations

import numpy as np
import pytest
from tests.evaluation.slicing.worlds import SHAPES, World, alike

from kreis.evaluation.slicing.columns import number_column
from kreis.evaluation.slicing.search import search
from kreis.evaluation.slicing.sums import Loss


def overlap(world: World, found, inside) -> float:
    return max((alike(cell.inside, inside[: world.rows]) for cell in found), default=0.0)


def points_at(found, inside) -> bool:
    """Whether most rows are in both; or nearly all of one are in the other, and a fifth at least."""
    shared = (found & inside).sum()
    return alike(found, inside) >= (0.5 if shared < 0.9 * min(found.sum(), inside.sum()) else 0.2)


def hits(shape: str, runs: int, errors: float = 4.0, first: int = 0, **how) -> int:
    """How often a slice is shown that points at the planted one."""
    count = 0
    for seed in range(first, first + runs):
        world = World(seed, **how)
        inside = world.slice(shape)
        assert inside.mean() >= 0.05
        searched = world.found(world.spoilt(inside, errors))
        count += any(points_at(cell.inside, inside[: world.rows]) for cell in searched.found)
    return count


@pytest.mark.parametrize("shape", SHAPES)
def test_search_finds_planted_slices(shape: str):
    assert hits(shape, 6) >= 5


@pytest.mark.parametrize("kind", ["wrong", "skewed", "distance"])
def test_search_finds_nothing_in_clean_sets_but_for_its_rate(kind: str):
    worlds = (World(seed, 2_000) for seed in range(8))
    assert sum(bool(world.found(world.losses(kind)).found) for world in worlds) <= 2


def test_search_is_not_misled_by_days_that_are_bad_as_a_whole():
    found = by_row = 0
    for seed in range(6):
        world = World(seed, 2_000)
        days = np.arange(len(world.numbers)) * 60 // 2_000
        world.columns.append(world.category("weekday", days % 7))
        losses = world.losses("distance") + world.rng.normal(size=days.max() + 1)[days]
        found += bool(world.found(losses, days).found)
        by_row += bool(world.found(losses).found)
    assert found <= 2
    assert by_row >= 3, "as if each row stood for itself, weekdays would be accused"


def test_search_of_rows_before_that_tell_nothing_true_stays_honest():
    """Rows before that are all worse in one slice, of which nothing is to be seen in those that are tested."""
    found = 0
    for seed in range(8):
        world = World(seed, 2_000)
        losses = world.losses("wrong")
        losses[(world.numbers[:, 0] < 0) & (np.arange(len(losses)) >= world.rows)] = 1.0
        found += bool(world.found(losses).found)
    assert found <= 2


def test_search_needs_less_where_rows_before_say_the_same():
    world = World(6)
    inside = world.slice("corner")
    losses = world.spoilt(inside, 4.0)
    (helped,) = world.found(losses).found
    alone = world.found(losses, before=False)
    assert helped.bar > 5 * (alone.found or [alone.suspect])[0].bar
    assert alone.looked_at == world.found(losses).looked_at


def test_search_finds_two_slices_and_no_shadow_of_them():
    world = World(1, 8_000)
    first, second = world.numbers[:, 0] <= -0.8, world.kinds[:, 1] == 3
    losses = np.clip(world.losses("wrong") + 0.5 * first + 0.4 * second, 0, 1)
    found = world.found(losses).found
    assert min(overlap(world, found, each) for each in (first, second)) > 0.9
    assert len(found) == 2
    assert found[0].said().startswith("n0 is at most")
    assert found[1].said() == "k1 is '3'"


def test_search_tells_the_simplest_of_slices_that_are_the_same():
    world = World(2)
    world.columns.append(world.number("copy", world.numbers[:, 0] * 2 + 1))
    losses = np.where(world.numbers[:, 0] <= -1, 1.0, 0.0) * 0.6 + world.losses("wrong")
    found = world.found(losses).found
    assert len(found) == 1
    assert len(found[0].conditions) == 1


def test_search_draws_small_slices_towards_nothing_more_than_large_ones():
    world = World(3, 6_000)
    losses = world.losses("wrong") + 0.3 * (world.kinds[:, 0] == 2)
    (found,) = world.found(losses).found
    assert found.said() == "k0 is '2'"
    assert 0.15 < found.expected < found.gap


def test_search_of_many_columns_pairs_the_most_promising():
    rng = np.random.default_rng(0)
    columns = [number_column(f"n{place}", rng.normal(size=600), 0.1) for place in range(60)]
    searched = search(columns, Loss.of(rng.random(600), None), support=0.1, rate=0.1, most=5, least=20)
    assert searched.paired == 40
    assert searched.found == []


def test_search_finds_missing_values():
    world = World(4)
    gone = world.rng.random(len(world.numbers)) < 0.1
    world.columns[0] = world.number("n0", np.where(gone, np.nan, world.numbers[:, 0]))
    (found,) = world.found(world.losses("wrong") + 0.4 * gone).found
    assert found.said() == "n0 is missing"


KINDS = ("wrong", "mostly wrong", "skewed", "distance", "days")


@pytest.mark.simulation
@pytest.mark.parametrize("before", [0, 1_600])
def test_search_holds_its_rate(simulations, before: int):
    runs, false = simulations.runs(200), dict.fromkeys(KINDS, 0)
    for seed in range(runs):
        for kind in false:
            world = World(1_000 + seed, 2_000, before)
            losses = world.losses("distance" if kind == "days" else kind)
            days = np.arange(len(losses)) * 40 // 2_000
            losses += world.rng.normal(size=days.max() + 1)[days] if kind == "days" else 0.0
            false[kind] += bool(world.found(losses, days if kind == "days" else None).found)
    for kind, count in false.items():
        what = f"a slice is found where there is none, losses: {kind}, {before:,} rows before"
        simulations.at_most(what, count, runs, 0.1)


@pytest.mark.simulation
@pytest.mark.parametrize("shape", SHAPES)
def test_search_points_at_planted_slices(simulations, shape: str):
    runs = simulations.runs(40)
    simulations.at_least(f"a slice worse by 4 standard errors is pointed at: {shape}", hits(shape, runs), runs, 0.85)
