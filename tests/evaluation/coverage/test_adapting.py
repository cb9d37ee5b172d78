"""A level that follows what happened covers the asked share while the world moves, and costs little otherwise."""

from __future__ import annotations

import numpy as np
import pytest
from tests.conftest import Simulations
from tests.evaluation.examinations.subjects import GOALS

from kreis.evaluation.coverage.adapting import RATE, GroupLevel, WalkedLevels, at_most, begin, walk
from kreis.evaluation.coverage.fit import fit_coverage
from kreis.models.answer_parts.grid import QuantileGrid
from kreis.models.answer_parts.intervals import CoverageInterval
from kreis.models.answer_parts.levels import Levels
from kreis.tasks.decisions import Cut, Identity
from kreis.tasks.goal_metric import task_of

TASK = task_of(GOALS["regression"], None)
GRID = QuantileGrid((0.5, 0.8, 0.9, 0.95), (1.0, 2.0, 3.0, 4.0), {"north": (0.0, 0.0, 5.0)})
A_DAY, DAYS = 100, 200
MOST_RUNS = 200
"""Each of 20,000 answers: more say nothing new."""


def fitted(rng: np.random.Generator, count: int = 2_000, **how) -> CoverageInterval:
    return fit_coverage(TASK, Identity(), np.zeros(count), rng.normal(size=count), level=0.9, adapts=True, **how)


def stream(
    rng: np.random.Generator, part: CoverageInterval, spread, late: int = 2
) -> tuple[float, float, float, float]:
    """Days of answers whose outcomes are known some days later: the share that was covered, and the mean width, with
    the level as fitted and with the level of each day.
    """
    walked, fixed, moved, widths = begin(part.level), [], [], []
    happened = [rng.normal(size=A_DAY) * spread(day / DAYS) for day in range(DAYS)]
    scores = np.zeros(A_DAY)
    for day in range(DAYS):
        if day > late:
            known = part.beyond(scores, happened[day - late - 1])
            walked = walk(walked, part.quantile.grid, part.level, known, None)
        now = part.at_levels(walked.served)
        fixed.append(np.mean(part.beyond(scores, happened[day]) <= part.quantile.pooled))
        moved.append(np.mean(now.beyond(scores, happened[day]) <= now.quantile.pooled))
        widths.append(2 * now.quantile.pooled)
    return float(np.mean(fixed)), float(np.mean(moved)), 2 * part.quantile.pooled, float(np.mean(widths))


def test_a_quantile_at_another_level_is_looked_up_and_bounded():
    assert [GRID.quantile(level) for level in (0.1, 0.5, 0.51, 0.9, 0.95, 0.99)] == [1.0, 1.0, 2.0, 3.0, 4.0, 4.0]
    assert [GRID.quantile(level, "north") for level in (0.8, 0.81, 0.95)] == [0.0, 5.0, 5.0]
    assert GRID.quantile(0.9, "unheard of") == 3.0
    assert (GRID.bounds(), GRID.bounds("north")) == ((0.5, 0.95), (0.8, 0.9))


def test_what_is_needed_agrees_with_the_quantiles():
    beyond = np.array([-1.0, 0.0, 1.0, 1.5, 3.0, 4.0, 4.5, 5.0, 5.5])
    for group in (None, "north"):
        for level in (0.5, 0.6, 0.8, 0.85, 0.9, 0.95):
            held = beyond <= GRID.quantile(level, group)
            assert (level > GRID.needed(beyond, group)).tolist() == held.tolist()


def test_a_miss_raises_the_level_and_what_was_covered_lowers_it_so_that_the_share_is_in_balance():
    missed = walk(begin(0.9), GRID, 0.9, np.array([9.0]), None)
    covered = walk(begin(0.9), GRID, 0.9, np.array([0.0]), None)
    assert missed == WalkedLevels(0.9 + RATE * 0.9, 1)
    assert covered == WalkedLevels(pytest.approx(0.9 - RATE * 0.1), 1)
    assert walk(begin(0.9), GRID, 0.9, np.empty(0), None) == begin(0.9)
    assert walk(begin(0.8), GRID, 0.8, np.array([2.5]), None).general > 0.8  # the quantile at 0.8 is 2


def test_a_level_never_leaves_the_levels_that_say_something_else():
    assert walk(begin(0.9), GRID, 0.9, np.full(1_000, 9.0), None).general == 0.95
    assert walk(begin(0.9), GRID, 0.9, np.full(1_000, 0.0), None).general == 0.5
    assert at_most(WalkedLevels(0.95, 9, {"north": GroupLevel(0.9, 9)}), GRID) == [None, "north"]
    assert at_most(begin(0.9), GRID) == []
    assert at_most(begin(0.95), GRID) == []  # as it was fitted: nothing has shown that it covers too little


def test_many_outcomes_at_once_move_a_level_as_far_as_one_after_the_other():
    beyond = np.abs(np.random.default_rng(0).normal(size=500)) * 3
    at_once = walk(begin(0.9), GRID, 0.9, beyond, None)
    in_turn = begin(0.9)
    for each in beyond:
        in_turn = walk(in_turn, GRID, 0.9, np.array([each]), None)
    assert in_turn == at_once


def test_a_group_has_its_own_level_once_enough_of_it_is_known():
    before = walk(begin(0.85), GRID, 0.85, np.full(49, 9.0), ["north"] * 49)
    assert before.served == Levels(before.general)
    after = walk(before, GRID, 0.85, np.array([9.0, 0.0]), ["north", None])
    assert after.served.groups == {"north": 0.9}
    assert after.outcomes == 51
    assert after.general == 0.95 - RATE * 0.15


def test_at_its_own_level_a_part_says_what_it_was_fitted_to_say():
    rng = np.random.default_rng(0)
    groups = ["many"] * 1_500 + ["some"] * 500
    part = fitted(rng, by="group", groups=groups)
    plain = fit_coverage(
        TASK, Identity(), np.zeros(9), np.arange(9.0), level=0.9, by="group", groups=["many"] * 9, adapts=True
    )
    for each in (part, plain):
        again = each.at_levels(Levels(0.9)).quantile
        assert (again.pooled, again.groups) == (each.quantile.pooled, each.quantile.groups)
    grid = part.quantile.grid
    assert grid.levels[-1] == 0.999
    assert plain.quantile.grid.bounds() == (0.1, 0.9)  # the least and the greatest of nine rows
    assert list(grid.groups) == ["many", "some"]


def test_sets_of_a_model_that_is_mostly_right_do_not_wind_their_level_down():
    """Its likeliest class is right more often than asked: a lower level would say nothing else."""
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.0, 0.02, 2_000)
    happened = (rng.random(2_000) < 0.02).astype(float)
    task = task_of(GOALS["binary"], None)
    part = fit_coverage(task, Cut(0.5), scores, happened, level=0.9, adapts=True)
    low, _ = part.quantile.grid.bounds()
    assert low > 0.9
    later = walk(begin(0.9), part.quantile.grid, 0.9, part.beyond(scores, task.labels(happened)), None)
    assert later.general == pytest.approx(low, abs=2 * RATE)


@pytest.mark.simulation
def test_coverage_holds_on_a_drifting_stream_and_costs_little_on_an_exchangeable_one(simulations: Simulations):
    """Errors grow to 1.6 times what they were, in steps and slowly; outcomes come three days late."""
    worlds = {
        "errors grow": lambda at: 1.0 + 0.6 * at,
        "errors jump": lambda at: 1.0 if at < 0.3 else 1.6,
        "errors shrink": lambda at: 1.0 - 0.5 * at,
        "nothing moves": lambda at: 1.0,
    }
    runs = min(simulations.runs(20), MOST_RUNS)
    for what, spread in worlds.items():
        rng = np.random.default_rng(7)
        found = np.mean([stream(rng, fitted(rng), spread) for _ in range(runs)], axis=0)
        fixed, moved, width, wide = found.tolist()
        print(  # noqa: T201 (what `make simulate` is for)
            f"SIMULATED {what}: 90% asked for, {fixed:.1%} covered as fitted, {moved:.1%} with a level that follows;"
            f" {wide / width - 1:+.1%} width, {runs} runs of {A_DAY * DAYS:,} answers"
        )
        assert moved == pytest.approx(0.9, abs=0.01)
        if what == "nothing moves":
            assert wide / width - 1 < 0.02
        else:
            assert abs(fixed - 0.9) > 0.03


@pytest.mark.simulation
def test_each_group_is_covered_while_one_of_them_moves(simulations: Simulations):
    """Errors of the north grow to 1.6 times what they were, those of the south stay."""
    found = []
    for run in range(min(simulations.runs(20), MOST_RUNS)):
        rng = np.random.default_rng([9, run])
        names = np.where(np.arange(A_DAY) % 4 == 0, "north", "south")
        part = fitted(rng, by="region", groups=np.where(np.arange(2_000) % 4 == 0, "north", "south").tolist())
        walked, held = begin(part.level), []
        for day in range(2 * DAYS):
            grown = np.where(names == "north", 1.0 + 0.6 * day / (2 * DAYS), 1.0)
            beyond = part.beyond(np.zeros(A_DAY), rng.normal(size=A_DAY) * grown)
            held.append(beyond <= part.at_levels(walked.served).quantile.numbers(names.tolist(), A_DAY))
            walked = walk(walked, part.quantile.grid, part.level, beyond, names.tolist())
        found.append([np.mean(np.array(held)[:, names == name]) for name in ("north", "south")])
    north, south = np.mean(found, axis=0).tolist()
    print(f"SIMULATED groups: north, which moves, {north:.1%} and south {south:.1%} of 90%")  # noqa: T201 (as above)
    assert north == pytest.approx(0.9, abs=0.01)
    assert south == pytest.approx(0.9, abs=0.01)
