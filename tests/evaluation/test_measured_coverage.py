"""Intervals hold the truth as often as they say, for each kind of metric; the rates stand in `coverage.md`."""

from __future__ import annotations

import pytest
from tests.conftest import Simulations
from tests.evaluation.worlds import PAGE, Case, alike, cases, covered, undecided

CASES = list(cases())


@pytest.mark.parametrize("case", [each for each in CASES if each.truth is not None], ids=lambda case: case.what)
def test_an_interval_is_not_far_off_in_few_runs(case: Case):
    found = covered(case, 100)
    assert 86 <= found.held + found.warned <= 100


@pytest.mark.simulation
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_an_interval_holds_the_truth_as_often_as_it_says(case: Case, simulations: Simulations):
    runs = simulations.runs(200)
    found = covered(case, runs)
    simulations.at_least(f"interval of {case.what}", found.held + found.warned, runs, 0.95)
    simulations.at_most(f"interval of {case.what}, the truth held", found.held, runs, 0.95)


@pytest.mark.simulation
def test_models_that_are_alike_are_told_apart_as_seldom_as_stated(simulations: Simulations):
    runs = 5 * simulations.runs(400)
    for what, wrong in zip(("value", "absolute error"), alike(runs), strict=True):
        simulations.at_most(f"two models that are alike told apart by {what}", wrong, runs, 0.05)
        simulations.at_least(f"two models that are alike told apart by {what}", wrong, runs, 0.05)


@pytest.mark.simulation
def test_a_gate_is_undecided_on_two_rows_of_a_class(simulations: Simulations):
    runs = simulations.runs(200)
    assert undecided(runs) == runs


def test_what_was_measured_names_every_case():
    page = PAGE.read_text(encoding="utf-8")
    assert all(f"| {case.what} |" in page for case in CASES)
