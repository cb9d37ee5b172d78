"""How much error comparisons with a champion may make, so that a year of them keeps one rate."""

from __future__ import annotations

import numpy as np
import pytest
from tests.conftest import Simulations

from kreis.evaluation.blocks import interval
from kreis.evaluation.spending import spend

YEARLY, TEST, HISTORY = 0.1, 30, 120


def test_a_day_saves_its_share_of_the_years_rate_and_a_comparison_spends_four_fifths_of_what_is_saved():
    found = spend(30.0, yearly=YEARLY, at_most=TEST)
    assert found.days == pytest.approx(24.0)
    assert found.level == pytest.approx(1 - 2 * YEARLY * 24 / 365)
    assert found.why == "24 days' share of the 10% a year by which a model that is no better may replace it"


def test_a_comparison_spends_at_most_what_its_test_part_has_days():
    assert spend(365.0, yearly=YEARLY, at_most=TEST).days == TEST
    assert spend(37.4, yearly=YEARLY, at_most=TEST).days == pytest.approx(29.92)
    assert spend(37.6, yearly=YEARLY, at_most=TEST).days == TEST


@pytest.mark.parametrize("saved", [0.0, -12.0])
def test_where_nothing_is_saved_next_to_nothing_can_pass(saved: float):
    found = spend(saved, yearly=YEARLY, at_most=TEST)
    assert found.days == 0.0
    assert 0 < 1 - found.level < 1e-8
    assert "no new days" in found.why


def test_comparisons_never_spend_more_than_was_saved_and_many_on_one_day_still_spend_something():
    spent = 0.0
    for day in (1, 1, 1, 2, 40, 40, 400):
        found = spend(day - spent, yearly=YEARLY, at_most=TEST)
        assert found.days > 0
        spent += found.days
        assert spent <= day
    looks = [spend(30.0, yearly=YEARLY, at_most=TEST)]
    for look in range(2, 12):  # every 30 days: before long each has a whole month's worth
        looks.append(spend(30.0 * look - sum(each.days for each in looks), yearly=YEARLY, at_most=TEST))
    assert looks[-1].days == pytest.approx(30, abs=0.01)


def weather(rng: np.random.Generator, lasting: float, skewed: bool) -> np.ndarray:
    """What the days of a history and a year are like; neighbours are alike by `lasting`, or days are skewed (by 1)."""
    if skewed:
        return (rng.gamma(4.0, size=HISTORY + 365 + TEST) - 4) * rng.choice([-1, 1])
    days = rng.normal(size=HISTORY + 365 + TEST)
    for day in range(1, len(days)):
        days[day] = lasting * days[day - 1] + np.sqrt(1 - lasting**2) * days[day]
    return days


@pytest.mark.simulation
@pytest.mark.parametrize(("lasting", "skewed"), [(0.0, False), (0.0, True), (0.4, False), (0.6, False)])
@pytest.mark.parametrize("every", [1, 7, 30])
@pytest.mark.parametrize("anew", [False, True])
def test_a_useless_challenger_replaces_the_champion_within_a_year_no_more_often_than_stated(
    lasting: float, skewed: bool, every: int, anew: bool, simulations: Simulations
):
    """Worth the same on average: the same one in every circle, or each time another one, to which the same weather
    means something else."""
    rng, runs = np.random.default_rng(every), simulations.runs(80)
    replaced = 0
    for _ in range(runs):
        days, spent = weather(rng, lasting, skewed), 0.0
        for day in range(every, 366, every):
            spending = spend(day - spent, yearly=YEARLY, at_most=TEST)
            spent += spending.days
            tested = days[HISTORY + day : HISTORY + day + TEST]
            if anew:
                tested = rng.normal() * tested + rng.normal(size=TEST)
            value = float(tested.mean())
            climate = how_alike(days[day : HISTORY + day + TEST])
            found = interval(value, (tested - value) / TEST, level=spending.level, climate=climate)
            if found.low >= 0 and found.effective >= 5:
                replaced += 1
                break
    who = "another one each time" if anew else "the same one"
    how = f"days alike by {lasting}{', skewed' if skewed else ''}"
    simulations.at_most(
        f"useless challenger ({who}) wins within a year, circles every {every} d, {how}", replaced, runs, YEARLY
    )


def how_alike(days: np.ndarray) -> float:
    """As `climate_of` says of outcomes that differ by day alone."""
    centred = days - days.mean()
    seen = float(centred[1:] @ centred[:-1] / (centred @ centred))
    return min(max((len(days) * seen + 1) / (len(days) - 6), 0.0), 0.9)
