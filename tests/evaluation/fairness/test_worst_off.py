"""The worst-off of 2 to 20 groups: a fair model is not found unfair by their number."""

from __future__ import annotations

import numpy as np
import pytest
from tests.conftest import Simulations

from kreis.evaluation.fairness.worst_off import worst_off
from kreis.evaluation.gates import judge_guardrail
from kreis.evaluation.slices import Groups
from kreis.requirements.goal import Goal, Guardrail
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.tasks.metrics.disparate_impact import DisparateImpact
from kreis.tasks.metrics.yes_no import YesNoRows

GOAL = Goal(
    question="Lend?",
    decision="Lend.",
    metric=DecisionValue("EUR", true_positive=1, false_positive=-1),
    favourable="positive",
)
RAIL = Guardrail("disparate_impact", at_least=0.8, by="group")


def drawn(
    rng: np.random.Generator, rates: np.ndarray, rows: int, *, weather: float = 0.0
) -> tuple[YesNoRows, np.ndarray]:
    days = np.arange(rows) % 30
    chance = rates[np.arange(rows) // 30 % len(rates)] * np.exp(weather * rng.normal(size=30))[days]
    decisions = rng.random(rows) < np.minimum(chance, 1)
    return YesNoRows(rng.random(rows) < 0.3, np.full(rows, 0.3), decisions), days


def groups_of(rates: np.ndarray, rows: int) -> Groups:
    return Groups([f"g{code}" for code in range(len(rates))], np.arange(rows) // 30 % len(rates))


@pytest.mark.simulation
@pytest.mark.parametrize("count", [2, 5, 10, 20])
@pytest.mark.parametrize(("rows", "enough"), [(6_000, False), (60_000, True)])
def test_a_fair_model_is_not_refused_for_the_number_of_its_groups(
    count: int, rows: int, enough: bool, simulations: Simulations
):
    rng, runs = np.random.default_rng(count), simulations.runs(60)
    rates = np.full(count, 0.3)
    columns = {"group": groups_of(rates, rows)}
    drawings = (drawn(rng, rates, rows, weather=0.2) for _ in range(runs))
    outcomes = [judge_guardrail(RAIL, each, days, GOAL, groups=columns).outcome for each, days in drawings]
    what = f"fair model, {count} groups of {rows // count:,} rows"
    simulations.at_most(f"{what}, found unfair", outcomes.count("fail"), runs, 0.05)
    if enough:
        simulations.at_most(f"{what}, refused", runs - outcomes.count("pass"), runs, 0.05)


@pytest.mark.simulation
@pytest.mark.parametrize("count", [2, 5, 10, 20])
def test_the_least_ratio_lies_in_its_interval_and_is_not_shown_good_when_it_is_not(
    count: int, simulations: Simulations
):
    rng, runs, rows = np.random.default_rng(count), simulations.runs(60), 24_000
    rates = np.full(count, 0.3)
    rates[0] = 0.23
    truth = 0.23 / 0.3
    groups = groups_of(rates, rows)
    found = [worst_off(DisparateImpact.rate, *drawn(rng, rates, rows), groups) for _ in range(runs)]
    estimates = [each.estimate for each in found if each is not None]
    held = sum(each.low <= truth <= each.high for each in estimates)
    simulations.at_least(f"interval of the least ratio of {count} groups", held, runs, 0.95)
    passed = sum(each.low >= truth for each in estimates)
    simulations.at_most(f"an unfair model of {count} groups passes at its own ratio", passed, runs, 0.025)


def test_the_least_of_many_equal_ratios_is_not_taken_for_a_low_one():
    rates = np.full(20, 0.3)
    medians = []
    for seed in range(20):
        found = worst_off(
            DisparateImpact.rate, *drawn(np.random.default_rng(seed), rates, 12_000), groups_of(rates, 12_000)
        )
        assert found is not None
        medians.append((found.estimate.value, min(each.value for each in found.groups.values())))
    corrected, least = np.median(np.array(medians), axis=0)
    assert least < 0.9
    assert corrected > 0.97


def test_a_group_that_never_gets_it_has_the_ratio_nought_with_room_above():
    rates = np.array([0.0, 0.3])
    found = worst_off(DisparateImpact.rate, *drawn(np.random.default_rng(1), rates, 600), groups_of(rates, 600))
    assert found is not None
    assert (found.estimate.value, found.estimate.low, found.group) == (0.0, 0.0, "g0")
    assert 0 < found.estimate.high < 0.1
